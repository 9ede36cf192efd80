/**
 * Runs a job from a checkpoint on this thread, for looking at it: its sources read on from where the checkpoint stood, nothing is written anywhere,
 * nothing is committed, and no checkpoint is kept. Its failures are its end.
 */
import { changeOptions, nodeClock, nodeDisk, nodeNetwork, nodeRandom, overrideOptions, type Clock } from '@millrace/core'
import { buildJob, type BuiltJob } from '../api/build-job.ts'
import type { JobFunctions, OperatorFunctions } from '../api/functions.ts'
import type { Job } from '../api/job.ts'
import { parseParams, type Params } from '../api/params.ts'
import type { CheckpointMetadata } from '../checkpoint/metadata/metadata.ts'
import { engineOptionTable, type ResolvedEngineOptions } from '../config/options.ts'
import { jobOptions } from '../config/job-options.ts'
import type { Sink, SinkWriter, WriterContext } from '../connectors/sink.ts'
import type { Source } from '../connectors/source.ts'
import { engineError } from '../errors.ts'
import type { JobGraph, OperatorNode } from '../graph/graph.ts'
import type { JobEvent, JobResult, RunningJob } from '../runtime/job-types.ts'
import { startLocalJob } from '../runtime/start-job.ts'
import { jobFolder } from '../runtime/storage/state-folder.ts'
import { ForgettingCheckpoints } from './forgetting-checkpoints.ts'
import { watchedSource, type InputWatcher } from './watched-source.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface ReplayedJob {
  /** As it is now, which may be another version than wrote the checkpoint. */
  readonly job: Job<Params>
  /** As typed by the user; they go before those of the checkpoint. */
  readonly params: { readonly [name: string]: string }
  /** Path or URL of a checkpoint or savepoint. */
  readonly checkpoint: string
  /** Drops state of the checkpoint that belongs to no operator of the job, instead of refusing. */
  readonly allowNonRestoredState: boolean
  /** Below what the job sets itself. */
  readonly settings: ResolvedEngineOptions
  /** The job as it is with its parameters. */
  built?(graph: JobGraph): void
  /** What is read in place of each source. */
  source(node: OperatorNode, source: Source<unknown>): Source<unknown>
  /** A record has come to a sink. Not much more comes before what it answers, if anything, has resolved. */
  output(node: OperatorNode, value: unknown, timestamp: number): Promise<void> | undefined
  /** Called with everything that happens, as of a job that runs. */
  onEvent(event: JobEvent): void
}

/** @throws CHECKPOINT_*; what building the job throws, and REPLAY_OTHER_JOB */
export async function startReplay(options: ReplayedJob): Promise<RunningJob> {
  const ports = { clock: nodeClock, disk: nodeDisk, network: nodeNetwork, random: nodeRandom }
  const quiet = quietSettings(options.settings, 1)
  const metadata = await metadataOf(options.checkpoint, quiet, ports.clock)
  const params = { ...storedParams(options.job, metadata), ...parseParams(options.job, options.params) }
  const parallelism = parallelismFor(metadata)
  const build = (): BuiltJob => replaced(buildJob(options.job, { params }), options)
  const first = build()
  if (first.graph.name !== metadata.jobName) throw engineError('REPLAY_OTHER_JOB', { job: first.graph.name, stored: metadata.jobName })
  options.built?.(first.graph)
  // The folder of the job is that of the one that runs: a backend removes there what attempts before its own have left.
  return await inOwnFolder((stateDir) =>
    startLocalJob({
      first,
      build,
      settings: overrideOptions(engineOptionTable, quietSettings(jobOptions(options.settings, first.graph.settings), parallelism), {
        stateDir,
      }),
      restore: options.checkpoint,
      allowNonRestoredState: options.allowNonRestoredState,
      storage: (storage) => new ForgettingCheckpoints(storage),
      ports,
      onEvent: (event) => options.onEvent(event),
    }),
  )
}

/** `start` is given a folder for the time that the job runs. */
async function inOwnFolder(start: (folder: string) => RunningJob): Promise<RunningJob> {
  const { path, remove } = await temporaryFolder('millrace-replay-')
  const untilDone = async (running: RunningJob): Promise<JobResult> => {
    try {
      return await running.done
    } finally {
      await remove()
    }
  }
  try {
    const running = start(path)
    return { ...running, done: untilDone(running) }
  } catch (error) {
    await remove()
    throw error
  }
}

