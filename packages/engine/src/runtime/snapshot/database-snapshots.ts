/**
 * The files of the database under one operator instance's keyed state, on their way into checkpoints and back.
 *
 * 1. A file that never changes is kept once: a snapshot refers to it where a completed checkpoint has it. What only a checkpoint has that is not complete may be
 *    removed any time.
 * 2. Files and the changes over them (the operator's keyed files) are as of the same barrier.
 */
import { crc32 } from 'node:zlib'
import { atOnce, messageOf, MillraceError } from '@millrace/core'
import { withoutMergedBytes, type DatabaseFile, type FileRun, type StateFileHandle, type StoredDatabase } from '../../checkpoint/handles.ts'
import type { StateFileStorage, StateFileWriter } from '../../checkpoint/storage.ts'
import { engineError } from '../../errors.ts'
import type { KeyGroupRange } from '../../keys/key-group.ts'
import type { CachedState } from '../../state/rocksdb/cached-state.ts'
import type { OrderedStore, OrderedStores, StoreCheckpoint, StoredFile, StoreFile } from '../../state/rocksdb/ordered-store.ts'
import { Turns, type TurnsOptions } from '../../state/turns.ts'

/** Files of one snapshot that are kept at once. As Flink's `state.backend.rocksdb.checkpoint.transfer.thread.num`. */
const KEPT_AT_ONCE = 4

export type CreateFile = (name: string) => Promise<StateFileWriter>

export interface DatabasePlace {
  readonly state: CachedState
  readonly stores: OrderedStores
  /** Of the store, unique in the job. */
  readonly name: string
  readonly keyGroups: KeyGroupRange
  /** How a restore that takes long shares the thread, and hears that nobody needs it any more. */
  readonly turns: TurnsOptions
}

interface Taken {
  readonly database: StoredDatabase
  readonly version: number
}

export class DatabaseSnapshots {
  readonly #place: DatabasePlace
  /** By checkpoint. */
  readonly #taken: Map<number, Taken> = new Map()
  #completed: Taken | undefined

  constructor(place: DatabasePlace) {
    this.#place = place
  }

  get state(): CachedState {
    return this.#place.state
  }

  /** Right at the barrier. Undefined where nothing is in the database. */
  begin(checkpointId: number, create: CreateFile): DatabaseSnapshot | undefined {
    const { state, keyGroups } = this.#place
    const base = this.#completed
    const version = state.versionBelow
    if (base !== undefined && base.version === version) {
      this.#taken.set(checkpointId, base)
      return new DatabaseSnapshot(undefined, create, async () => base.database)
    }
    const facts = { format: 'rocksdb', keyGroups, rows: state.rowsBelow, header: state.header, ...state.storedOptions } as const
    const checkpoint = state.checkpointBelow()
    if (checkpoint === undefined) return undefined
    const known = new Map(base?.database.shared.map((file) => [file.name, file]))
    return new DatabaseSnapshot(checkpoint, create, async (files, into) => {
      const unchanging = files.filter((each) => each.shared)
      const shared = await atOnce(KEPT_AT_ONCE, unchanging, async (file) => known.get(file.name) ?? (await keep(file, into)))
      const changing = files.filter((each) => !each.shared)
      const database = { ...facts, shared, own: await keepTogether(changing, into) }
      this.#taken.set(checkpointId, { database, version })
      return database
    })
  }

  completed(checkpointId: number): void {
    const taken = this.#taken.get(checkpointId)
    if (taken !== undefined) this.#completed = { ...taken, database: withoutBytes(taken.database) }
    for (const id of this.#taken.keys()) if (id <= checkpointId) this.#taken.delete(id)
  }

  aborted(checkpointId: number): void {
    this.#taken.delete(checkpointId)
  }

  /** Takes over what former subtasks had in their databases, of this one's key groups. Changes over it come afterwards. `ownCheckpoint`: later ones may refer to its files. Rejects where it has been given up meanwhile. @throws CHECKPOINT_DAMAGED, STATE_DATABASE_CORRUPT, STATE_DISK_*, and what a migration throws */
  async restore(storage: StateFileStorage, databases: readonly StoredDatabase[], same: boolean, ownCheckpoint: boolean): Promise<void> {
    const { state, name, keyGroups, turns } = this.#place
    const [only] = databases
    if (only === undefined) return
    const whole = same && databases.length === 1 && only.keyGroups.first === keyGroups.first && only.keyGroups.end === keyGroups.end
    if (whole && state.hasColumns(only.header, only.options)) {
      const below = await this.#open(name, storage, only)
      await this.#told(only, () => state.adopt(below, only.rows))
      if (ownCheckpoint) this.#completed = { database: only, version: state.versionBelow }
      return
    }
    for (const [at, database] of databases.entries()) {
      turns.signal?.throwIfAborted()
      const from = await this.#open(`${name}-former-${at}`, storage, database)
      try {
        await this.#told(database, () => state.takeOver(from, database.header, new Turns(turns), database.options))
      } finally {
        await from.close()
      }
    }
  }

  /** @throws CHECKPOINT_DAMAGED where the database sees it as it opens */
  async #open(name: string, storage: StateFileStorage, database: StoredDatabase): Promise<OrderedStore> {
    try {
      return await this.#place.stores.restore(name, storedFiles(storage, database))
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw engineError('CHECKPOINT_DAMAGED', { path: database.own.path, problem: error.message }, error)
    }
  }

