// The demo with files as users start it, shortened.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

void test('the demo is right after a kill, and leaves nothing behind', () => {
  const flags = ['--seconds', '3', '--kills', '1', '--rate', '2000']
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'file-demo.ts'), ...flags], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, /kill -9 \d+[^]*started in [\d,]+ ms[^]*SIGTERM: final checkpoint \d+, exit code 0[^]*Right: each of/)
  const folder = /\S+millrace-demo-\w+/.exec(stdout)![0]
  assert.ok(!existsSync(folder), folder)
})

void test('the kill test is right, at another parallelism in each life', () => {
  const flags = ['--kills', '2', '--rescale', '--rate', '2000', '--seed', '3']
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@millrace/source', join(import.meta.dirname, 'kill-test.ts'), ...flags],
    {
      encoding: 'utf8',
    },
  )
  assert.equal(status, 0, stdout + stderr)
  assert.equal(stdout.match(/✓.*killed after/g)?.length, 2, stdout)
  assert.match(stdout, /Right: every request is counted once and written once/)
})

void test('mistakes on the command line are told', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, 'file-demo.ts'), '--kills', 'many'], {
    encoding: 'utf8',
  })
  assert.equal(status, 1)
  assert.match(stderr, /--kills must be a whole number/)
})
