import { deepEqual, equal, ok } from 'node:assert/strict'
import { DiskError, messageOf, MillraceError, NetworkError } from '@millrace/core'
import type { Sink } from '@millrace/engine'
import { RealMachine, SimulatedMachine, type TestMachine } from './machine.ts'
import { SinkHost } from './sink-host.ts'
import { counted, Story } from './story.ts'

/** A sink, its records and how to see what it has published, for `sinkConformance`. */
export interface SinkConformanceOptions<T> {
  /** The sink, made anew for each life as a build of the job would. */
  readonly create: (machine: TestMachine) => Sink<T>
  /** The n-th record, n from 0; no two may be alike. */
  readonly record: (n: number) => T
  /** What a reader outside sees at this moment: the records as they were written, in any order. */
  readonly visible: (machine: TestMachine) => Promise<readonly T[]>
  /** What is left behind that no reader sees, by name; must be empty at the end of a run. Nothing is asked by default. */
  readonly leftovers?: (machine: TestMachine) => Promise<readonly string[]>
  /** 20 runs by default, from seed 1. */
  readonly seeds?: Iterable<number>
  /** `simulated` by default. */
  readonly machine?: 'simulated' | 'real'
  /** Most subtasks of a life; 4 by default. */
  readonly parallelismMax?: number
  /** Lives of a run; 6 by default. */
  readonly lives?: number
}

/** What was reached, over all seeds: a test can ask for a minimum. */
export interface SinkConformanceReport {
  runs: number
  records: number
  checkpoints: number
  abandoned: number
  restores: number
  rescales: number
  crashesBeforeCommit: number
  crashesAmidCommit: number
  powerLosses: number
  diskFailures: number
}

/**
 * Proves that an exactly-once sink shows each record once and only when the checkpoint that holds it is complete: subtasks write at random,
 * checkpoints complete, are abandoned, are committed twice, late, in part or not before a crash; the process dies or the power fails;
 * writers at another parallelism are given the handles of the last checkpoint. A writer that had no room says when it has some again.
 *
 * Throws an error that names the seed and what had happened; its `cause` is what was found.
 */
export async function sinkConformance<T>(options: SinkConformanceOptions<T>): Promise<SinkConformanceReport> {
  const report: SinkConformanceReport = {
    runs: 0,
    records: 0,
    checkpoints: 0,
    abandoned: 0,
    restores: 0,
    rescales: 0,
    crashesBeforeCommit: 0,
    crashesAmidCommit: 0,
    powerLosses: 0,
    diskFailures: 0,
  }
  for (const seed of options.seeds ?? Array.from({ length: 20 }, (_, index) => index + 1)) {
    const machine = options.machine === 'real' ? await RealMachine.create(seed) : new SimulatedMachine(seed)
    const story = new Story()
    try {
      await new SinkRun(options, machine, report, story).run()
    } catch (error) {
      throw story.failure(seed, error)
    } finally {
      await machine.close()
    }
    report.runs++
  }
  return report
}

interface CompletedCheckpoint {
  readonly handles: readonly unknown[]
  readonly parallelism: number
  /** Records before it: 0 up to this number. */
  readonly records: number
}

class SinkRun<T> {
  readonly #options: SinkConformanceOptions<T>
  readonly #machine: TestMachine
  readonly #report: SinkConformanceReport
  readonly #story: Story
  #completed: CompletedCheckpoint | undefined
  /** The next record: those of a life that was lost are written again. */
  #next = 0
  #checkpointId = 0
  #attempt = 0

  constructor(options: SinkConformanceOptions<T>, machine: TestMachine, report: SinkConformanceReport, story: Story) {
    this.#story = story
    this.#options = options
    this.#machine = machine
    this.#report = report
  }

