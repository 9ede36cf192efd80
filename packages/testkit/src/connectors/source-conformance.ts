import { fail, ok } from 'node:assert/strict'
import type { Source } from '@millrace/engine'
import { RealMachine, SimulatedMachine, type TestMachine } from './machine.ts'
import { SourceHost, type SourceSnapshot } from './source-host.ts'
import { counted, Story } from './story.ts'

/** A source, its input and what must come of it, for `sourceConformance`. */
export interface SourceConformanceOptions<T> {
  /** The source, made anew for each life as a build of the job would. Its input is made by `prepare`. */
  readonly create: (machine: TestMachine) => Source<T>
  /** Every record of the input, in an order in which `lane` finds those of each lane. Called after a run. */
  readonly expected: (machine: TestMachine) => readonly T[]
  /** Makes the input, once a run. */
  readonly prepare?: (machine: TestMachine) => Promise<void>
  /** Changes the input while it is read (appends, rotates); answers false when nothing more will change. Called between lives too. */
  readonly disturb?: (machine: TestMachine) => Promise<boolean>
  /** Records with the same lane must come in order, whatever the parallelism; by default nothing is said about order. */
  readonly lane?: (value: T) => string
  /** 20 runs by default, from seed 1. */
  readonly seeds?: Iterable<number>
  /** `simulated` by default. */
  readonly machine?: 'simulated' | 'real'
  /** Most subtasks of a life; 4 by default. */
  readonly parallelismMax?: number
  /** Most crashes of a run; 6 by default. */
  readonly crashesMax?: number
}

/** What was reached, over all seeds: a test can ask for a minimum. */
export interface SourceConformanceReport {
  runs: number
  records: number
  snapshots: number
  restores: number
  rescales: number
  /** Polls that went on when `enough` of the output said to come back: what slow functions make of their records keeps a thread waiting. */
  overran: number
}

/**
 * Proves that a source emits every record exactly once when the checkpoint it is restored from counts: it is polled at random, snapshots
 * are taken between polls, the process dies, and readers at another parallelism go on from the last snapshot.
 * It also proves that a reader wakes its task, ends once, takes splits whenever they come, emits while it is polled only, and that snapshots are plain data that never change afterwards.
 *
 * Throws an error that names the seed and what had happened; its `cause` is what was found.
 */
export async function sourceConformance<T>(options: SourceConformanceOptions<T>): Promise<SourceConformanceReport> {
  const report = { runs: 0, records: 0, snapshots: 0, restores: 0, rescales: 0, overran: 0 }
  for (const seed of options.seeds ?? Array.from({ length: 20 }, (_, index) => index + 1)) {
    const machine = options.machine === 'real' ? await RealMachine.create(seed) : new SimulatedMachine(seed)
    const story = new Story()
    try {
      await new SourceRun(options, machine, report, story).run()
    } catch (error) {
      throw story.failure(seed, error)
    } finally {
      await machine.close()
    }
    report.runs++
  }
  return report
}

interface Emitted<T> {
  readonly value: T
  /** From 1. */
  readonly life: number
}

/** Turns without progress after which a source counts as stuck. */
const idleTurnsMax = 20_000
/** Turns that a source without end is watched for after its last record: nothing more may come. */
const quietTurns = 200

class SourceRun<T> {
  readonly #options: SourceConformanceOptions<T>
  readonly #machine: TestMachine
  readonly #report: SourceConformanceReport
  /** Emitted before the last snapshot: counts for good. */
  readonly #kept: Emitted<T>[] = []
  #snapshot: SourceSnapshot | undefined
  #parallelism = 1
  #checkpointId = 0
  #life = 1
  readonly #story: Story
  #mayChange: boolean

  constructor(options: SourceConformanceOptions<T>, machine: TestMachine, report: SourceConformanceReport, story: Story) {
    this.#story = story
    this.#options = options
    this.#machine = machine
    this.#report = report
    this.#mayChange = options.disturb !== undefined
  }

