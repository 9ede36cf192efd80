import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSeed } from './seed.ts'
import { noSituations, situations } from './situations.ts'

/**
 * A share of `npm run sim:log`. The first two meet every situation of one directory between them; in 84 logs are moved between two. 1489: a producer sent a batch again that was not its last one, after two restarts, and it was
 * there twice, as snapshots told of the last one alone.
 */
const seeds = [1, 2, 84, 1489]

void test('brokers that die lose and double nothing that was acknowledged', async () => {
  const totals = noSituations()
  for (const seed of seeds) {
    const counts = await runSeed(seed)
    for (const name of situations) totals[name] += counts[name]
  }
  const met = ['power failure', 'kill', 'crash between append and acknowledgement', 'a move that went on', 'a move that ended'] as const
  for (const name of met) assert.ok(totals[name] > 0, name)
})
