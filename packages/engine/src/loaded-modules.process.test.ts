import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

/** What each thread of a job would load, compile and keep, in order to send nothing: some milliseconds and megabytes apiece. */
const HEAVY = ['http', 'https', 'http2', 'tls', 'internal/deps/undici/undici', 'sqlite', 'inspector', 'test']

test('a job that needs no HTTP and no TLS loads neither', () => {
  const script = `await import('@millrace/engine'); console.log(JSON.stringify(process.moduleLoadList))`
  const printed = execFileSync(process.execPath, ['--conditions=@millrace/source', '--input-type=module', '--eval', script], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const loaded = new Set((JSON.parse(printed) as string[]).map((name) => name.replace(/^NativeModule /, '')))
  assert.ok(loaded.has('net'), 'the list is one of modules')
  assert.deepEqual(
    HEAVY.filter((name) => loaded.has(name)),
    [],
  )
})