  /** @throws STATE_DATABASE_CORRUPT where something is wrong with the rows, or the bytes in them; anything else as it is */
  async #told({ own }: StoredDatabase, work: () => Promise<void> | void): Promise<void> {
    try {
      await work()
    } catch (error) {
      const isOfBytes = error instanceof MillraceError && /^(VALUE|KEY)_/.test(error.code)
      if (!isOfBytes && !(error instanceof TypeError) && !(error instanceof RangeError)) throw error
      const { operator } = this.#place.state
      throw engineError('STATE_DATABASE_CORRUPT', { operator, path: own.path, problem: messageOf(error) }, error)
    }
  }

  async close(): Promise<void> {
    await this.#place.state.close()
  }
}

/** What has been merged is in the storage now. */
function withoutBytes(database: StoredDatabase): StoredDatabase {
  return { ...database, shared: database.shared.map(withoutMergedBytes), own: withoutMergedBytes(database.own) }
}

export interface KeptDatabase {
  readonly database: StoredDatabase
  readonly newFiles: readonly StateFileHandle[]
}

/** Writes the files of one snapshot, and can remove them all again. */
class Files {
  readonly #create: CreateFile
  readonly #writers: StateFileWriter[] = []
  readonly handles: StateFileHandle[] = []
  #given = true

  constructor(create: CreateFile) {
    this.#create = create
  }

  async write(name: string, fill: (writer: StateFileWriter) => Promise<void>): Promise<StateFileHandle> {
    this.check()
    const writer = await this.#create(name)
    this.#writers.push(writer)
    await fill(writer)
    const handle = await writer.finish()
    this.handles.push(handle)
    return handle
  }

  /** @throws where it was given up: the files that it is to keep may be gone */
  check(): void {
    if (!this.#given) throw new Error('the snapshot was given up')
  }

  async abort(): Promise<void> {
    this.#given = false
    for (const writer of this.#writers.splice(0)) await writer.abort()
  }
}

/** One snapshot of a database being kept. */
export class DatabaseSnapshot {
  readonly #checkpoint: Promise<StoreCheckpoint> | undefined
  readonly #keep: (files: readonly StoreFile[], into: Files) => Promise<StoredDatabase>
  readonly #files: Files
  #finished: Promise<KeptDatabase> | undefined

  constructor(
    checkpoint: Promise<StoreCheckpoint> | undefined,
    create: CreateFile,
    keep: (files: readonly StoreFile[], into: Files) => Promise<StoredDatabase>,
  ) {
    this.#checkpoint = checkpoint
    this.#files = new Files(create)
    this.#keep = keep
    checkpoint?.catch(() => {}) // looked at when the rest is written
  }

  /** Everything is durable. */
  async finish(): Promise<KeptDatabase> {
    this.#finished = this.#write()
    return await this.#finished
  }

  /** Nobody will refer to it. */
  async abort(): Promise<void> {
    await this.#files.abort()
    // What was being written meanwhile has come to its end by now, or fails.
    await this.#finished?.catch(() => {})
    await this.#files.abort()
    if (this.#finished === undefined) await this.#checkpoint?.then((checkpoint) => checkpoint.release()).catch(() => {})
  }

  async #write(): Promise<KeptDatabase> {
    const checkpoint = await this.#checkpoint
    try {
      this.#files.check()
      return { database: await this.#keep((await checkpoint?.files()) ?? [], this.#files), newFiles: this.#files.handles }
    } finally {
      await checkpoint?.release().catch(() => {}) // it goes with the database at the latest
    }
  }
}

async function keep(file: StoreFile, into: Files): Promise<DatabaseFile> {
  const handle = await into.write(`db-${file.name.replaceAll('.', '-')}`, async (writer) => {
    if (file.path !== undefined && (await writer.adopt?.(file.path)) === true) return
    for await (const chunk of file.read()) await writer.write(chunk)
  })
  return { ...handle, name: file.name }
}

/** The small files that are others each time, in one. */
async function keepTogether(files: readonly StoreFile[], into: Files): Promise<StoredDatabase['own']> {
  const parts: (FileRun & { readonly name: string })[] = []
  const handle = await into.write('db', async (writer) => {
    for (const file of files) {
      const offset = writer.length
      let sum = 0
      for await (const chunk of file.read()) {
        sum = crc32(chunk, sum)
        await writer.write(chunk)
      }
      parts.push({ name: file.name, offset, length: writer.length - offset, crc32: sum })
    }
  })
  return { ...handle, parts }
}

export function storedFiles(storage: StateFileStorage, { shared, own }: StoredDatabase): readonly StoredFile[] {
  return [
    ...shared.map((file) => ({
      name: file.name,
      // What came without being read goes back as it came.
      link: async (path: string) => file.crc32 === undefined && (await storage.linkStateFile?.(file, path)) === true,
      read: () => readRun(storage, file, { offset: 0, length: file.length, crc32: file.crc32 }),
    })),
    ...own.parts.map((part) => ({ name: part.name, read: () => readRun(storage, own, part) })),
  ]
}

interface Run {
  readonly offset: number
  readonly length: number
  readonly crc32: number | undefined
}

async function* readRun(storage: StateFileStorage, file: StateFileHandle, run: Run): AsyncGenerator<Uint8Array> {
  const reader = await storage.openStateFile(file)
  try {
    yield await reader.read(run.offset, run.length, run.crc32)
  } finally {
    await reader.close()
  }
}
