import { messageOf } from '@millrace/core'
import { deepEqual, ok } from 'node:assert/strict'
import type { Source } from '@millrace/engine'
import { RealMachine, SimulatedMachine, type TestMachine } from './machine.ts'
import { SourceHost, type SourceSnapshot } from './source-host.ts'

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
}

/**
 * Proves that a source emits every record exactly once when the checkpoint it is restored from counts: it is polled at random, snapshots
 * are taken between polls, the process dies, and readers at another parallelism go on from the last snapshot.
 * It also proves that a reader wakes its task, ends once, and that snapshots are plain data that never change afterwards.
 *
 * Throws an `AssertionError` that names the seed.
 */
export async function sourceConformance<T>(options: SourceConformanceOptions<T>): Promise<SourceConformanceReport> {
  const report = { runs: 0, records: 0, snapshots: 0, restores: 0, rescales: 0 }
  for (const seed of options.seeds ?? Array.from({ length: 20 }, (_, index) => index + 1)) {
    const machine = options.machine === 'real' ? await RealMachine.create(seed) : new SimulatedMachine(seed)
    try {
      await new SourceRun(options, machine, report).run()
    } catch (error) {
      throw new Error(`seed ${seed}: ${messageOf(error)}`, { cause: error })
    } finally {
      await machine.close()
    }
    report.runs++
  }
  return report
}

interface Emitted<T> {
  readonly value: T
  readonly subtask: number
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
  #mayChange: boolean

  constructor(options: SourceConformanceOptions<T>, machine: TestMachine, report: SourceConformanceReport) {
    this.#options = options
    this.#machine = machine
    this.#report = report
    this.#mayChange = options.disturb !== undefined
  }

  async run(): Promise<void> {
    await this.#options.prepare?.(this.#machine)
    const crashes = this.#machine.random.between(0, this.#options.crashesMax ?? 6)
    for (let life = 0; life <= crashes; life++) {
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
    const host = new SourceHost<T>(this.#options.create(this.#machine), this.#machine, this.#machine.boot(), parallelism)
    await host.start(this.#snapshot)
    const lifetime = isLast ? Infinity : random.between(1, 300)
    const isComplete = await this.#drive(host, lifetime)
    if (isComplete) this.#takeSnapshot(host)
    if (isLast || random.chance(0.3)) await host.close()
    this.#machine.crash('kill')
  }

  /** Polls until the life is over; answers whether everything was read. */
  async #drive(host: SourceHost<T>, lifetime: number): Promise<boolean> {
    const { random } = this.#machine
    const patience = random.pick([0, 0.2, 0.9])
    let idleTurns = 0
    for (let steps = 0; steps < lifetime;) {
      if (host.hasEnded) return true
      if (random.chance(0.1)) await this.#disturb()
      if (random.chance(0.05)) this.#takeSnapshot(host)
      const before = host.emitted.length
      const hasPolled = host.step(random.between(0, this.#parallelism - 1))
      if (hasPolled) steps++
      idleTurns = host.emitted.length > before ? 0 : idleTurns + 1
      if (!hasPolled || random.chance(patience)) await this.#machine.turn()
      host.check()
      if (this.#isQuiet(host, idleTurns)) return true
      ok(idleTurns < idleTurnsMax, `the source is stuck after ${this.#kept.length + host.emitted.length} records`)
    }
    return false
  }

  /** Whether a source without end has emitted all there is, and then nothing for a while. */
  #isQuiet(host: SourceHost<T>, idleTurns: number): boolean {
    if (this.#options.disturb === undefined || this.#mayChange || idleTurns < quietTurns) return false
    return this.#kept.length + host.emitted.length >= this.#options.expected(this.#machine).length
  }

  #takeSnapshot(host: SourceHost<T>): void {
    this.#snapshot = host.snapshot()
    this.#report.snapshots++
    this.#kept.push(...host.emitted.splice(0))
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
    for (const [key, expectedCount] of count(expected.map(identity))) {
      deepEqual({ record: key, times: counts.get(key) ?? 0 }, { record: key, times: expectedCount })
      counts.delete(key)
    }
    deepEqual([...counts.keys()], [], 'records that are not in the input')
    const { lane } = this.#options
    if (lane === undefined) return
    const wanted = Map.groupBy(expected, lane)
    for (const [name, values] of Map.groupBy(seen, lane)) deepEqual(values, wanted.get(name), `the order of ${name}`)
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
