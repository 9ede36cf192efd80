/**
 * Checkpoints of one subtask: takes the snapshot at the barrier, writes it between batches, acknowledges, and acts when the checkpoint is complete or given up.
 *
 * 1. What belongs to the snapshot is fixed before `take` returns; what follows only writes it out.
 * 2. An acknowledgement is sent when every byte it refers to is durable.
 * 3. A snapshot that fails declines the checkpoint; a sink that cannot make its output durable fails the task, as that output is in no other checkpoint.
 */
import { inspect } from 'node:util'
import type { Clock, Disk } from '@millrace/core'
import type { CoordinatorMessage, SavepointTarget } from '../checkpoint/coordinator-events.ts'
import type { AsyncInputs, InFlightFile, StateFileHandle, SubtaskOperatorState, SubtaskSnapshot } from '../checkpoint/handles.ts'
import { FilesystemStateFiles } from '../checkpoint/state-files.ts'
import type { StateFileStorage, StateFileWriter, StateWriterIdentity } from '../checkpoint/storage.ts'
import { TeeStateFile } from '../checkpoint/tee-state-file.ts'
import type { Split } from '../connectors/source.ts'
import type { UnfinishedInput } from '../operators/operator.ts'
import type { BroadcastState } from '../state/broadcast-state.ts'
import type { OperatorState, StoredList } from '../state/operator-state.ts'
import type { RawPartBytes } from '../state/raw-state.ts'
import { encodeAsyncInputs } from './async-inputs.ts'
import type { InFlightSnapshot, InFlightWriting } from './in-flight.ts'
import type { KeyedSnapshot, OperatorSnapshots } from './operator-snapshots.ts'
import type { SinkCommits } from './sink-commits.ts'
import type { SnapshotOrder } from './task-types.ts'
import { RawSnapshot } from './raw-files.ts'
import type { Background, Slot } from './slot.ts'

/** What of an operator instance goes into checkpoints. */
export interface SnapshotParts {
  readonly stateId: string
  /** Inputs that asynchronous functions have not finished. */
  readonly unfinished: () => readonly UnfinishedInput[]
  readonly maxParallelism: number
  readonly keyed: OperatorSnapshots | undefined
  readonly broadcast: BroadcastState | undefined
  readonly operatorState: OperatorState | undefined
  readonly commits: SinkCommits | undefined
  readonly splits: ((checkpointId: number) => readonly Split[]) | undefined
}

export interface SubtaskSnapshotsOptions {
  readonly identity: StateWriterIdentity
  readonly operators: readonly SnapshotParts[]
  readonly storage: StateFileStorage
  /** Where savepoints go. */
  readonly disk: Disk
  readonly clock: Clock
  readonly slot: Slot
  /** Whether state is written while the task goes on. */
  readonly asynchronous: boolean
  finished(): boolean
  /** Tells the task's source reader, if it has one, that a checkpoint is durable. */
  readerCompleted(checkpointId: number): void
  acknowledge(message: CoordinatorMessage): void
  failed(error: unknown): void
}

interface OperatorPart {
  readonly state: SubtaskOperatorState
  readonly keyed: KeyedSnapshot | undefined
  readonly raw: RawSnapshot | undefined
  /** What the operator's state could not be taken for. */
  readonly failure: unknown
  readonly handles: Promise<readonly unknown[]> | undefined
}

/** Of the barriers, up to the snapshot. */
export interface Alignment {
  readonly ms: number
  /** Of records received meanwhile. */
  readonly bytes: number
}

interface SnapshotTimes {
  readonly triggeredMs: number
  readonly alignment: Alignment
  readonly inFlight: InFlightSnapshot | undefined
  readonly syncMs: number
  readonly startMs: number
}

export class SubtaskSnapshots {
  readonly #options: SubtaskSnapshotsOptions
  readonly #underWay: Map<number, SnapshotInProgress> = new Map()

  constructor(options: SubtaskSnapshotsOptions) {
    this.#options = options
  }

