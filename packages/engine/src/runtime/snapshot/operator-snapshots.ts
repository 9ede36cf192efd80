/**
 * The keyed state of one operator instance on its way into files and back.
 *
 * 1. The chain of files stored for a checkpoint holds everything needed to restore it, and nothing that a later full segment replaces.
 * 2. A snapshot builds on the chain of the checkpoint that its deltas are over, whatever has been taken and given up since.
 */
import { engineError } from '../../errors.ts'
import { withoutMergedBytes, type KeyedStateFile, type StateFileHandle, type StoredDatabase } from '../../checkpoint/handles.ts'
import type { StateFileStorage, StateFileWriter } from '../../checkpoint/storage.ts'
import { Turns, type TurnsOptions } from '../../state/turns.ts'
import type { KeyedStateBackend, SegmentBytes, StateSnapshotWriter } from '../../state/state-types.ts'
import type { CreateFile, DatabaseSnapshot, DatabaseSnapshots, KeptDatabase } from './database-snapshots.ts'
import { filesOfRange, neededFiles, segmentsByGroup, type LocatedSegment } from './keyed-files.ts'
import type { KeyGroupRange } from '../../keys/key-group.ts'
import { prefetch } from './prefetch.ts'

/** Bytes handed to the storage and not yet written, at most: then the snapshot waits for the disk. */
const UNWRITTEN_BYTES_MAX = 8 * 1024 * 1024
/** Rows written between two looks at the clock. */
export const ROWS_A_STEP = 128

/** What of former state is restored. */
export interface RestoreScope {
  readonly range: KeyGroupRange
  /** Of the job's own checkpoint, over which later ones may be deltas; else 0. */
  readonly checkpointId: number
  /** The number of key groups at the time, and those of them that keys of the range were in; undefined: as many as today. */
  readonly former?: { readonly maxParallelism: number; readonly groups: KeyGroupRange } | undefined
  /** How it shares the thread, and hears that nobody needs it any more. */
  readonly turns: TurnsOptions
}

export class OperatorSnapshots {
  readonly keyed: KeyedStateBackend
  readonly #chains: Map<number, readonly KeyedStateFile[]> = new Map()

  readonly #rowsAStep: number
  readonly #database: DatabaseSnapshots | undefined

  /** `database`: what keeps rows of `keyed` outside of memory. */
  constructor(keyed: KeyedStateBackend, rowsAStep: number = ROWS_A_STEP, database?: DatabaseSnapshots) {
    this.keyed = keyed
    this.#rowsAStep = rowsAStep
    this.#database = database
  }

  /** After everything else. */
  async close(): Promise<void> {
    this.keyed.dispose()
    await this.#database?.close()
  }

  /** Loads what falls into the range of the former subtasks' files. Rejects with the signal's reason where it has been given up meanwhile: then the state is of no use. */
  async restore(
    storage: StateFileStorage,
    chains: readonly (readonly KeyedStateFile[])[],
    { range, checkpointId, former, turns }: RestoreScope,
  ): Promise<void> {
    const files = chains.flatMap((chain) => filesOfRange(former === undefined ? chain : neededFiles(chain), former?.groups ?? range))
    const readers = new Map<string, Awaited<ReturnType<StateFileStorage['openStateFile']>>>()
    const counts = new Map<number, number>()
    try {
      for (const file of files) {
        if (readers.has(file.path)) continue
        turns.signal?.throwIfAborted()
        readers.set(file.path, await storage.openStateFile(file))
      }
      const read = async ({ file, segment }: LocatedSegment): Promise<SegmentBytes> => {
        const bytes = await readers.get(file.path)!.read(segment.offset, segment.length, segment.crc32)
        return { bytes, rows: segment.rows }
      }
      const groups = prefetch(segmentsByGroup(files), {
        sizeBytes: ([, segments]) => segments.reduce((sum, { segment }) => sum + segment.length, 0),
        read: ([, segments]) => Promise.all(segments.map(read)),
      })
      const shared = new Turns(turns)
      for await (const [[group], segments] of groups) {
        turns.signal?.throwIfAborted()
        await shared.through(this.keyed.beginGroup(group, segments, former?.maxParallelism))
        counts.set(group, segments.length)
      }
    } finally {
      // All of them, whatever the disk says to one: nothing was written.
      await Promise.allSettled(Array.from(readers.values(), (reader) => reader.close()))
    }
    // A delta over other key groups would be none.
    if (checkpointId > 0 && former === undefined) {
      this.keyed.resumeFrom(checkpointId, counts)
      this.#chains.set(checkpointId, files)
    }
  }