  async run(): Promise<void> {
    const lives = this.#options.lives ?? 6
    for (let life = 1; life <= lives; life++) await this.#live(life === lives)
    await this.#checkVisible('all')
    this.#report.records += this.#next
    if (this.#options.leftovers !== undefined) {
      deepEqual(await this.#machine.run(this.#options.leftovers(this.#machine)), [], 'left behind at the end')
    }
  }

  async #live(isLast: boolean): Promise<void> {
    const { random } = this.#machine
    const host = await this.#start(isLast)
    if (!isLast) this.#injectFailures()
    const rounds = random.between(0, 12)
    let isAlive = true
    for (let round = 0; round < rounds && isAlive; round++) isAlive = await this.#round(host, isLast)
    if (this.#machine instanceof SimulatedMachine) this.#machine.disk.heal()
    if (isLast) {
      ok(isAlive, 'a writer failed its task, though nothing was out of order')
      await this.#checkpoint(host, true)
    }
    if (isLast || random.chance(0.5)) {
      this.#story.add('the writers are closed')
      await host.close()
    }
    if (!isLast && random.chance(0.3)) await this.#crashAmidPrepare(host)
    this.#crash(isLast)
    await this.#checkVisible('completed')
  }

  async #start(isLast: boolean): Promise<SinkHost<T>> {
    const { random } = this.#machine
    const parallelism = random.between(1, this.#options.parallelismMax ?? 4)
    const restored = this.#completed
    this.#next = restored?.records ?? 0
    if (restored !== undefined) this.#report.restores++
    if (restored !== undefined && parallelism !== restored.parallelism) this.#report.rescales++
    // Some lives die while they open, possibly in the middle of commits.
    for (let deaths = isLast ? 0 : random.pick([0, 0, 0, 1, 2]); deaths > 0; deaths--) {
      const host = this.#host(parallelism)
      void host.open(restored?.handles).catch(() => {})
      for (let turns = random.between(0, 10); turns > 0; turns--) await this.#machine.turn()
      this.#story.add(`a life with ${counted(parallelism, 'subtask')} dies while it opens`)
      this.#crash(false)
    }
    const host = this.#host(parallelism)
    this.#story.add(
      `a life with ${counted(parallelism, 'subtask')} opens with ${restored === undefined ? 'nothing restored' : `the ${counted(restored.handles.length, 'handle')} of ${counted(restored.records, 'record')}`}`,
    )
    await host.open(restored?.handles)
    if (restored !== undefined) await this.#checkVisible('all completed')
    return host
  }

  #host(parallelism: number): SinkHost<T> {
    const sink = this.#options.create(this.#machine)
    equal(
      sink.delivery,
      'exactly-once',
      `the kit is for sinks with delivery 'exactly-once'; others may lose or repeat, which is all that could be said of them`,
    )
    return new SinkHost<T>(sink, this.#machine, { parallelism, attempt: ++this.#attempt, isRestoring: this.#completed !== undefined })
  }

