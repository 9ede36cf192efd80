import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'millrace-stripped-'))
after(() => rmSync(folder, { recursive: true }))

/** What a process answers that wants `text` stripped: the code, and whether it had to strip. */
function inProcess(text: string, environment: { readonly [name: string]: string }): { readonly code: string; readonly stripped: boolean } {
  const code = `
    import { strippedOnce } from ${JSON.stringify(import.meta.resolve('./stripped-sources.ts'))}
    let stripped = false
    const code = strippedOnce('file:///job.ts', ${JSON.stringify(text)}, () => { stripped = true; return 'code of ' + ${JSON.stringify(text)} })
    console.log(JSON.stringify({ code, stripped }))`
  const { NODE_COMPILE_CACHE: _, ...rest } = process.env
  const flags = [...process.execArgv.filter((flag) => flag.startsWith('--conditions')), '--input-type=module', '-e', code]
  return JSON.parse(execFileSync(process.execPath, flags, { encoding: 'utf8', env: { ...rest, ...environment } })) as ReturnType<
    typeof inProcess
  >
}

function keptFile(cache: string): string {
  const [version] = readdirSync(cache)
  const [file] = readdirSync(join(cache, version!, 'millrace'))
  return join(cache, version!, 'millrace', file!)
}

void test('types are stripped once for a text, and again when it has changed or what was kept is damaged', () => {
  const cache = join(folder, 'cache')
  const environment = { NODE_COMPILE_CACHE: cache }
  assert.deepEqual(inProcess('ä: 1', environment), { code: 'code of ä: 1', stripped: true })
  assert.deepEqual(inProcess('ä: 1', environment), { code: 'code of ä: 1', stripped: false })
  assert.deepEqual(inProcess('b: 1', environment), { code: 'code of b: 1', stripped: true })
  const file = keptFile(cache)
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, -1))
  assert.deepEqual(inProcess('b: 1', environment), { code: 'code of b: 1', stripped: true })
  assert.deepEqual(inProcess('b: 1', environment), { code: 'code of b: 1', stripped: false })
})

void test('nothing is kept where there is no compile cache', () => {
  assert.equal(inProcess('a', {}).stripped, true)
  assert.equal(inProcess('a', {}).stripped, true)
})

void test('a cache that cannot be written is as good as none', () => {
  const environment = { NODE_COMPILE_CACHE: join(folder, 'forbidden') }
  inProcess('a', environment)
  const kept = dirname(keptFile(environment.NODE_COMPILE_CACHE))
  rmSync(kept, { recursive: true })
  writeFileSync(kept, 'a file where the folder was')
  assert.equal(inProcess('a', environment).stripped, true)
  assert.equal(inProcess('a', environment).stripped, true)
})