  /** What the chains of `restore` are changes over; before it. */
  async restoreDatabases(
    storage: StateFileStorage,
    databases: readonly StoredDatabase[],
    checkpointId: number,
    regrouped: boolean,
    operator: string,
  ): Promise<void> {
    if (databases.length === 0) return
    if (this.#database === undefined) throw engineError('STATE_BACKEND_OTHER', { operator })
    await this.#database.restore(storage, databases, !regrouped, checkpointId > 0)
  }

  /** `full`: `all` for what stands by itself: savepoints, and checkpoints that are not incremental. `create`: what is added to the name of the operator's file. */
  begin(checkpointId: number, create: CreateFile, full: 'all' | 'share'): KeyedSnapshot {
    // As of now: while it is written newer checkpoints complete, and the chain that it builds on is forgotten.
    const chains = new Map(this.#chains)
    const writer = this.keyed.beginSnapshot(checkpointId, { full })
    const database = full === 'share' ? this.#database?.begin(checkpointId, create) : undefined
    return new KeyedSnapshot(
      writer,
      this.#rowsAStep,
      async () => await create(''),
      database,
      (base, file) => {
        const before = base === undefined ? [] : chains.get(base)
        if (before === undefined) throw new Error(`checkpoint ${checkpointId} is a delta over ${base}, whose files are not known`)
        const chain = neededFiles(file === undefined ? before : [...before, file])
        this.#chains.set(checkpointId, chain)
        return chain
      },
    )
  }

  completed(checkpointId: number): void {
    this.keyed.checkpointCompleted(checkpointId)
    this.#database?.completed(checkpointId)
    for (const id of this.#chains.keys()) if (id < checkpointId) this.#chains.delete(id)
    const chain = this.#chains.get(checkpointId)
    if (chain?.some(({ toMerge }) => toMerge === true) === true) this.#chains.set(checkpointId, chain.map(withoutMergedBytes))
  }

  aborted(checkpointId: number): void {
    this.keyed.checkpointAborted(checkpointId)
    this.#database?.aborted(checkpointId)
    this.#chains.delete(checkpointId)
  }
}

export interface FinishedSnapshot {
  readonly chain: readonly KeyedStateFile[]
  readonly file: StateFileHandle | undefined
  /** What the chain is changes over. */
  readonly kept: KeptDatabase | undefined
}

/** Answers the chain of files that the snapshot amounts to; `file` is undefined where nothing had to be written. */
type Complete = (base: number | undefined, file: KeyedStateFile | undefined) => readonly KeyedStateFile[]

/** One snapshot being written. Its file is created with the first bytes. */
export class KeyedSnapshot {
  readonly #writer: StateSnapshotWriter
  readonly #rowsAStep: number
  readonly #create: () => Promise<StateFileWriter>
  readonly #database: DatabaseSnapshot | undefined
  readonly #complete: Complete
  #file: StateFileWriter | undefined
  #unwritten = 0
  #tail: Promise<void> = Promise.resolve()
  #failure: unknown

  constructor(
    writer: StateSnapshotWriter,
    rowsAStep: number,
    create: () => Promise<StateFileWriter>,
    database: DatabaseSnapshot | undefined,
    complete: Complete,
  ) {
    this.#database = database
    this.#writer = writer
    this.#rowsAStep = rowsAStep
    this.#create = create
    this.#complete = complete
  }

  /** Whether the disk is so far behind that nothing more should be produced. */
  get waiting(): boolean {
    return this.#unwritten > UNWRITTEN_BYTES_MAX
  }

  get done(): boolean {
    return this.#writer.done
  }

  /** Writes all rows now. What fails is told by `finish`. */
  writeAll(): void {
    try {
      while (!this.#writer.step(this.#rowsAStep));
    } catch {
      // The writer keeps it.
    }
    this.#pass(() => {})
  }

  /** Writes rows until the time is used up; answers whether nothing more is to be written. `wrote` is called when the disk has caught up. What fails is told by `finish`. */
  step(out: () => boolean, wrote: () => void): boolean {
    try {
      do {
        if (this.#writer.done || this.waiting) break
        this.#writer.step(this.#rowsAStep)
      } while (!out())
    } catch {
      // The writer keeps it.
      return true
    }
    this.#pass(wrote)
    return this.#writer.done
  }

  /** Everything is durable: the chain of files, and the new one among them. */
  async finish(): Promise<FinishedSnapshot> {
    const index = this.#writer.finish()
    this.#pass(() => {})
    await this.#tail
    if (this.#failure !== undefined) throw this.#failure
    const handle = await this.#file?.finish()
    const file = handle === undefined ? undefined : { ...handle, segments: index.segments }
    const kept = await this.#database?.finish()
    return { chain: this.#complete(index.baseCheckpointId, file), file: handle, kept }
  }

  /** Nobody will refer to it: its file goes, even if it is whole. */
  async abort(): Promise<void> {
    this.#failure ??= new Error('the snapshot was given up')
    await this.#tail
    await this.#file?.abort()
    await this.#database?.abort()
  }

  #pass(wrote: () => void): void {
    for (const chunk of this.#writer.take()) {
      this.#unwritten += chunk.length
      this.#tail = this.#tail.then(async () => {
        if (this.#failure !== undefined) return
        try {
          this.#file ??= await this.#create()
          await this.#file.write(chunk)
        } catch (error) {
          this.#failure = error
        }
        const waited = this.waiting
        this.#unwritten -= chunk.length
        if (waited && !this.waiting) wrote()
      })
    }
  }
}
