/**
 * Runs two versions of a job from the same checkpoint over the same records, with nothing written outside, and compares what they put out.
 *
 * 1. The real input is read once, by the old version's sources; the new version is given the very same records, in the same order over all sources.
 * 2. Both stop behind the same record of every source, after all that was in flight has come to the sinks.
 * 3. Outputs are compared as multisets, sink by sink, by the sinks' uids.
 */
import { nodeClock, type Cancel } from '@millrace/core'
import type { Job } from '../api/job.ts'
import type { Params } from '../api/params.ts'
import type { ResolvedEngineOptions } from '../config/options.ts'
import type { OperatorNode } from '../graph/graph.ts'
import type { JobEvent, JobResult } from '../runtime/job-types.ts'
import { compareOutputs, Outputs, type SinkComparison } from './compare-outputs.ts'
import { InputRecording } from './input-recording.ts'
import { InputBudget, startReplay, type ReplayedJob } from './replay-job.ts'
import { watchedSource } from './watched-source.ts'

/** One of two versions of a job, with parameters as typed by the user: they go before those of the checkpoint. */
export interface ShadowVersion {
  readonly job: Job<Params>
  readonly params: { readonly [name: string]: string }
}

/** Two versions of a job, what both start from, and how far they run. */
export interface ShadowOptions {
  /** Its sources read the input, for both. */
  readonly old: ShadowVersion
  /** Is given what the old version has read. */
  readonly recent: ShadowVersion
  /** Path or URL of a checkpoint or savepoint. */
  readonly checkpoint: string
  /** Drops state of the checkpoint that belongs to no operator of a version, instead of refusing. */
  readonly allowNonRestoredState: boolean
  /** Below what each version sets itself. */
  readonly settings: ResolvedEngineOptions
  /** Records of all sources together. */
  readonly until: number
  /** After so long without a record there are taken to be no more, milliseconds. */
  readonly idleMs: number
  /** Ends both versions, whichever runs: `shadowRun` throws its reason then, and has left nothing. */
  readonly signal?: AbortSignal
  /** Called with everything that happens to either. */
  onEvent(version: 'old' | 'new', event: JobEvent): void
}

/** What two versions have put out over the same records. */
export interface ShadowReport {
  /** Records that both versions were given. */
  readonly records: number
  readonly sinks: readonly SinkComparison[]
  /** Sources of the new version alone, by uid: they were given nothing. */
  readonly newSources: readonly string[]
  /** Sources of the old version alone: what they read came to the old version only. */
  readonly lostSources: readonly string[]
  /** Whether the versions put out the same. */
  readonly same: boolean
}

/** A version that failed. */
export interface ShadowFailure {
  readonly failed: 'old' | 'new'
  readonly result: Extract<JobResult, { state: 'failed' }>
}

/** Runs both versions, one after the other, and compares; the first that fails ends it. @throws CHECKPOINT_*, REPLAY_OTHER_JOB, and what building the jobs throws */
export async function shadowRun(options: ShadowOptions): Promise<ShadowReport | ShadowFailure> {
  const recording = new InputRecording()
  const old = await runOld(options, recording)
  if (!('outputs' in old)) return old
  const recent = await runNew(options, recording)
  if (!('outputs' in recent)) return recent
  const newSources = recent.sources.filter((id) => !recording.has(id))
  const lostSources = recording.sources.filter((id) => !recent.sources.includes(id))
  const sinks = compareOutputs(old.outputs, recent.outputs)
  const same = sinks.every(({ onlyOld, onlyNew }) => onlyOld.count === 0 && onlyNew.count === 0) && sameSinks(old.outputs, recent.outputs)
  return { records: recording.records, sinks, newSources, lostSources, same }
}

type Run = { readonly outputs: Outputs; readonly sources: readonly string[] } | ShadowFailure

async function runOld(options: ShadowOptions, recording: InputRecording): Promise<Run> {
  let stop = (): void => {}
  const budget = new InputBudget(options.until, () => stop())
  let records: number | undefined
  let cancel: Cancel
  const look = (): void => {
    cancel = nodeClock.after(options.idleMs, look)
    if (!recording.hasBegun) return
    if (recording.records === records) budget.close()
    records = recording.records
  }
  cancel = nodeClock.after(options.idleMs, look)
  try {
    return await runOne(
      options,
      'old',
      (node, source) => watchedSource(source, recording.watch(node.stateId, budget)),
      (end) => (stop = end),
    )
  } finally {
    cancel()
  }
}

async function runNew(options: ShadowOptions, recording: InputRecording): Promise<Run> {
  let stop = (): void => {}
  const player = recording.player(() => stop())
  return await runOne(
    options,
    'new',
    (node, source) => player.source(node.stateId, source),
    (end) => (stop = end),
  )
}

async function runOne(
  options: ShadowOptions,
  which: 'old' | 'new',
  source: ReplayedJob['source'],
  stoppable: (stop: () => void) => void,
): Promise<Run> {
  const { checkpoint, allowNonRestoredState, settings, signal } = options
  signal?.throwIfAborted()
  const { job, params } = which === 'old' ? options.old : options.recent
  const outputs = new Outputs()
  const sources: string[] = []
  const running = await startReplay({
    job,
    params,
    checkpoint,
    allowNonRestoredState,
    settings,
    built: ({ operators }) => {
      for (const { kind, stateId } of operators) {
        if (kind === 'sink') outputs.declare(stateId)
        if (kind === 'source') sources.push(stateId)
      }
    },
    source,
    output: (node: OperatorNode, value) => {
      outputs.add(node.stateId, value)
      return undefined
    },
    onEvent: (event) => options.onEvent(which, event),
  })
  stoppable(() => void running.stop())
  const cancel = (): void => void running.cancel()
  signal?.addEventListener('abort', cancel)
  if (signal?.aborted === true) cancel()
  const result = await running.done
  signal?.removeEventListener('abort', cancel)
  signal?.throwIfAborted()
  return result.state === 'failed' ? { failed: which, result } : { outputs, sources }
}

function sameSinks(old: Outputs, recent: Outputs): boolean {
  return old.sinks.every((sink) => recent.has(sink)) && recent.sinks.every((sink) => old.has(sink))
}
