// The walk-through of `guide/trouble.md`, as it stands there: a job that fails on a record, and the ways to look at it.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Walk } from './walk.ts'

void test('the walk-through does what it says', { timeout: 300_000 }, async (context) => {
  const walk = new Walk('docs/guide/trouble.md')
  context.after(() => walk.close())
  const out = join(walk.folder, 'balances')
  await walk.go(() => (existsSync(out) ? readdirSync(out).filter((name) => !name.startsWith('.')).length : 0))
})
