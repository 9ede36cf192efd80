import { inspect } from 'node:util'
import { nodeClock, nodeNetwork, overrideOptions, parseDuration, resolveOptions, type Duration } from '@millrace/core'
import {
  buildJob,
  defineJob,
  engineOptionTable,
  type EngineOptionInput,
  type Environment,
  type JobEvent,
  type JobResult,
  type ResolvedEngineOptions,
  type RunningJob,
} from '@millrace/engine'
import { checkOptions, startLocalJob } from '@millrace/engine/simulation'
import { VirtualClock } from '../clock/virtual-clock.ts'
import { SimulatedDisk } from '../disk/simulated-disk.ts'
import { SeededRandom } from '../random/seeded-random.ts'
import { inputsOf, type TestInput } from './test-input.ts'

/** How `testJob` starts a job. Unknown names are refused with `ARGUMENT_INVALID`. */
export interface JobTestOptions {
  /** Subtasks of every operator that does not set its own. Default 1. */
  readonly parallelism?: number
  /** The machine's time at the start, milliseconds since 1970; by default 2024-01-01, or of a job that starts from a savepoint when that was taken. */
  readonly startMs?: number
  /** Where the job starts from: what `JobTest.savepoint` has answered. */
  readonly restore?: TestSavepoint
  /** Whether state in it that no operator of the job has is dropped, instead of refused; false by default. */
  readonly allowNonRestoredState?: boolean
  /** Options as in the option reference; what the job sets itself wins. State is on the heap, checkpoints are in memory. */
  readonly options?: Omit<EngineOptionInput, 'parallelism' | 'state' | 'stateDir' | 'metrics' | 'log'>
}

const optionNames: readonly (keyof JobTestOptions)[] = ['parallelism', 'startMs', 'restore', 'allowNonRestoredState', 'options']

/** A savepoint on the disk of a test, which is in memory: `openSavepoint(path, { disk })` reads it. */
export interface TestSavepoint {
  readonly path: string
  readonly disk: SimulatedDisk
  /** When it was taken. */
  readonly atMs: number
}

/** Real time that is given to what the job does outside of the time of the test. */
const PATIENCE_MS = 10_000

/** Nobody can ask for metrics, and what happens each half second makes a year of the test's time long. */
const METRICS_INTERVAL_MS = 3_600_000

/** What a job does at one moment of the test's time; one that has more to do than that always has. */
const EVENTS_A_MOMENT = 50_000

const SAVEPOINTS = '/savepoints'

/**
 * A job under a test's hand: it gets what the test sends, and time passes as the test says, for event time and for timers of the machine's time alike. Each call is over when the job has done all that there was to do, so
 * nothing is left to chance; only what user functions do beyond their promises (a server that they ask, a timer of Node) is in real time: `until` waits for it.
 *
 * @throws (each method) what has failed the job
 */
export class JobTest {
  /** What has happened so far: restarts, checkpoints, lines of the log. */
  readonly events: readonly JobEvent[]
  readonly #clock: VirtualClock
  readonly #disk: SimulatedDisk
  readonly #job: RunningJob
  /** `TestInput`s that it reads. */
  readonly #inputs: ReadonlySet<unknown>
  #result: JobResult | undefined