/** One subtask is the easiest to follow; but which of several had finished is known only of as many as there were. */
function parallelismFor({ operators }: CheckpointMetadata): number {
  const partly = operators.filter(({ subtasks }) => new Set(subtasks.map(({ finished }) => finished === true)).size > 1)
  return Math.max(1, ...partly.map(({ subtasks }) => subtasks.length))
}

/** No checkpoint but the last, which is forgotten; no restart; `parallelism` subtasks where the job does not say otherwise. */
function quietSettings(settings: ResolvedEngineOptions, parallelism: number): ResolvedEngineOptions {
  const quiet = overrideOptions(engineOptionTable, settings, {
    parallelism,
    checkpointing: { storage: 'memory' },
    restart: { strategy: 'none' },
  })
  return changeOptions(engineOptionTable, quiet, { 'checkpointing.interval': 'none' }, 'the replay')
}

async function metadataOf(checkpoint: string, settings: ResolvedEngineOptions, clock: Clock): Promise<CheckpointMetadata> {
  const { storage } = jobFolder('replay', settings, { clock, disk: nodeDisk, random: nodeRandom })
  const found = await storage.resolveRestore(checkpoint, { verify: 'length' })
  return found.checkpoint!.metadata
}

/** The parameters that the checkpoint was taken with, as far as the job still has them. */
function storedParams(job: Job<Params>, { params }: CheckpointMetadata): Params {
  return Object.fromEntries(Object.entries(params).filter(([name, value]) => typeof job.params[name] === typeof value))
}

function replaced({ graph, functions }: BuiltJob, options: ReplayedJob): BuiltJob {
  const operators = new Map<number, OperatorFunctions>()
  for (const [id, each] of functions.operators) operators.set(id, replacedOne(graph.operators[id]!, each, options))
  return { graph, functions: { ...functions, operators } satisfies JobFunctions }
}

function replacedOne(node: OperatorNode, each: OperatorFunctions, options: ReplayedJob): OperatorFunctions {
  if (each.kind === 'source') return { ...each, source: options.source(node, each.source) }
  if (each.kind !== 'sink') return each
  return { kind: 'sink', sink: tellingSink((value, timestamp) => options.output(node, value, timestamp)) }
}

type Tell = (value: unknown, timestamp: number) => Promise<void> | undefined

/** Has no side effect but to tell; what the checkpoint holds for the real sink is left alone. */
function tellingSink(tell: Tell): Sink<unknown> {
  return { connector: 'replay', delivery: 'none', createWriter: (context) => tellingWriter(tell, context) }
}

function tellingWriter(tell: Tell, context: WriterContext): SinkWriter<unknown> {
  let waitedFor = 0
  return {
    open: () => {},
    write: (value, timestamp) => {
      const room = tell(value, timestamp)
      if (room === undefined) return
      waitedFor++
      void room.finally(() => {
        if (--waitedFor === 0) context.wake()
      })
    },
    ready: () => waitedFor === 0,
    prepare: async () => [],
    close: () => {},
  }
}

/** A job, the checkpoint it is replayed from, and how far. */
export interface ReplayOptions extends Omit<ReplayedJob, 'source'> {
  /** Records of all sources together after which the replay stops; undefined: when the input ends, or when it is stopped. */
  readonly until?: number
}

/** Replays a job on its real input, as far as `until` says. @throws as `startReplay` */
export async function replayJob(options: ReplayOptions): Promise<RunningJob> {
  let running: RunningJob | undefined
  const budget = new InputBudget(options.until ?? Infinity, () => void running?.stop())
  running = await startReplay({ ...options, source: (_, source) => watchedSource(source, budget) })
  return running
}

/** Lets so many records through, over all sources together. */
export class InputBudget implements InputWatcher {
  #left: number
  #over = false
  readonly #spent: () => void

  constructor(records: number, spent: () => void) {
    this.#left = records
    this.#spent = spent
  }

  get over(): boolean {
    return this.#over
  }

  take(): boolean {
    if (this.#over) return false
    this.#left--
    if (this.#left === 0) this.close()
    return true
  }

  /** No more from now on. */
  close(): void {
    if (this.#over) return
    this.#over = true
    this.#spent()
  }
}
