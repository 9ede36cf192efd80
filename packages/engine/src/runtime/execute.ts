import { nodeClock, nodeDisk, nodeNetwork, nodeRandom, resolveOptions, type LogRecord } from '@millrace/core'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { show } from '../api/build/checks.ts'
import { buildJob, type BuiltJob } from '../api/build-job.ts'
import type { Environment } from '../api/environment.ts'
import { defineJob, isJob, moduleOf, type Job } from '../api/job.ts'
import { checkOptions } from '../api/option-names.ts'
import type { Params } from '../api/params.ts'
import type { StreamView } from '../api/stream.ts'
import { engineOptionTable, type EngineOptionInput, type ResolvedEngineOptions } from '../config/options.ts'
import { settledStorage } from '../config/job-options.ts'
import { collectSink } from '../connectors/collect/collect-sink.ts'
import { ResultBuffer } from '../connectors/collect/result-buffer.ts'
import { engineError } from '../errors.ts'
import type { JobEvent, JobResult, RunningJob } from './job-types.ts'
import { lineOf, warnOnConsole } from './default-log.ts'
import { controlOf } from './control/control-of-job.ts'
import { runOnThreads } from './run-job.ts'
import { startLocalJob } from './start-job.ts'
import { thisThread } from './threads/this-thread.ts'

/** How `execute` and `startJob` run a job. Unknown names are refused with `ARGUMENT_INVALID`. */
export interface ExecuteOptions<P extends Params = Params> {
  /** Subtasks of every operator that does not set its own. Default 1. */
  readonly parallelism?: number
  /**
   * Whether operators run on worker threads, as with `millrace run`, instead of on this one; false by default. Each thread imports the job's module again: the job must
   * be the default export of the module that defines it, and a call of `execute` at the top of that module stands under `if (import.meta.main)`.
   */
  readonly threads?: boolean
  /** Parameters of the job, over their defaults. A name that the job does not declare is `PARAM_UNKNOWN`, a value of another type `PARAM_INVALID`. */
  readonly params?: Partial<P>
  /** Cancels the job. */
  readonly signal?: AbortSignal
  /** Which state to start from: none (the default), the newest checkpoint, or the one in a folder. */
  readonly restore?: 'latest' | 'none' | (string & {})
  /** Whether state in it that no operator of the job has is dropped, instead of refused; false by default. */
  readonly allowNonRestoredState?: boolean
  /**
   * Options as in the option reference; what the job sets itself wins, and neither the environment nor `millrace.yaml` is read. Default storage of checkpoints: memory, unless
   * `checkpointing.dir` says where.
   * Those of `metrics` and `log` are of `millrace run`: here there are `metricsText` and `log`.
   */
  readonly options?: Omit<EngineOptionInput, keyof typeof ofRun>
  /** Called with everything that happens. Where it throws the job is cancelled, and that is what its end is rejected with. */
  onEvent?(event: JobEvent): void
  /**
   * Called with every line: what the engine has to say, what functions write with `ctx.log`, checkpoints that failed, restarts. `false`: nobody is. By default warnings
   * and errors are written with `console.warn`, unless there is an `onEvent`, which is told of all of it. Where it throws: as `onEvent`.
   */
  readonly log?: ((record: LogRecord) => void) | false
}

const executeOptionNames: readonly (keyof ExecuteOptions)[] = [
  'parallelism',
  'threads',
  'params',
  'signal',
  'restore',
  'allowNonRestoredState',
  'options',
  'onEvent',
  'log',
]

/**
 * Runs a job until its input ends, it fails for good, or `signal` is aborted; on this thread, where closures of its functions are the caller's own, or with `threads`
 * on others.
 *
 * @throws the failure that ended the job (a `ReportedError`: a `MillraceError` that says who must act); everything that building it throws; EXECUTE_IN_WORKER, EXECUTE_MODULE_UNKNOWN
 */
export async function execute<P extends Params>(job: Job<P>, options: ExecuteOptions<NoInfer<P>> = {}): Promise<JobResult> {
  const result = await startJob(job, options).done
  if (result.state === 'failed') throw result.failure.error
  return result
}