  /** @internal */
  constructor(clock: VirtualClock, disk: SimulatedDisk, job: RunningJob, inputs: ReadonlySet<unknown>, events: readonly JobEvent[]) {
    this.#clock = clock
    this.#disk = disk
    this.#job = job
    this.#inputs = inputs
    this.events = events
    void job.done.then((result) => (this.#result = result))
  }

  /** The machine's time as the job sees it, milliseconds since 1970. */
  get nowMs(): number {
    return this.#clock.now()
  }

  /** How the job has ended; undefined while it runs. */
  get result(): JobResult | undefined {
    return this.#result
  }

  /** Sends values, in order. */
  async send<T>(input: TestInput<T>, ...values: readonly NoInfer<T>[]): Promise<void> {
    this.#checkReads(input)
    input.put(values.map((value) => ({ value })))
    await this.#settle()
  }

  /** No value with an event time of `atMs` or less is to come on this input: timers up to then fire, where no other input holds time back. One that is not later than the last changes nothing. */
  async watermark<T>(input: TestInput<T>, atMs: number): Promise<void> {
    this.#checkReads(input)
    if (!input.takesWatermarks) throw new Error(`${input.name} has a watermark strategy of its own: let time pass, with advance`)
    if (!Number.isFinite(atMs)) throw new Error(`a watermark is a number of milliseconds since 1970, not ${inspect(atMs)}`)
    input.put([{ watermarkMs: atMs }])
    await this.#settle()
  }

  /** Lets the machine's time pass: its timers fire, periodic checkpoints and watermarks come, restarts are due. */
  async advance(duration: Duration): Promise<void> {
    this.#checkRuns()
    const ms = parseDuration(duration)
    if (ms === undefined) throw new Error(`not a duration: ${inspect(duration)}`)
    await this.#pass(ms)
    this.#check()
  }

  /** Waits, in real time, until it holds: for what functions do outside. @throws Error after ten seconds */
  async until(condition: () => boolean): Promise<void> {
    const holds = (): boolean => {
      this.#check()
      return condition()
    }
    await this.#wait(holds, 'the condition does not hold')
  }

  /** Takes a savepoint; the job goes on. */
  async savepoint(): Promise<TestSavepoint> {
    this.#checkRuns()
    const { path } = await this.#now(this.#job.savepoint({ dir: SAVEPOINTS }), 'the savepoint is not complete')
    return { path: path!, disk: this.#disk, atMs: this.nowMs }
  }

  /** Ends all inputs: event time comes to its end, timers of event time fire, operators finish. The job is over then. */
  async end(): Promise<void> {
    this.#checkRuns()
    await this.#now(this.#job.stop({ savepoint: { dir: SAVEPOINTS }, drain: true }), 'the job has not ended')
    this.#check()
  }

  /** Cancels the job where it still runs; `await using` does so at the end of the test. */
  async close(): Promise<void> {
    await this.#now(this.#job.cancel(), 'the job has not ended')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** @internal Until it runs. */
  async started(): Promise<void> {
    await this.#wait(() => this.#result !== undefined || this.#job.metrics().state === 'running', 'the job has not started')
    await this.#settle()
  }

  async #settle(): Promise<void> {
    await this.#pass(0)
    this.#check()
  }

  async #pass(ms: number): Promise<void> {
    if (await this.#clock.advance(ms, EVENTS_A_MOMENT)) return
    throw new Error(
      'the job always has something to do, so that time cannot pass: a source without an end needs a rate, as in generator({ ratePerSecond: 10, … }), and a timer a later time than the one it fires at',
    )
  }

  async #now<T>(work: Promise<T>, otherwise: string): Promise<T> {
    let isSettled = false
    const settled = (): void => void (isSettled = true)
    work.then(settled, settled)
    await this.#wait(() => isSettled, otherwise)
    try {
      return await work
    } catch (error) {
      // What has failed the job says more than what became of this by it.
      await this.#settle()
      throw error
    }
  }

  /** Restoring and writing state has parts that Node does in the background. */
  async #wait(condition: () => boolean, otherwise: string): Promise<void> {
    const deadlineMs = nodeClock.monotonic() + PATIENCE_MS
    for (;;) {
      await this.#pass(0)
      if (condition()) return
      if (nodeClock.monotonic() > deadlineMs)
        throw new Error(`${otherwise} after ${PATIENCE_MS} ms in which the time of the test stood still`)
      await new Promise<void>((resolve) => void nodeClock.after(1, resolve))
    }
  }

  #checkRuns(): void {
    this.#check()
    if (this.#result !== undefined) throw new Error(`the job is over: ${this.#result.state}`)
  }

  #checkReads<T>(input: TestInput<T>): void {
    this.#checkRuns()
    if (!this.#inputs.has(input)) {
      throw new Error(
        `the job does not read ${input.name}, or another TestInput of that name: call stream(env) of this one where it is built`,
      )
    }
  }

  #check(): void {
    if (this.#result?.state === 'failed') throw this.#result.failure.error
  }
}

/**
 * Starts a job in the hands of a test, on this thread: `build` connects `TestInput`s with `TestOutput`s through the pipeline under test. Answers when it runs.
 *
 * @throws all that building and starting the job throws
 */
export async function testJob(build: (env: Environment) => void, options: JobTestOptions = {}): Promise<JobTest> {
  checkOptions('testJob', options, optionNames)
  const { restore, startMs = restore?.atMs ?? Date.UTC(2024, 0, 1) } = options
  if (!Number.isFinite(startMs)) throw new Error(`startMs is a number of milliseconds since 1970, not ${inspect(startMs)}`)
  const clock = new VirtualClock({ startMs })
  const random = new SeededRandom(1)
  const disk = restore?.disk ?? new SimulatedDisk({ random, shortReadProbability: 0 })
  let inputs: ReadonlySet<unknown> = new Set()
  const job = defineJob('test', (env) => {
    inputs = inputsOf(env)
    return build(env)
  })
  const first = buildJob(job)
  const events: JobEvent[] = []
  const running = startLocalJob({
    first,
    build: () => buildJob(job),
    settings: settingsOf(options, first.graph.settings),
    restore: restore?.path ?? 'none',
    allowNonRestoredState: options.allowNonRestoredState ?? false,
    ports: {
      clock,
      disk,
      network: nodeNetwork,
      random,
      // Time stands still while the job works, so a turn ends after one step: else one that always has something to do would never end.
      pace: { turnMs: 0, snapshotRows: 1_000 },
      metricsIntervalMs: METRICS_INTERVAL_MS,
    },
    onEvent: (event) => events.push(event),
  })
  const test = new JobTest(clock, disk, running, inputs, events)
  try {
    await test.started()
  } catch (error) {
    await test.close().catch(() => {}) // what kept it from starting says more
    throw error
  }
  return test
}

function settingsOf({ options, parallelism = 1 }: JobTestOptions, ofJob: EngineOptionInput): ResolvedEngineOptions {
  const code: EngineOptionInput = {
    ...options,
    parallelism,
    state: { backend: 'heap' },
    stateDir: '/state',
    checkpointing: { ...options?.checkpointing, storage: 'memory' },
  }
  // The job's backend is not taken over: a test has nothing larger than memory, and no disk for a database.
  return overrideOptions(engineOptionTable, resolveOptions(engineOptionTable, { code }), { ...ofJob, state: {} })
}
