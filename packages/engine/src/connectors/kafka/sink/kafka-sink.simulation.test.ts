// A share of the seeds of `npm run sim:kafka`. `MILLRACE_SEED=n` replays one seed, `MILLRACE_SEEDS=n` runs so many.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noSituations, runSeed } from './fixtures/sink-simulation.ts'

void test('each record of a completed checkpoint is visible once, and no other', async () => {
  const one = process.env['MILLRACE_SEED']
  const numSeeds = Number(process.env['MILLRACE_SEEDS'] ?? 150)
  const seeds = one === undefined ? Array.from({ length: numSeeds }, (_, index) => index) : [Number(one)]
  const counts = noSituations()
  for (const seed of seeds) {
    try {
      await runSeed(seed, counts)
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
  if (one !== undefined) return
  for (const [situation, times] of Object.entries(counts)) assert.ok(times > 0, `${situation} was never reached`)
})
