/**
 * One operator instance's part of a snapshot: fixed at the barrier, written afterwards.
 *
 * 1. What belongs to it is fixed before the constructor returns.
 * 2. `finish` answers when every byte that it refers to is durable; after `abort` no file of it is left.
 */
import type { AsyncInputs, StateFileHandle, SubtaskOperatorState } from '../../checkpoint/handles.ts'
import type { Split } from '../../connectors/source.ts'
import type { UnfinishedInput } from '../../operators/operator.ts'
import type { BroadcastState } from '../../state/operator/broadcast-state.ts'
import type { OperatorState, StoredList } from '../../state/operator/operator-state.ts'
import type { RawPartBytes } from '../../state/operator/raw-state.ts'
import { encodeAsyncInputs } from './async-inputs.ts'
import type { CreateFile } from './database-snapshots.ts'
import type { KeyedSnapshot, OperatorSnapshots } from './operator-snapshots.ts'
import { RawSnapshot } from './raw-files.ts'
import type { SinkCommits } from './sink-commits.ts'

/** What of an operator instance goes into checkpoints. */
export interface CheckpointedOperator {
  readonly stateId: string
  /** Its input has ended, and it has finished. */
  readonly finished: () => boolean
  /** Inputs that asynchronous functions have not finished. */
  readonly unfinished: () => readonly UnfinishedInput[]
  readonly maxParallelism: number
  readonly keyed: OperatorSnapshots | undefined
  readonly broadcast: BroadcastState | undefined
  readonly operatorState: OperatorState | undefined
  readonly commits: SinkCommits | undefined
  readonly splits: ((checkpointId: number) => readonly Split[]) | undefined
}

export interface OperatorPartOptions {
  readonly checkpointId: number
  /** In the chain. */
  readonly place: number
  readonly create: CreateFile
  /** `all` for what stands by itself: savepoints, and checkpoints that are not incremental. */
  readonly full: 'all' | 'share'
}

export interface FinishedOperatorPart {
  readonly state: SubtaskOperatorState
  readonly newFiles: readonly StateFileHandle[]
}

export class OperatorPart {
  readonly #state: SubtaskOperatorState
  readonly #keyed: KeyedSnapshot | undefined
  readonly #raw: RawSnapshot | undefined
  /** What the operator's state could not be taken for. */
  readonly #failure: unknown
  /** What the checkpoint must hold of a sink's output. */
  readonly sinkHandles: Promise<readonly unknown[]> | undefined

  constructor(operator: CheckpointedOperator, { checkpointId, place, create, full }: OperatorPartOptions) {
    const { lists, raw, failure } = operatorStateOf(operator.operatorState)
    const unfinished = operator.unfinished()
    const asyncInputs: readonly AsyncInputs[] = unfinished.length === 0 ? [] : encodeAsyncInputs(unfinished, operator.maxParallelism)
    this.#failure = failure
    this.sinkHandles = operator.commits?.prepare(checkpointId)
    this.sinkHandles?.catch(() => {}) // looked at when the rest is written
    this.#state = {
      stateId: operator.stateId,
      keyed: [],
      ...(operator.broadcast === undefined ? {} : { broadcast: operator.broadcast.snapshot() }),
      ...(lists.length === 0 ? {} : { lists }),
      ...(operator.splits === undefined ? {} : { splits: operator.splits(checkpointId) }),
      ...(asyncInputs.length === 0 ? {} : { asyncInputs }),
      ...(operator.finished() ? { finished: true } : {}),
    }
    this.#keyed = operator.keyed?.begin(
      checkpointId,
      (name) => create(name === '' ? `operator-${place}` : `operator-${place}-${name}`),
      full,
    )
    this.#raw = raw.length === 0 ? undefined : new RawSnapshot(raw, () => create(`operator-${place}-raw`))
  }

  /** Whether the disk is so far behind that nothing more should be produced. */
  get waiting(): boolean {
    return this.#keyed?.waiting === true
  }

  /** Writes all rows now. */
  writeAll(): void {
    this.#keyed?.writeAll()
  }

  /** Writes rows until the time is used up; answers whether all are written. `wrote` is called when the disk has caught up. */
  step(out: () => boolean, wrote: () => void): boolean {
    return this.#keyed === undefined || this.#keyed.step(out, wrote)
  }

  /** @throws why it cannot be had */
  async finish(): Promise<FinishedOperatorPart> {
    if (this.#failure !== undefined) throw this.#failure
    const newFiles: StateFileHandle[] = []
    const files = await this.#keyed?.finish()
    if (files?.file !== undefined) newFiles.push(files.file)
    if (files?.kept !== undefined) newFiles.push(...files.kept.newFiles)
    const raw = await this.#raw?.finish()
    if (raw !== undefined) newFiles.push(raw)
    const state: SubtaskOperatorState = {
      ...this.#state,
      keyed: files?.chain ?? [],
      ...(files?.kept === undefined ? {} : { database: files.kept.database }),
      ...(raw === undefined ? {} : { raw }),
    }
    return { state, newFiles }
  }

  async abort(): Promise<void> {
    await this.#keyed?.abort()
    await this.#raw?.abort()
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
