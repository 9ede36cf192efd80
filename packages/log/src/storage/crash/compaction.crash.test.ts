/**
 * Compaction on a simulated disk that crashes anywhere in it.
 *
 * Whatever happens: 1. each key's last committed value is what it was, by the markers and by the transaction index, and deleted keys stay
 * deleted; 2. records never change and
 * keep their offsets; 3. the log's end and its producers stay; 4. segments leave no gap; 5. it is the same after one more opening.
 *
 * `MILLRACE_SEED=n` replays one seed, `MILLRACE_SEEDS=n` runs so many.
 */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { compactLog } from '../cleaner/compaction.ts'
import { records } from '../../records/record.ts'
import { check, producersOf, Scenario } from './compaction-scenario.test.ts'

async function simulate(seed: number): Promise<void> {
  const scenario = new Scenario(seed)
  const { clock, random, disk } = scenario
  let crashes = 0
  try {
    await clock.run(scenario.opening())
    for (let round = 0; round < 4; round++) {
      await clock.run(scenario.fill())
      await clock.advance(random.between(0, 1500))
      const before = await clock.run(scenario.contents())
      const end = scenario.log.logEndOffset
      const producers = producersOf(scenario.log)
      const work = scenario.compact()
      if (random.chance(0.6)) {
        work.catch(() => undefined)
        for (let step = random.between(0, 120); step > 0 && (await clock.step()); step--);
        disk.crash()
        crashes++
        await clock.run(scenario.opening())
      } else await clock.run(work)
      await check(scenario, before, end, producers)
      if (random.chance(0.3)) {
        disk.crash()
        await clock.run(scenario.opening())
        await check(scenario, before, end, producers)
      }
      await clock.advance(200)
    }
    assert.deepEqual(scenario.notices, [], 'everything was synced before')
  } catch (error) {
    throw new Error(`seed ${seed} fails; replay it with MILLRACE_SEED=${seed}: ${error instanceof Error ? error.stack : String(error)}`, {
      cause: error,
    })
  }
}

test('compaction keeps the last value of each key, crash or not', async () => {
  const only = process.env['MILLRACE_SEED']
  if (only !== undefined) return await simulate(Number(only))
  // 1342: a map that ended in the middle of a segment hid the aborted transactions behind it.
  await simulate(1342)
  // They notice what the first ones do not: an old index beside a compacted segment, and the name of a log that was just made, without a sync of the folder.
  for (const seed of [33, 406]) await simulate(seed)
  for (let seed = 0; seed < Number(process.env['MILLRACE_SEEDS'] ?? 20); seed++) await simulate(seed)
})

test('compaction leaves one record of each key, and no tombstone past its horizon', async () => {
  const scenario = new Scenario(11)
  const { clock } = scenario
  await clock.run(scenario.opening())
  for (let round = 0; round < 3; round++) {
    await clock.run(scenario.fill())
    await clock.run(scenario.log.roll())
    await clock.run(scenario.compact())
    await clock.advance(5000)
  }
  await clock.run(scenario.log.roll())
  for (let round = 0; round < 2; round++) {
    const { segments } = scenario.log.state
    const all = { firstDirtyOffset: 0, endOffset: segments.at(-1)!.baseOffset, dirtyBytes: 1, dirtyRatio: 1, isDue: true }
    await clock.run(compactLog(scenario.log, { ...all, endOffset: Math.min(all.endOffset, scenario.log.lastStableOffset) }, 24_000))
    await clock.advance(5000)
  }
  const { lastStableOffset } = scenario.log
  const stable = (await clock.run(scenario.contents())).filter((batch) => batch.lastOffset < lastStableOffset)
  const sealedEnd = scenario.log.state.segments.findLast((segment) => segment.nextOffset <= lastStableOffset)?.nextOffset ?? 0
  const keys = stable.filter((batch) => !batch.isControl && batch.lastOffset < sealedEnd).flatMap((batch) => [...records(batch)])
  const names = keys.map(({ key }) => Buffer.from(key!).toString())
  assert.deepEqual(names.length, new Set(names).size)
  assert.equal(
    keys.some(({ value }) => value === null),
    false,
  )
})
