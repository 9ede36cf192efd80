import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

/** A share of `npm run kill-test:log`. */
void test('a broker killed under load comes back with all that it acknowledged', () => {
  const flags = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, join(import.meta.dirname, 'main.ts'), '--kills', '3', '--seed', '8'],
    {
      encoding: 'utf8',
    },
  )
  assert.equal(status, 0, stdout + stderr)
  assert.match(stdout, /nothing is wrong after 3 lives/)
})
