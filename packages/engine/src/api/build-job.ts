import { MillraceError } from '@millrace/core'
import { collection } from '../connectors/collection.ts'
import type { Source } from '../connectors/source.ts'
import { engineError } from '../errors.ts'
import type { JobGraph } from '../graph/graph.ts'
import { checkFunction, checkName, show } from './build/checks.ts'
import { GraphBuilder } from './build/graph-builder.ts'
import { shapes } from './build/streams.ts'
import type { Environment, SourceOptions } from './environment.ts'
import type { JobFunctions } from './functions.ts'
import { isJob, type Job } from './job.ts'
import { checkOptions } from './option-names.ts'
import { resolveParams, type Params } from './params.ts'
import { jobSettings, type CheckpointSettings, type RestartSettings } from './settings.ts'
import type { Stream } from './stream.ts'

/** A job as data, and its functions apart. */
export interface BuiltJob {
  readonly graph: JobGraph
  readonly functions: JobFunctions
}

/**
 * Builds a job: calls its build function and checks what it made. The same job and parameters give the same graph each time.
 *
 * @throws JOB_EMPTY, JOB_BUILD_ASYNC, JOB_BUILD_THROWS, PARAM_UNKNOWN, PARAM_INVALID, OPTION_UNKNOWN, OPTION_INVALID, UID_DUPLICATE, SINK_CLAIMED_TWICE and the other errors of building, at the user's call where it can be
 */
export function buildJob<P extends Params>(job: Job<P>, options: { readonly params?: Partial<NoInfer<P>> } = {}): BuiltJob {
  if (!isJob(job)) throw engineError('JOB_INVALID', { value: show(job) })
  const { name } = job
  const params = resolveParams(name, job.params, options.params)
  const builder = new GraphBuilder()
  const checkpointing: CheckpointSettings = {}
  const restart: RestartSettings = {}
  const answer: unknown = callBuild(job, environment(builder, checkpointing, restart), params as P)
  if (typeof (answer as PromiseLike<unknown> | undefined)?.then === 'function') {
    Promise.resolve(answer).catch(() => {})
    throw engineError('JOB_BUILD_ASYNC', { job: name })
  }
  const settings = jobSettings(checkpointing, restart)
  Object.freeze(checkpointing)
  Object.freeze(restart)
  return builder.finish({ name, params, settings })
}

/** What building finds wrong stays what it is; what else is thrown is the user's. */
function callBuild<P extends Params>(job: Job<P>, env: Environment, params: P): unknown {
  try {
    return job.build(env, params)
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw engineError('JOB_BUILD_THROWS', { job: job.name, problem: error instanceof Error ? error.message : show(error) }, error)
  }
}

function environment(builder: GraphBuilder, checkpointing: CheckpointSettings, restart: RestartSettings): Environment {
  const fromSource = <T>(source: Source<T>, options?: SourceOptions<T>): Stream<Readonly<T>> => {
    builder.open('fromSource')
    checkSource(source)
    checkOptions('fromSource', options, sourceOptionNames)
    const { connector, replayable, bounded } = source
    const draft = builder.add({
      kind: 'source',
      name: `${connector} source`,
      inputs: [],
      functions: { kind: 'source', source, watermarks: options?.watermarks as never },
      source: { connector, replayable, bounded },
    })
    return configured(shapes.operator(builder, draft) as unknown as Stream<Readonly<T>>, options)
  }
  const members = Object.freeze({
    fromSource,
    fromCollection<T>(values: Iterable<T>, options?: SourceOptions<T>): Stream<Readonly<T>> {
      checkFunction('fromCollection', 'the iterator of its argument', (values as Partial<Iterable<T>> | undefined)?.[Symbol.iterator])
      return fromSource(collection(values), { parallelism: 1, ...options })
    },
    get checkpointing(): CheckpointSettings {
      return checkpointing
    },
    set checkpointing(value: unknown) {
      throw notAssigned('checkpointing', "interval = '1s'", value)
    },
    get restart(): RestartSettings {
      return restart
    },
    set restart(value: unknown) {
      throw notAssigned('restart', "strategy = 'none'", value)
    },
  })
  return new Proxy(members, {
    set: (target, name, value) => (name in target ? Reflect.set(target, name, value) : noOption(name, value)),
  })
}

/** In JavaScript without types: what is set here of other options would do nothing. */
function noOption(name: string | symbol, value: unknown): never {
  throw engineError('ARGUMENT_INVALID', {
    call: `env.${String(name)}`,
    argument: 'it',
    expected:
      'left out: a job sets env.checkpointing and env.restart; other options come from flags, millrace.yaml or the options of execute',
    value: show(value),
  })
}

/** Settings are changed, not replaced: else those that something else has made before would be gone. */
function notAssigned(section: string, example: string, value: unknown): Error {
  const call = `env.${section}`
  return engineError('ARGUMENT_INVALID', {
    call,
    argument: 'it',
    expected: `set option by option (${call}.${example})`,
    value: show(value),
  })
}

const sourceOptionNames = ['uid', 'name', 'watermarks', 'parallelism']

function configured<T>(stream: Stream<T>, options: SourceOptions<never> | undefined): Stream<T> {
  if (options?.uid !== undefined) stream.uid(options.uid)
  if (options?.name !== undefined) stream.name(options.name)
  if (options?.parallelism !== undefined) stream.parallelism(options.parallelism)
  if (options?.watermarks !== undefined) checkFunction('fromSource', 'watermarks.timestamp', options.watermarks.timestamp)
  return stream
}

function checkSource(source: Source<unknown>): void {
  const given = source as Partial<Source<unknown>> | null | undefined
  if (typeof given?.createReader !== 'function' || typeof given.createEnumerator !== 'function') {
    throw engineError('ARGUMENT_INVALID', { call: 'fromSource', argument: 'its argument', expected: 'a source', value: show(source) })
  }
  checkName('connector', given.connector)
}
