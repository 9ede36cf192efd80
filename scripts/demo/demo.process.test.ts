// The demo as users start it, shortened.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const node = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']

void test('the demo is right after the job and the log were killed', () => {
  const command = [...node, join(import.meta.dirname, 'demo.ts'), '--seconds', '6', '--kills', '1', '--rate', '3000', '--seed', '4']
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, /kill -9 \d+.*, the job[^]*SIGTERM: final checkpoint \d+, exit code 0[^]*Right: each of [\d,]+ orders/)
  assert.match(stdout, /kill -9 \d+.*, the log[^]*the log is back/)
})

void test('mistakes on the command line are told', () => {
  const { status, stderr } = spawnSync(process.execPath, [...node, join(import.meta.dirname, 'demo.ts'), '--kills', 'many'], {
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.match(stderr, /--kills must be a whole number/)
})
