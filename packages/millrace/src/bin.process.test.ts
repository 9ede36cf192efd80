import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import manifest from '../package.json' with { type: 'json' }

const folder = mkdtempSync(join(tmpdir(), 'millrace-bin-'))
after(() => rmSync(folder, { recursive: true }))

const bin = `${import.meta.dirname}/bin.ts`

function millrace(
  flags: readonly string[],
  nodeFlags: readonly string[] = [],
  env: NodeJS.ProcessEnv = process.env,
): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(process.execPath, [...process.execArgv.filter((flag) => flag.startsWith('--conditions')), ...nodeFlags, bin, ...flags], {
    encoding: 'utf8',
    env,
  })
}

void test('it answers its version', () => {
  const { status, stdout, stderr } = millrace(['--version'])
  assert.deepEqual([status, stdout, stderr], [0, `${manifest.version}\n`, ''])
})

void test('that its version cannot be written is said in a line', { skip: process.platform !== 'linux' }, () => {
  const full = openSync('/dev/full', 'w')
  const flags = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
  const { status, stderr } = spawnSync(process.execPath, [...flags, bin, '--version'], {
    encoding: 'utf8',
    stdio: ['ignore', full, 'pipe'],
  })
  closeSync(full)
  assert.equal(status, 1)
  assert.match(stderr, /^millrace: the standard output cannot be written: ENOSPC[^\n]*\n$/)
})

void test('its exit code is that of the command', () => {
  assert.equal(millrace(['--help']).status, 0)
  assert.equal(millrace(['rnu']).status, 2)
})

void test('a user that the system does not know needs no home', () => {
  const preload = `
    import os from 'node:os'
    import { syncBuiltinESMExports } from 'node:module'
    os.homedir = () => { throw new Error('uv_os_homedir returned ENOENT') }
    syncBuiltinESMExports()`
  const { XDG_CACHE_HOME: _, ...others } = process.env
  const { status, stderr } = millrace(['list'], ['--import', `data:text/javascript,${encodeURIComponent(preload)}`], others)
  assert.deepEqual([status, stderr], [0, ''])
})

void test('it has eight threads for files, or as many as it is told to have', { skip: process.platform !== 'linux' }, () => {
  const tell = `
    import { readdirSync, readFileSync } from 'node:fs'
    import { readFile } from 'node:fs/promises'
    setImmediate(async () => {
      await readFile('/proc/self/comm')
      const names = readdirSync('/proc/self/task').map((task) => readFileSync('/proc/self/task/' + task + '/comm', 'utf8'))
      console.error('threads:', names.filter((name) => name.startsWith('libuv-worker')).length)
    })`
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(tell)}`]
  for (const [told, expected] of [
    [undefined, 8],
    ['3', 3],
  ] as const) {
    const { UV_THREADPOOL_SIZE: _, ...others } = process.env
    const { stderr } = millrace(['--help'], preload, { ...others, ...(told === undefined ? {} : { UV_THREADPOOL_SIZE: told }) })
    assert.match(stderr, new RegExp(`threads: ${expected}\n`))
  }
})

void test('what a module writes to the standard output is not in the answers of commands that load it', () => {
  const module = join(folder, 'talks.ts')
  const engine = JSON.stringify(import.meta.resolve('@millrace/engine'))
  writeFileSync(
    module,
    `import { defineJob, discard } from ${engine}
    console.log('loaded')
    export default defineJob('talks', (env) => {
      process.stdout.write('built')
      env.fromCollection([1]).sinkTo(discard())
    })`,
  )
  const { status, stdout, stderr } = millrace(['info', module, '--format', 'json'])
  assert.deepEqual([status, (JSON.parse(stdout) as { readonly job: string }).job], [0, 'talks'])
  assert.match(stderr, /loaded\nbuilt/)
})

void test('a module that ends the process does not look like a job that has finished', () => {
  for (const source of ['process.exit(0)', 'setTimeout(() => process.exit(), 1)\nawait new Promise(() => {})']) {
    const module = join(folder, `exits-${source.length}.ts`)
    writeFileSync(module, source)
    const { status, stderr } = millrace(['run', module])
    assert.equal(status, 1)
    assert.match(stderr, /ended before the command was done: .*process\.exit\(0\)\n/)
  }
})

void test('a module that waits at its top level is not waited for once the job is to stop', { skip: process.platform === 'win32' }, () => {
  const module = join(folder, 'waits.ts')
  writeFileSync(module, `process.kill(process.pid, 'SIGINT')\nawait new Promise(() => {})`)
  const startedMs = performance.now()
  const { status, stderr } = millrace(['run', module])
  assert.equal(status, 0)
  assert.match(stderr, /the job stopped after/)
  assert.ok(performance.now() - startedMs < 20_000)
})

void test('a Node that is too old is told', () => {
  const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '24.11.1' } })`
  const { status, stderr } = millrace(['--version'], ['--import', `data:text/javascript,${encodeURIComponent(older)}`])
  assert.deepEqual([status, stderr], [2, 'millrace: needs Node 24.12 or newer, and this is 24.11.1\n'])
})
