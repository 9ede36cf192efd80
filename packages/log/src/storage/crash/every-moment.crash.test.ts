/**
 * Work on a log that crashes at every moment in turn, with every single name lost alone or kept alone.
 *
 * Random crashes meet the few moments that matter too seldom. `MILLRACE_SEEDS=n` tries n / 100 logs at every moment; without it a share of the
 * moments of one log is tried.
 */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { NameFate } from '@millrace/testkit'
import { BatchView } from '../../records/batch.ts'
import { buildBatch } from '../../records/batch-builder.ts'
import { check, producersOf, Scenario } from './compaction-scenario.test.ts'

const fates = ['one', 'all-but-one'] as const
const namesMax = 14

const seeds = Number(process.env['MILLRACE_SEEDS'] ?? 0)
/** All moments in a long run. */
const stride = seeds > 0 ? 1 : 17
const logs = Math.max(1, Math.ceil(seeds / 100))

/** A log with its contents, and some work on it under way that is to be interrupted after so many steps of the clock. */
class Interrupted {
  readonly scenario: Scenario
  #before: readonly BatchView[] = []
  #end = 0
  #producers: unknown[] = []

  constructor(seed: number) {
    this.scenario = new Scenario(seed)
  }

  async run(work: (scenario: Scenario) => Promise<unknown>, steps: number): Promise<boolean> {
    const { clock } = this.scenario
    await clock.run(this.scenario.opening())
    await clock.run(this.scenario.fill())
    await clock.advance(100)
    this.#before = await clock.run(this.scenario.contents())
    this.#end = this.scenario.log.logEndOffset
    this.#producers = producersOf(this.scenario.log)
    let isOver = false
    const under = work(this.scenario).then(() => (isOver = true))
    under.catch(() => undefined)
    await this.step(steps)
    return !isOver
  }

  async step(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) if (!(await this.scenario.clock.step())) return
  }

  /** Opens the log once more: it must hold what it held. */
  async look(): Promise<void> {
    await this.scenario.clock.run(this.scenario.opening())
    await check(this.scenario, this.#before, this.#end, this.#producers)
  }

  async hasSwap(): Promise<boolean> {
    const { disk, clock, log } = this.scenario
    return (await clock.run(disk.attach().list(log.directory))).some((name) => name.endsWith('.log.swap'))
  }
}

/** Tries every name at one moment; `crash` gives how many names there were, or undefined if the work was over before. False then. */
async function everyName(moment: object, crash: (fate: NameFate) => Promise<number | undefined>): Promise<boolean> {
  for (const loss of fates) {
    for (let at = 0, names = 1; at < names; at++) {
      try {
        const unsynced = await crash({ loss, at })
        if (unsynced === undefined) return false
        names = Math.min(unsynced, namesMax)
      } catch (error) {
        throw new Error(`${JSON.stringify({ ...moment, loss, at })}: ${(error as Error).message}`, { cause: error })
      }
    }
  }
  return true
}

/** False when the compaction was over before. */
function compactionAt(seed: number, steps: number): Promise<boolean> {
  return everyName({ seed, steps }, async (fate) => {
    const interrupted = new Interrupted(seed)
    if (!(await interrupted.run((scenario) => scenario.compact(), steps))) return undefined
    const { disk } = interrupted.scenario
    const { unsyncedNames } = disk
    disk.crash(fate)
    await interrupted.look()
    return unsyncedNames
  })
}

test('a compaction survives a crash at every moment, whichever name is lost or kept', async () => {
  // After the swap has begun and before that is durable.
  for (let steps = 22; steps < 28; steps++) await compactionAt(1, steps)
  for (let seed = 1; seed <= logs; seed++) for (let steps = 1; await compactionAt(seed, steps); steps += stride);
})

interface RecoveryMoment {
  readonly seed: number
  /** What the first crash does to all names. */
  readonly first: 'none' | 'all'
  /** Of the compaction, and of the recovery. */
  readonly steps: number
  readonly recoverySteps: number
}

/** 'over' when the compaction was over before; 'none' when nothing was left to recover, or the recovery was over. */
async function recoveryAt(moment: RecoveryMoment): Promise<'none' | 'tried' | 'over'> {
  const { seed, first, steps, recoverySteps } = moment
  let outcome: 'none' | 'tried' | 'over' = 'tried'
  const isMoment = await everyName(moment, async (fate) => {
    const interrupted = new Interrupted(seed)
    if (!(await interrupted.run((scenario) => scenario.compact(), steps))) outcome = 'over'
    if (outcome === 'over') return undefined
    const { disk } = interrupted.scenario
    disk.crash({ loss: first, at: 0 })
    if (!(await interrupted.hasSwap())) outcome = 'none'
    if (outcome === 'none') return undefined
    let isOpen = false
    void interrupted.scenario.opening().then(() => (isOpen = true))
    await interrupted.step(recoverySteps)
    if (isOpen) outcome = 'none'
    const { unsyncedNames } = disk
    disk.crash(fate)
    await interrupted.look()
    return isOpen ? undefined : unsyncedNames
  })
  return isMoment ? 'tried' : outcome
}

test('a recovery that completes a swap survives a crash at every moment, whichever name is lost or kept', async () => {
  // The segment has its name, what it replaces has not lost its own durably.
  for (let recoverySteps = 20; recoverySteps < 30; recoverySteps++) await recoveryAt({ seed: 3, first: 'none', steps: 65, recoverySteps })
  for (let seed = 1; seed <= logs; seed++) {
    for (const first of ['none', 'all'] as const) {
      for (let steps = 1, outcome = ''; outcome !== 'over'; steps += stride) {
        for (
          let recoverySteps = 1;
          (outcome = await recoveryAt({ seed, first, steps, recoverySteps })) === 'tried';
          recoverySteps += stride
        );
      }
    }
  }
})

test('what a killed process has left is durable before anything is built on it', async () => {
  for (let seed = 1; seed <= logs; seed++) {
    const works: readonly ((scenario: Scenario) => Promise<unknown>)[] = [
      (scenario) => scenario.log.roll(),
      (scenario) => scenario.compact(),
      (scenario) => scenario.log.roll().then(() => scenario.log.flush()),
    ]
    for (const [number, work] of works.entries()) {
      const at = (steps: number): Promise<boolean> =>
        everyName({ seed, work: number, steps }, async (fate) => {
          const interrupted = new Interrupted(seed)
          if (!(await interrupted.run(work, steps))) return undefined
          const { scenario } = interrupted
          const { clock, disk } = scenario
          disk.kill()
          await interrupted.look()
          // The process that comes next writes on, durably; then the power fails.
          const bytes = buildBatch([{ key: Buffer.from('last'), value: null, timestamp: clock.now() }], {
            baseOffset: scenario.log.logEndOffset,
          }).whole
          const expected = new BatchView(bytes.slice())
          await clock.run(scenario.log.append(bytes, { origin: 'replication' }).then(() => scenario.log.sync()))
          const { unsyncedNames } = disk
          disk.crash(fate)
          await clock.run(scenario.opening())
          const last = (await clock.run(scenario.contents())).at(-1)
          assert.deepEqual([last?.baseOffset, last?.sizeBytes], [expected.baseOffset, expected.sizeBytes], 'the last record was synced')
          return Math.max(1, unsyncedNames)
        })
      for (let steps = 1; await at(steps); steps += stride);
    }
  }
})
