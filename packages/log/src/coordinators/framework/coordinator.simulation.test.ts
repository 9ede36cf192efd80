/**
 * Counters through thousands of commands, failing appends and changes of leadership, under a seed.
 *
 * Checked from outside, by what clients were told: 1. nothing acknowledged is lost; 2. what readers are told never goes back, nor
 * is it ever something that is not in the log; 3. every command is answered or refused; 4. after each load, and at the end, the state is the replay
 * of the log; 5. a total is never made of an addition that was refused with certainty.
 *
 * `MILLRACE_SEED=n` replays one seed, `MILLRACE_SEEDS=n` runs so many.
 */
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { Coordinator } from './coordinator.ts'
import { replay } from './replay.ts'
import { add, counters, read, type CounterRecord, type CounterState } from './testing/counters.ts'
import { MemoryLog, type AppendFate } from './testing/memory-log.ts'

type Case = 'refused' | 'unacknowledged' | 'torn' | 'replaced' | 'answered' | 'failed' | 'grouped'

const NAMES = ['a', 'b', 'c']

class World {
  readonly random: SeededRandom
  readonly clock = new VirtualClock()
  readonly batches: Uint8Array[] = []
  readonly cases: Map<Case, number>
  readonly coordinator: Coordinator<CounterState, CounterRecord>
  /** The largest total anyone was told, and the sum of all additions that may have happened. */
  readonly told = new Map<string, number>()
  readonly attempted = new Map<string, number>()
  log: MemoryLog
  epoch = 0
  owed = 0
  isCalm = false
  problem: unknown

  constructor(seed: number, cases: Map<Case, number>) {
    this.random = new SeededRandom(seed)
    this.cases = cases
    this.coordinator = new Coordinator({ name: 'counter', machine: counters, clock: this.clock, random: this.random.fork() })
    this.log = this.lead()
  }

  note(name: Case): void {
    this.cases.set(name, (this.cases.get(name) ?? 0) + 1)
  }

  /** A new leadership over what is in the log; the one before writes no more. */
  lead(): MemoryLog {
    if (this.epoch > 0) this.log.isFenced = true
    const delays = this.random.fork()
    this.log = new MemoryLog({
      clock: this.clock,
      batches: this.batches,
      leaderEpoch: this.epoch++,
      delayMs: () => delays.between(0, 4),
      fate: () => this.fate(),
    })
    this.coordinator.load(0, this.log)
    return this.log
  }

  fate(): AppendFate {
    if (this.isCalm || this.random.chance(0.9)) return 'acknowledged'
    const fate = this.random.pick<AppendFate>(['refused', 'unacknowledged', 'torn'])
    this.note(fate as Case)
    return fate
  }

  /** One command, and what its client makes of the answer. */
  command(): void {
    const name = this.random.pick(NAMES)
    this.owed++
    const isRead = this.random.chance(0.4)
    const floor = this.told.get(name) ?? 0
    if (!isRead) this.attempted.set(name, (this.attempted.get(name) ?? 0) + 1)
    this.coordinator
      .submit(0, isRead ? read(name) : add(name, 1))
      .then(
        (total) => {
          this.owed--
          this.note('answered')
          assert.ok(total >= floor + (isRead ? 0 : 1), `${name}: told ${floor} before the command, ${total} after`)
          assert.ok(total <= (this.attempted.get(name) ?? 0))
          this.told.set(name, Math.max(total, this.told.get(name) ?? 0))
        },
        (error: { code: string }) => {
          this.owed--
          this.note('failed')
          assert.match(error.code, /^COORDINATOR_(LOADING|UNAVAILABLE|NOT_HERE)$/)
          if (error.code === 'COORDINATOR_LOADING' && !isRead) this.attempted.set(name, this.attempted.get(name)! - 1)
        },
      )
      .catch((error: unknown) => (this.problem ??= error))
  }

  async replayed(): Promise<Map<string, number>> {
    const log = new MemoryLog({ clock: this.clock, batches: [...this.batches] })
    const { state } = await this.clock.run(replay(counters, log, 0, () => true))
    return state.totals
  }

  async run(): Promise<void> {
    for (let step = 0; step < 60; step++) {
      const before = this.log.appendCount
      const commands = this.random.between(0, 6)
      for (let count = 0; count < commands; count++) this.command()
      if (commands > 2 && this.log.appendCount - before <= 1) this.note('grouped')
      if (this.random.chance(0.03)) {
        this.lead()
        this.note('replaced')
      }
      await this.clock.advance(this.random.between(0, 6))
    }
    this.isCalm = true
    await this.clock.advance(5000)
    if (this.problem !== undefined) throw this.problem
    assert.equal(this.owed, 0, 'a command was never answered')
    const inLog = await this.replayed()
    for (const name of NAMES) {
      const total = await this.clock.run(this.coordinator.submit(0, read(name)))
      assert.equal(total, inLog.get(name) ?? 0)
      assert.ok(total >= (this.told.get(name) ?? 0), `${name}: ${this.told.get(name)} was acknowledged, ${total} is left`)
    }
    this.coordinator.close()
    await this.clock.runUntilIdle(1000)
  }
}

test('what was acknowledged is kept, and never goes back', async () => {
  const cases = new Map<Case, number>()
  const one = process.env['MILLRACE_SEED']
  const seeds = one === undefined ? Array.from({ length: Number(process.env['MILLRACE_SEEDS'] ?? 40) }, (_, index) => index) : [Number(one)]
  for (const seed of seeds) {
    try {
      await new World(seed, cases).run()
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
  if (one !== undefined) return
  for (const name of ['refused', 'unacknowledged', 'torn', 'replaced', 'grouped'] as const) {
    assert.ok((cases.get(name) ?? 0) >= 20, `${name} was met ${cases.get(name) ?? 0} times`)
  }
})
