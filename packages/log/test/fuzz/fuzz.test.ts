import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runRound } from './round.ts'
import { targets } from './targets.ts'

void test('no decoder crashes, hangs or grows by what it is fed', async () => {
  const counts = await runRound({ targets, seed: 4, inputs: 4_000 })
  for (const [name, { taken, refused }] of counts) assert.ok(taken + refused > 0, `${name} was never fed`)
  const all = [...counts.values()]
  assert.ok(all.some(({ taken }) => taken > 10) && all.some(({ refused }) => refused > 10), 'some inputs are taken, some are refused')
})