  /** Some writes and perhaps a checkpoint; false when a writer has failed its task. */
  async #round(host: SinkHost<T>, isLast: boolean): Promise<boolean> {
    const { random } = this.#machine
    for (let count = random.pick([0, 1, 10, 300]); count > 0 && host.failure === undefined; count--) {
      host.write(random.between(0, host.parallelism - 1), this.#options.record(this.#next++))
    }
    host.look()
    while (random.chance(0.5)) {
      await this.#machine.turn()
      host.look()
    }
    if (random.chance(0.2)) await this.#checkVisible('completed')
    try {
      if (random.chance(0.5) && !(await this.#checkpoint(host, isLast))) return false
    } catch (error) {
      if (isLast || !isTrouble(error)) throw error
      this.#report.diskFailures++
      this.#story.add(`the task fails: ${messageOf(error)}`)
      return false
    }
    return host.failure === undefined
  }

  /** A checkpoint that is abandoned, or completed and then committed: wholly, twice, in part, or not in this life, which may end at once: false. */
  async #checkpoint(host: SinkHost<T>, isCareful: boolean): Promise<boolean> {
    const { random } = this.#machine
    const checkpointId = ++this.#checkpointId
    const records = this.#next
    const handles = await host.prepare(checkpointId)
    this.#story.add(
      `checkpoint ${checkpointId} is prepared, with ${counted(handles.flat().length, 'handle')} of ${counted(records, 'record')}`,
    )
    await this.#checkVisible('completed')
    if (!isCareful && random.chance(0.3)) {
      this.#report.abandoned++
      this.#story.add(`checkpoint ${checkpointId} is abandoned`)
      return true
    }
    this.#completed = { handles: handles.flat(), parallelism: host.parallelism, records }
    this.#report.checkpoints++
    if (!isCareful && random.chance(0.1)) {
      this.#report.crashesBeforeCommit++
      this.#story.add(`checkpoint ${checkpointId} is complete, and before any commit the life is over`)
      return false
    }
    const subtasks = Array.from(handles.keys()).filter(() => isCareful || random.chance(0.8))
    this.#story.add(
      `checkpoint ${checkpointId} is complete; commit is called for ${subtasks.length === handles.length ? 'all subtasks' : `subtasks ${subtasks.join(', ')} alone`}`,
    )
    for (const subtask of subtasks) await this.#commit(host, subtask, handles[subtask]!, checkpointId)
    if (subtasks.length === handles.length) await this.#checkVisible('all completed')
    else this.#report.crashesBeforeCommit++
    return true
  }

  async #commit(host: SinkHost<T>, subtask: number, handles: readonly unknown[], checkpointId: number): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await host.commit(subtask, handles, checkpointId)
        if (this.#machine.random.chance(0.8)) return
      } catch (error) {
        if (!(error instanceof MillraceError) || !error.retry || tries > 20) throw error
        this.#story.add(`a commit of subtask ${subtask} fails, and is tried again: ${error.message}`)
      }
    }
  }

  /** Leaves a life in the middle of a prepare or of commits. */
  async #crashAmidPrepare(host: SinkHost<T>): Promise<void> {
    const { random } = this.#machine
    if (this.#completed !== undefined && random.chance(0.5)) {
      this.#report.crashesAmidCommit++
      for (const handle of this.#completed.handles) void host.commit(0, [handle], this.#checkpointId).catch(() => {})
    } else void host.prepare(++this.#checkpointId).catch(() => {})
    for (let turns = random.between(0, 10); turns > 0; turns--) await this.#machine.turn()
  }

  #crash(isGentle: boolean): void {
    const isPowerLoss = !isGentle && this.#machine.random.chance(0.5)
    if (isPowerLoss) this.#report.powerLosses++
    this.#story.add(
      isPowerLoss ? 'the power fails: what was not synced (files, and names in their folders) may be gone' : 'the process ends',
    )
    this.#machine.crash(isPowerLoss ? 'power-loss' : 'kill')
  }

  #injectFailures(): void {
    if (!(this.#machine instanceof SimulatedMachine) || !this.#machine.random.chance(0.4)) return
    const { random, disk } = this.#machine
    const reason = random.pick(['no-space', 'input-output'] as const)
    const operations = random.pick([['write'], ['sync'], ['open'], ['rename'], ['syncDirectory'], ['stat']] as const)
    disk.fail({ reason, operations, skip: random.between(0, 10), times: random.between(1, 3) })
    this.#story.add(`from here on some calls of ${operations[0]} of the disk may fail (${reason})`)
  }

  /**
   * - `completed`: nothing is visible but records of the last completed checkpoint, none twice.
   * - `all completed`: exactly those.
   * - `all`: exactly all that were written.
   */
  async #checkVisible(what: 'completed' | 'all completed' | 'all'): Promise<void> {
    const visible = (await this.#machine.run(this.#options.visible(this.#machine))).map(identity)
    const records = what === 'all' ? this.#next : (this.#completed?.records ?? 0)
    const allowed = new Set(Array.from({ length: records }, (_, n) => identity(this.#options.record(n))))
    const seen = new Set<string>()
    for (const record of visible) {
      ok(!seen.has(record), `"${record}" is visible twice`)
      ok(allowed.has(record), `"${record}" is visible although no completed checkpoint holds it`)
      seen.add(record)
    }
    if (what !== 'completed') for (const record of allowed) ok(seen.has(record), `"${record}" is not visible although it was committed`)
  }
}

/** What the world does to a writer that is right: it may reject with that, and the life is over. Anything else is a mistake of its own. */
function isTrouble(error: unknown): boolean {
  if (error instanceof MillraceError || error instanceof DiskError || error instanceof NetworkError) return true
  return error instanceof Error && error.cause !== undefined && isTrouble(error.cause)
}

function identity(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}