/**
 * Starts a job as `execute` does, and answers at once: for savepoints, figures and an end on demand. A failure that ends the job is its result.
 *
 * @throws everything that building the job throws; EXECUTE_IN_WORKER, EXECUTE_MODULE_UNKNOWN
 */
export function startJob<P extends Params>(job: Job<P>, options: ExecuteOptions<NoInfer<P>> = {}): RunningJob {
  if (!isJob(job)) throw engineError('JOB_INVALID', { value: show(job) })
  if (thisThread.runsSlot) throw engineError('EXECUTE_IN_WORKER', { job: job.name })
  checkExecuteOptions(options)
  const cancel = (): void => void started.cancel()
  let thrown: { readonly error: unknown } | undefined
  const log = logOf(options)
  const watched: ExecuteOptions<P> = {
    ...options,
    onEvent: (event) => {
      try {
        options.onEvent?.(event)
        const line = log === undefined ? undefined : lineOf(event)
        if (line !== undefined) log!(line)
      } catch (error) {
        thrown ??= { error }
        cancel()
      }
    },
  }
  const started = options.threads === true ? startThreaded(job, watched) : startLocal(job, watched)
  const done = started.done.then((result) => {
    if (thrown !== undefined) throw thrown.error
    return result
  })
  const running = { ...started, done }
  const { signal } = options
  if (signal?.aborted === true) cancel()
  else signal?.addEventListener('abort', cancel, { once: true })
  const forget = (): void => signal?.removeEventListener('abort', cancel)
  // What `done` is rejected with is its caller's to hear, once.
  running.done.then(forget, forget)
  return running
}

function logOf<P extends Params>(options: ExecuteOptions<P>): ((record: LogRecord) => void) | undefined {
  if (options.log === undefined) return options.onEvent === undefined ? warnOnConsole : undefined
  return options.log === false ? undefined : options.log
}

/** What is wrong with them is told before anything has started: nobody could stop it afterwards. */
function checkExecuteOptions<P extends Params>(options: ExecuteOptions<P>): void {
  checkOptions('execute', options, executeOptionNames)
  const { signal, restore, threads, allowNonRestoredState } = options
  const check = (argument: keyof ExecuteOptions, isValid: boolean, expected: string): void => {
    if (isValid) return
    const value = inspect(options[argument], { depth: 0, maxStringLength: 80 })
    throw engineError('ARGUMENT_INVALID', { call: 'execute', argument, expected, value })
  }
  check('signal', signal === undefined || signal instanceof AbortSignal, 'an AbortSignal')
  check('onEvent', options.onEvent === undefined || typeof options.onEvent === 'function', 'a function')
  check('log', options.log === undefined || options.log === false || typeof options.log === 'function', 'a function, or false')
  check('restore', restore === undefined || typeof restore === 'string', 'latest, none, or the path of a checkpoint')
  check('threads', threads === undefined || typeof threads === 'boolean', 'true or false')
  check('allowNonRestoredState', allowNonRestoredState === undefined || typeof allowNonRestoredState === 'boolean', 'true or false')
}

function startLocal<P extends Params>(job: Job<P>, options: ExecuteOptions<P>): RunningJob {
  const build = (): BuiltJob => buildJob(job, options.params === undefined ? {} : { params: options.params })
  const first = build()
  const settings = settingsOf(first, options)
  return startLocalJob({
    first,
    build,
    settings,
    restore: options.restore ?? 'none',
    allowNonRestoredState: options.allowNonRestoredState ?? false,
    ports: { clock: nodeClock, disk: nodeDisk, network: nodeNetwork, random: nodeRandom },
    onEvent: (event) => options.onEvent?.(event),
    // A job that keeps nothing has no folder either.
    ...(settings.values.checkpointing.storage === 'filesystem' ? { control: controlOf(first.graph.name, settings) } : {}),
  })
}

