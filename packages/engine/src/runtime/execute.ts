import { nodeClock, nodeDisk, nodeNetwork, nodeRandom, resolveOptions } from '@millrace/core'
import { buildJob } from '../api/build-job.ts'
import type { Environment } from '../api/environment.ts'
import { defineJob, type Job } from '../api/job.ts'
import type { Params } from '../api/params.ts'
import type { StreamView } from '../api/stream.ts'
import { engineOptionTable, type EngineOptionInput } from '../config/options.ts'
import { collectSink } from '../connectors/collect/collect-sink.ts'
import { ResultBuffer } from '../connectors/collect/result-buffer.ts'
import type { JobEvent, JobResult } from './job-types.ts'
import { startLocalJob } from './start-job.ts'

export interface ExecuteOptions<P extends Params = Params> {
  /** Subtasks of every operator that does not set its own. Default 1. */
  readonly parallelism?: number
  readonly params?: Partial<P>
  /** Cancels the job. */
  readonly signal?: AbortSignal
  /** Which state to start from: none (the default), the newest checkpoint, or the one in a folder. */
  readonly restore?: 'latest' | 'none' | (string & {})
  /** Options as in the option reference; what the job sets itself wins. Default storage of checkpoints: memory. */
  readonly options?: EngineOptionInput
  /** Called with everything that happens; must not throw. */
  onEvent?(event: JobEvent): void
}

/**
 * Runs a job on this thread, until its input ends, it fails for good, or `signal` is aborted. Closures of its functions are the caller's own.
 *
 * @throws the failure that ended the job; and everything that building it throws
 */
export async function execute<P extends Params>(job: Job<P>, options: ExecuteOptions<NoInfer<P>> = {}): Promise<JobResult> {
  const result = await startExecution(job, options)
  if (result.state === 'failed') throw result.failure.error
  return result
}

function startExecution<P extends Params>(job: Job<P>, options: ExecuteOptions<P>): Promise<JobResult> {
  const build = (): ReturnType<typeof buildJob> => buildJob(job, options.params === undefined ? {} : { params: options.params })
  const first = build()
  const code: EngineOptionInput = {
    ...options.options,
    ...(options.parallelism === undefined ? {} : { parallelism: options.parallelism }),
    checkpointing: { storage: 'memory', ...options.options?.checkpointing, ...first.graph.settings.checkpointing },
    restart: { ...options.options?.restart, ...first.graph.settings.restart },
  }
  const settings = resolveOptions(engineOptionTable, { code })
  const running = startLocalJob({
    first,
    build,
    settings,
    restore: options.restore ?? 'none',
    ports: { clock: nodeClock, disk: nodeDisk, network: nodeNetwork, random: nodeRandom },
    onEvent: (event) => options.onEvent?.(event),
  })
  const { signal } = options
  const cancel = (): void => void running.cancel()
  if (signal?.aborted === true) cancel()
  else signal?.addEventListener('abort', cancel, { once: true })
  return running.done.finally(() => signal?.removeEventListener('abort', cancel))
}

/**
 * Runs a pipeline and iterates over its results: `for await (const n of collect((env) => env.fromCollection([1, 2]).map((x) => x * 2)))`.
 * Leaving the loop cancels the job; its failure is thrown into the loop.
 */
export function collect<T>(build: (env: Environment) => StreamView<T>, options: Omit<ExecuteOptions, 'params'> = {}): AsyncIterable<T> {
  const controller = new AbortController()
  const buffer = new ResultBuffer<T>(() => controller.abort())
  const job = defineJob('collect', (env) => {
    build(env).sinkTo(collectSink<T>(buffer.deliver))
  })
  const signals = [controller.signal, ...(options.signal === undefined ? [] : [options.signal])]
  return {
    [Symbol.asyncIterator]() {
      execute(job, { ...options, signal: AbortSignal.any(signals) }).then(
        () => buffer.end(),
        (error: unknown) => buffer.fail(error),
      )
      return buffer[Symbol.asyncIterator]()
    },
  }
}
