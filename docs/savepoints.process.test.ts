// The walk-through of `guide/savepoints.md`, as it stands there: its files, its commands in one shell, and what must come of them.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Walk } from './walk.ts'

interface Row {
  readonly n: number
  readonly product: string
  readonly count: number
  readonly revenue?: number
}

function rowsIn(folder: string): Row[] {
  const counts = join(folder, 'counts')
  if (!existsSync(counts)) return []
  const names = readdirSync(counts).filter((name) => !name.startsWith('.'))
  const lines = names.flatMap((name) => readFileSync(join(counts, name), 'utf8').split('\n').slice(0, -1))
  return lines.map((line) => JSON.parse(line) as Row)
}

void test('the walk-through does what it says', { timeout: 300_000 }, async (context) => {
  const walk = new Walk('docs/guide/savepoints.md')
  context.after(() => walk.close())
  await walk.go(() => rowsIn(walk.folder).length)
  assert.match(walk.output.stdout, /\norders +running [^]*_metadata\nshared\n/)
  assert.match(walk.output.stderr, /RESTORE_STATE_UNMAPPED/)
  assert.match(walk.output.stderr, /dealt out anew, from 128 key groups to 256/)
  const all = rowsIn(walk.folder)
  assert.equal(new Set(all.map(({ n }) => n)).size, all.length, 'no order is counted twice')
  for (const [product, list] of Map.groupBy(all, (row) => row.product)) {
    const counts = list.map(({ count }) => count).toSorted((a, b) => a - b)
    assert.deepEqual(
      counts,
      counts.map((_, index) => index + 1),
      `${product} has been counted over both versions`,
    )
  }
  assert.ok(all.some(({ revenue }) => revenue === undefined) && all.some(({ revenue }) => revenue !== undefined))
  assert.deepEqual(readdirSync(join(walk.folder, 'savepoints')).length, 1, 'one was disposed of, one moved, one is of the end')
})