  async run(): Promise<void> {
    await this.#options.prepare?.(this.#machine)
    const crashes = this.#machine.random.between(0, this.#options.crashesMax ?? 6)
    for (let life = 0; life <= crashes; life++) {
      this.#life = life + 1
      await this.#live(life === crashes)
      while (this.#machine.random.chance(0.3)) await this.#disturb()
    }
    this.#compare()
  }

  async #live(isLast: boolean): Promise<void> {
    const { random } = this.#machine
    const parallelism = random.between(1, this.#options.parallelismMax ?? 4)
    if (this.#snapshot !== undefined) this.#report.restores++
    if (this.#snapshot !== undefined && parallelism !== this.#parallelism) this.#report.rescales++
    this.#parallelism = parallelism
    const start =
      this.#snapshot === undefined
        ? 'from the beginning'
        : `from the last snapshot, with ${counted(this.#snapshot.splits.length, 'split')} of readers`
    this.#story.add(`life ${this.#life}, with ${counted(parallelism, 'subtask')}, begins ${start}`)
    const host = new SourceHost<T>(this.#options.create(this.#machine), this.#machine, this.#machine.boot(), parallelism)
    await host.start(this.#snapshot)
    // Small input is read in a few polls: some lives end soon, and are looked at often.
    const lifetime = isLast ? Infinity : random.between(1, random.pick([10, 300]))
    const isComplete = await this.#drive(host, lifetime)
    this.#report.overran += host.overran
    if (isComplete) this.#takeSnapshot(host)
    if (isLast || random.chance(0.3)) await host.close()
    this.#story.add(isLast ? 'it ends' : `the process dies, ${counted(host.emitted.length, 'record')} after its last snapshot`)
    this.#machine.crash('kill')
  }

  /** Polls until the life is over; answers whether everything was read. */
  async #drive(host: SourceHost<T>, lifetime: number): Promise<boolean> {
    const { random } = this.#machine
    const patience = random.pick([0, 0.2, 0.9])
    const snapshotProbability = random.pick([0.05, 0.3])
    let idleTurns = 0
    for (let steps = 0; steps < lifetime || this.#mustBeSeen();) {
      if (host.hasEnded) return true
      if (steps >= lifetime && host.emitted.length > 0) this.#takeSnapshot(host)
      if (random.chance(0.1)) await this.#disturb()
      if (random.chance(idleTurns < 20 ? snapshotProbability : 0.05)) this.#takeSnapshot(host)
      const before = host.emitted.length
      const hasPolled = host.step(random.between(0, this.#parallelism - 1))
      if (hasPolled) steps++
      idleTurns = host.emitted.length > before ? 0 : idleTurns + 1
      if (!hasPolled || random.chance(patience)) await this.#machine.turn()
      host.check()
      if (this.#isQuiet(host, idleTurns)) return true
      ok(
        idleTurns < idleTurnsMax,
        `the source is stuck after ${counted(this.#kept.length + host.emitted.length, 'record')}: ${host.describe()}`,
      )
    }
    return false
  }

  /** What changes before anything of it is in a snapshot cannot be known to whoever comes later: a log that was rotated away. */
  #mustBeSeen(): boolean {
    return this.#options.disturb !== undefined && this.#kept.length === 0
  }

  /** Whether a source without end has emitted all there is, and then nothing for a while. */
  #isQuiet(host: SourceHost<T>, idleTurns: number): boolean {
    if (this.#options.disturb === undefined || this.#mayChange || idleTurns < quietTurns) return false
    return this.#kept.length + host.emitted.length >= this.#options.expected(this.#machine).length
  }

  #takeSnapshot(host: SourceHost<T>): void {
    this.#snapshot = host.snapshot()
    this.#report.snapshots++
    this.#story.add(
      `a snapshot after ${counted(host.emitted.length, 'record')} more holds ${counted(this.#snapshot.splits.length, 'split')} of readers`,
    )
    for (const { value } of host.emitted.splice(0)) this.#kept.push({ value, life: this.#life })
    host.checkpointComplete(++this.#checkpointId)
  }

  async #disturb(): Promise<void> {
    if (this.#mayChange) this.#mayChange = await this.#machine.run(this.#options.disturb!(this.#machine))
  }

  #compare(): void {
    const expected = this.#options.expected(this.#machine)
    const seen = this.#kept.map(({ value }) => value)
    this.#report.records += seen.length
    const counts = count(seen.map(identity))
    for (const [record, times] of count(expected.map(identity))) {
      const came = counts.get(record) ?? 0
      counts.delete(record)
      if (came === times) continue
      const why =
        came < times
          ? 'a snapshot stood behind what had been emitted, or a split was in none'
          : 'a snapshot stood before what had been emitted, or a split was read twice'
      const lives = this.#kept.filter(({ value }) => identity(value) === record).map(({ life }) => life)
      fail(
        `${record} is in the input ${counted(times, 'time')} and came ${counted(came, 'time')}${came > 0 ? `, in life ${lives.join(' and ')}` : ''}: ${why}`,
      )
    }
    const others = [...counts.keys()]
    ok(others.length === 0, `${counted(others.length, 'record')} not in the input came: ${others.slice(0, 5).join(', ')}`)
    if (this.#options.lane !== undefined) this.#compareOrder(expected, seen, this.#options.lane)
  }

  #compareOrder(expected: readonly T[], seen: readonly T[], lane: (value: T) => string): void {
    const wanted = Map.groupBy(expected, lane)
    for (const [name, values] of Map.groupBy(seen, lane)) {
      const list = wanted.get(name) ?? []
      const at = values.findIndex((value, index) => identity(value) !== identity(list[index]))
      if (at >= 0) fail(`the order of ${name} is wrong: number ${at} is ${identity(list[at])}, and ${identity(values[at])} came`)
    }
  }
}

function identity(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}

function count(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}
