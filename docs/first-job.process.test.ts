// The walk-through of `guide/first-job.md`, as it stands there.
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Walk } from './walk.ts'

void test('the first job does what the page says', { timeout: 300_000 }, async (context) => {
  const walk = new Walk('docs/guide/first-job.md')
  context.after(() => walk.close())
  const out = join(walk.folder, 'counts')
  await walk.go(() => (existsSync(out) ? readdirSync(out).filter((name) => !name.startsWith('.')).length : 0))
})
