/**
 * A database of keys in the order of their bytes, as keyed state needs it. Calls are synchronous: a look-up is a few microseconds, less than going away
 * and coming back would take.
 *
 * Does not promise that anything outlives the process: what is to last is in the files of a checkpoint.
 */
export interface OrderedStore {
  /** The value; good until the next call of any of these. */
  get(key: Uint8Array): Uint8Array | undefined
  /** Whether a look-up takes so long that many at once are worth waiting for. May change at any time. */
  readonly slow: boolean
  /** Values of keys as they are now, or as they have become meanwhile; in memory of their own. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>
  put(key: Uint8Array, value: Uint8Array): void
  delete(key: Uint8Array): void
  /** Every key from `from` up to `end`, not included (undefined: to the last), as they are now: later changes are not seen. */
  scan(from: Uint8Array, end: Uint8Array | undefined): OrderedScan
  /** Reads what a scan does not, as long as nobody asks for values. Nothing is written meanwhile. Rejects with a TypeError where what is stored is damaged, and with the reason of `stopped` from then on. */
  readApart?(stopped?: AbortSignal): Promise<void>
  /** Files that together hold what is there now. Between the call and its answer nothing is written. */
  checkpoint(): Promise<StoreCheckpoint>
  /** Lets go of it, and of its files. */
  close(): Promise<void>
}

export interface OrderedScan {
  /** Goes to the next key; false at the end. @throws TypeError where what is stored is damaged */
  next(): boolean
  /** Both good until the next call of the scan or of the store. */
  readonly key: Uint8Array
  readonly value: Uint8Array
  /** For whoever goes through many: where what comes next would be read one by one, it is read at once; undefined: it is there. To be called before each `next`. Never rejects. */
  readAhead?(): Promise<void> | undefined
  close(): void
}

export interface StoreCheckpoint {
  /** To be asked before it is released. */
  files(): Promise<readonly StoreFile[]>
  /** The files are not needed any more. */
  release(): Promise<void>
}

export interface StoreFile {
  /** Unique in the store, for as long as it or one restored from its files lives. */
  readonly name: string
  readonly length: number
  /** Never changes, and is found under the same name in later checkpoints: what was kept of it once need not be kept again. */
  readonly shared: boolean
  /** Where it is on this machine's disk until it is released, if it is there and never changes. */
  readonly path?: string
  read(): AsyncIterable<Uint8Array>
}

/** A file of a checkpoint on its way back. */
export interface StoredFile {
  readonly name: string
  /** Gives it another name on this machine's disk, for whoever only reads it; false where that cannot be: then it is read. */
  link?(path: string): Promise<boolean>
  read(): AsyncIterable<Uint8Array>
}

/** Makes stores. One for each slot. */
export interface OrderedStores {
  /** An empty one. `name` is unique in the job, of letters, digits and `-`. */
  create(name: string): OrderedStore
  /** One with what the files of a checkpoint hold. @throws TypeError where it sees that they are damaged */
  restore(name: string, files: readonly StoredFile[]): Promise<OrderedStore>
}