  /** At the barrier. A savepoint stands by itself: all of the state goes into its folder. */
  take({ checkpointId, triggeredMs, savepoint, inFlight }: SnapshotOrder, alignment: Alignment): void {
    const { clock, operators, slot } = this.#options
    const startMs = clock.monotonic()
    const create = this.#creator(checkpointId, savepoint)
    const full = savepoint === undefined ? 'share' : 'all'
    const parts = operators.map((operator, index) => this.#part(operator, checkpointId, index, create, full))
    if (!this.#options.asynchronous) for (const { keyed } of parts) keyed?.writeAll()
    const syncMs = clock.monotonic() - startMs
    const collecting = inFlight === undefined ? undefined : { snapshot: inFlight, create }
    const progress = new SnapshotInProgress(parts, collecting, clock, slot, (result) =>
      this.#written(checkpointId, result, { triggeredMs, alignment, inFlight, syncMs, startMs }),
    )
    this.#underWay.set(checkpointId, progress)
    slot.addBackground(progress)
  }

  decline(checkpointId: number, reason: Extract<CoordinatorMessage, { kind: 'declined' }>['reason'], error?: unknown): void {
    const { attempt, task, subtask } = this.#options.identity
    const message = error === undefined ? {} : { error: error instanceof Error ? error.message : inspect(error) }
    this.#options.acknowledge({ kind: 'declined', attempt, subtask: { task, subtask }, checkpointId, reason, ...message })
  }

  /** What begins the files of a snapshot. */
  #creator(checkpointId: number, savepoint: SavepointTarget | undefined): (name: string) => Promise<StateFileWriter> {
    const { storage, disk, identity } = this.#options
    const own = (name: string): Promise<StateFileWriter> => storage.createStateFile(identity, checkpointId, name)
    if (savepoint === undefined) return own
    // A file that is in two places is one in each: what travels with its handle would be in one of them only.
    const files = storage.inFolder?.(savepoint.dir, savepoint.isCheckpoint ? 0 : undefined) ?? new FilesystemStateFiles(disk, savepoint.dir)
    const apart = (name: string): Promise<StateFileWriter> => files.createStateFile(identity, checkpointId, name)
    if (!savepoint.isCheckpoint) return apart
    return (name) =>
      TeeStateFile.create(
        () => own(name),
        () => apart(name),
      )
  }

  /** A checkpoint is complete, as far as later snapshots may build on it. What else follows from that waits for `completed`. */
  knownComplete(checkpointId: number): void {
    for (const { keyed } of this.#options.operators) keyed?.completed(checkpointId)
  }

  completed(checkpointId: number): void {
    for (const { keyed, commits } of this.#options.operators) {
      keyed?.completed(checkpointId)
      commits?.complete(checkpointId)
    }
    this.#options.readerCompleted(checkpointId)
  }

  /** A savepoint of a job that goes on: no checkpoint builds on it, and nothing is committed. */
  savepointCompleted(checkpointId: number): void {
    for (const { keyed } of this.#options.operators) keyed?.aborted(checkpointId)
  }

  aborted(checkpointId: number): void {
    void this.#underWay.get(checkpointId)?.abort()
    this.#underWay.delete(checkpointId)
    for (const { keyed } of this.#options.operators) keyed?.aborted(checkpointId)
  }

  /** Resolves when every commit asked for is done. */
  async committed(): Promise<void> {
    for (const { commits } of this.#options.operators) await commits?.settled()
  }

  async close(): Promise<void> {
    for (const progress of this.#underWay.values()) await progress.abort()
    this.#underWay.clear()
    for (const { keyed } of this.#options.operators) await keyed?.close()
  }

  #part(
    parts: SnapshotParts,
    checkpointId: number,
    index: number,
    create: (name: string) => Promise<StateFileWriter>,
    full: 'all' | 'share',
  ): OperatorPart {
    const { lists, raw, failure } = operatorStateOf(parts.operatorState)
    const unfinished = parts.unfinished()
    const asyncInputs: readonly AsyncInputs[] = unfinished.length === 0 ? [] : encodeAsyncInputs(unfinished, parts.maxParallelism)
    const handles = parts.commits?.prepare(checkpointId)
    handles?.catch(() => {}) // looked at when the rest is written
    return {
      state: {
        stateId: parts.stateId,
        keyed: [],
        ...(parts.broadcast === undefined ? {} : { broadcast: parts.broadcast.snapshot() }),
        ...(lists.length === 0 ? {} : { lists }),
        ...(parts.splits === undefined ? {} : { splits: structuredClone(parts.splits(checkpointId)) }),
        ...(asyncInputs.length === 0 ? {} : { asyncInputs }),
        ...(this.#options.finished() ? { finished: true } : {}),
      },
      keyed: parts.keyed?.begin(checkpointId, (name) => create(name === '' ? `operator-${index}` : `operator-${index}-${name}`), full),
      raw: raw.length === 0 ? undefined : new RawSnapshot(raw, () => create(`operator-${index}-raw`)),
      failure,
      handles,
    }
  }

  #written(checkpointId: number, result: SnapshotResult, times: SnapshotTimes): void {
    if (!this.#underWay.delete(checkpointId)) return
    if (result.kind === 'sink-failed') return this.#options.failed(result.error)
    if (result.kind !== 'written') {
      for (const { keyed } of this.#options.operators) keyed?.aborted(checkpointId)
      return this.decline(checkpointId, 'snapshot-failed', result.error)
    }
    const { attempt, task, subtask } = this.#options.identity
    const { clock } = this.#options
    const snapshot: SubtaskSnapshot = {
      operators: result.operators,
      newFiles: result.newFiles,
      timings: {
        startDelayMs: Math.max(0, clock.now() - times.triggeredMs - (clock.monotonic() - times.startMs) - times.alignment.ms),
        alignmentMs: times.inFlight?.times?.alignmentMs ?? times.alignment.ms,
        alignmentBytes: times.alignment.bytes,
        unaligned: times.inFlight !== undefined,
        inFlightBytes: times.inFlight?.sizeBytes ?? 0,
        syncMs: times.syncMs,
        asyncMs: clock.monotonic() - times.startMs - times.syncMs,
        writtenBytes: result.newFiles.reduce((sum, file) => sum + file.length, 0),
        stateBytes: result.operators
          .flatMap(({ keyed, raw, inFlight }): readonly (StateFileHandle | undefined)[] => [...keyed, raw, inFlight])
          .filter((file) => file !== undefined)
          .reduce((sum, file) => sum + file.length, 0),
      },
    }
    this.#options.acknowledge({ kind: 'acknowledged', attempt, subtask: { task, subtask }, checkpointId, snapshot })
  }
}

/** What cannot be stored fails the snapshot, not the job. */
function operatorStateOf(state: OperatorState | undefined): {
  readonly lists: readonly StoredList[]
  readonly raw: readonly RawPartBytes[]
  readonly failure: unknown
} {
  try {
    return { lists: state?.snapshot() ?? [], raw: state?.snapshotRaw() ?? [], failure: undefined }
  } catch (error) {
    return { lists: [], raw: [], failure: error }
  }
}

type SnapshotResult =
  | { readonly kind: 'written'; readonly operators: readonly SubtaskOperatorState[]; readonly newFiles: readonly StateFileHandle[] }
  | { readonly kind: 'failed' | 'sink-failed'; readonly error: unknown }

/** What is in flight to a snapshot, still being collected perhaps. */
interface Collecting {
  readonly snapshot: InFlightSnapshot
  readonly create: (name: string) => Promise<StateFileWriter>
}

/** The writing of one snapshot, in slices. */
class SnapshotInProgress implements Background {
  readonly #parts: readonly OperatorPart[]
  readonly #collecting: Collecting | undefined
  /** By place in the chain. */
  readonly #inFlight: Map<number, InFlightWriting> = new Map()
  readonly #clock: Clock
  readonly #slot: Slot
  readonly #done: (result: SnapshotResult) => void
  #current = 0
  #over = false
  #aborted = false

  constructor(
    parts: readonly OperatorPart[],
    collecting: Collecting | undefined,
    clock: Clock,
    slot: Slot,
    done: (result: SnapshotResult) => void,
  ) {
    this.#parts = parts
    this.#collecting = collecting
    this.#clock = clock
    this.#slot = slot
    this.#done = done
  }

  step(budgetMs: number): boolean {
    if (this.#over) return false
    const endMs = this.#clock.monotonic() + budgetMs
    const out = (): boolean => this.#clock.monotonic() >= endMs
    while (this.#current < this.#parts.length) {
      const { keyed } = this.#parts[this.#current]!
      if (keyed !== undefined && !keyed.step(out, () => this.#slot.addBackground(this))) return !keyed.waiting
      this.#current++
    }
    const inFlight = this.#collecting?.snapshot
    if (inFlight?.whole === false) {
      inFlight.onWhole = () => this.#slot.addBackground(this)
      return false
    }
    this.#over = true
    void this.#finish()
    return false
  }

  async abort(): Promise<void> {
    this.#over = true
    this.#aborted = true
    await this.#abortFiles()
  }

  async #abortFiles(): Promise<void> {
    for (const { keyed, raw } of this.#parts) {
      await keyed?.abort()
      await raw?.abort()
    }
    for (const writing of this.#inFlight.values()) await writing.abort()
  }

  async #finish(): Promise<void> {
    const operators: SubtaskOperatorState[] = []
    const newFiles: StateFileHandle[] = []
    let sink = false
    try {
      for (const [index, { state, keyed, raw, handles, failure }] of this.#parts.entries()) {
        if (failure !== undefined) throw failure
        const files = await keyed?.finish()
        if (files?.file !== undefined) newFiles.push(files.file)
        if (files?.kept !== undefined) newFiles.push(...files.kept.newFiles)
        const rawFile = await raw?.finish()
        if (rawFile !== undefined) newFiles.push(rawFile)
        const inFlight = await this.#writeInFlight(index)
        if (inFlight !== undefined) newFiles.push(inFlight)
        sink = true
        const sinkHandles = await handles
        sink = false
        operators.push({
          ...state,
          keyed: files?.chain ?? [],
          ...(files?.kept === undefined ? {} : { database: files.kept.database }),
          ...(rawFile === undefined ? {} : { raw: rawFile }),
          ...(inFlight === undefined ? {} : { inFlight }),
          ...(sinkHandles === undefined ? {} : { sinkHandles }),
        })
      }
    } catch (error) {
      await this.#abortFiles()
      this.#done({ kind: sink ? 'sink-failed' : 'failed', error })
      return
    }
    this.#done({ kind: 'written', operators, newFiles })
  }
  async #writeInFlight(operator: number): Promise<InFlightFile | undefined> {
    if (this.#aborted) throw new Error('the snapshot was given up')
    const writing = this.#collecting?.snapshot.writing(operator, () => this.#collecting!.create(`operator-${operator}-in-flight`))
    if (writing === undefined) return undefined
    this.#inFlight.set(operator, writing)
    return await writing.finish()
  }
}