function startThreaded<P extends Params>(job: Job<P>, options: ExecuteOptions<P>): RunningJob {
  const modulePath = modulePathOf(job)
  const built = buildJob(job, options.params === undefined ? {} : { params: options.params })
  return runOnThreads({
    modulePath,
    load: () => ({ built, sources: new Map() }),
    settings: settingsOf(built, options),
    restore: options.restore ?? 'none',
    allowNonRestoredState: options.allowNonRestoredState ?? false,
    onEvent: (event) => options.onEvent?.(event),
  })
}

function modulePathOf<P extends Params>(job: Job<P>): string {
  const place = moduleOf(job)
  if (place === undefined) throw engineError('EXECUTE_MODULE_UNKNOWN', { job: job.name })
  return place.startsWith('file:') ? fileURLToPath(place) : place
}

function settingsOf<P extends Params>({ graph }: BuiltJob, options: ExecuteOptions<P>): ResolvedEngineOptions {
  // Looked at by themselves first: what is no section would be lost, or fall to pieces, when it is merged.
  checkOfRun(resolveOptions(engineOptionTable, { code: options.options }))
  const state: EngineOptionInput['state'] = { ...options.options?.state, ...graph.settings.state }
  const checkpointing: EngineOptionInput['checkpointing'] = { ...options.options?.checkpointing, ...graph.settings.checkpointing }
  const hasPlace = state.backend === 'filesystem' || (checkpointing.dir !== undefined && state.backend !== 'memory')
  const code: EngineOptionInput = {
    ...options.options,
    ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
    state,
    checkpointing: { ...(hasPlace ? {} : { storage: 'memory' }), ...checkpointing },
    restart: { ...options.options?.restart, ...graph.settings.restart },
  }
  return settledStorage(resolveOptions(engineOptionTable, { code }))
}

/** What a program has in the place of options that are about the process and its output: nothing here would heed them. */
const ofRun = {
  metrics: 'serve what metricsText(running.metrics()) answers',
  log: 'pass `log`, which gets every line with its level',
} as const

function checkOfRun({ origins }: ResolvedEngineOptions): void {
  for (const [section, instead] of Object.entries(ofRun)) {
    const option = Object.keys(origins).find((key) => key.startsWith(`${section}.`) && origins[key] === 'the job')
    if (option !== undefined) throw engineError('OPTION_OF_RUN', { option, instead })
  }
}

/**
 * Runs a pipeline and iterates over its results: `for await (const n of collect((env) => env.fromCollection([1, 2]).map((x) => x * 2)))`.
 * Each loop runs it anew. Leaving the loop cancels the job and waits for its end; its failure, or the reason why `signal` was aborted, is thrown into the loop.
 */
export function collect<T>(
  build: (env: Environment) => StreamView<T>,
  options: Omit<ExecuteOptions, 'params' | 'threads'> = {},
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]() {
      const controller = new AbortController()
      const buffer = new ResultBuffer<T>(async () => {
        controller.abort()
        await ended
      })
      const job = defineJob('collect', (env) => {
        const stream = build(env) as Partial<StreamView<T>> | undefined
        if (typeof stream?.sinkTo !== 'function') {
          const value = inspect(stream, { depth: 0, maxStringLength: 80 })
          throw engineError('ARGUMENT_INVALID', { call: 'collect', argument: 'what the function answers', expected: 'a stream', value })
        }
        stream.sinkTo(collectSink<T>(buffer.deliver))
      })
      const ended = run(job, options, controller.signal).then(
        () => buffer.end(),
        (error: unknown) => buffer.fail(error),
      )
      return buffer[Symbol.asyncIterator]()
    },
  }
}

async function run(job: Job, options: ExecuteOptions, left: AbortSignal): Promise<void> {
  checkExecuteOptions(options)
  const { signal } = options
  const { state } = await execute(job, { ...options, signal: signal === undefined ? left : AbortSignal.any([left, signal]) })
  // What the loop has had by then is not all there is: it must not look as if it were.
  if (state === 'canceled' && !left.aborted) signal?.throwIfAborted()
}
