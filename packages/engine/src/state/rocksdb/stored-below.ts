/**
 * The rows in the store below the tables, and the entries of maps that lie apart from them.
 *
 * 1. There is no store until something is put into it.
 * 2. `mayHave` says no only where it is certain.
 * 3. Of look-ups that were asked for ahead, what has been written meanwhile is not answered.
 */
import type { Key } from '../../api/state.ts'
import { engineError } from '../../errors.ts'
import { canonicalKey } from '../../keys/key.ts'
import { KeyFilter } from './key-filter.ts'
import type { OrderedStore } from './ordered-store.ts'
import { hashIn, type RowEncoder } from './row-encoder.ts'

/** The largest key or value that RocksDB takes. */
export const STORED_BYTES_MAX: number = 2 ** 31 - 1

export interface BelowOptions {
  readonly operator: string
  readonly open: () => OrderedStore
  /** Default STORED_BYTES_MAX. */
  readonly storedBytesMax?: number
}

/** A key that is about to be looked up. */
export interface Sought {
  readonly key: Key
  readonly hash: number
}

/** Keys and values in order. */
export interface BytesPage {
  readonly entries: readonly (readonly [Uint8Array, Uint8Array])[]
  /** Where to go on; undefined: there are no more. */
  readonly next: Uint8Array | undefined
}

/** The least key that is greater. */
export function behind(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

export class StoredBelow {
  readonly #options: BelowOptions
  readonly #encoder: RowEncoder
  store: OrderedStore | undefined = undefined
  rows = 0
  /** Grows with every change. */
  version = 0
  /** Checkpoints of the store that are being made: nothing may be written meanwhile. */
  #checkpoints = 0
  #thawed: PromiseWithResolvers<void> | undefined
  /** Hashes that may be there; undefined: any may be. */
  #filter: KeyFilter | undefined = new KeyFilter()
  /** Of each call of `getMany` the hashes that have not been written since. */
  readonly #awaited: Set<Set<number>> = new Set()

  constructor(options: BelowOptions, encoder: RowEncoder) {
    this.#options = options
    this.#encoder = encoder
  }

  get frozen(): boolean {
    return this.#checkpoints > 0
  }

  freeze(): void {
    this.#checkpoints++
  }

  thaw(): void {
    if (--this.#checkpoints > 0) return
    this.#thawed?.resolve()
    this.#thawed = undefined
  }

  /** Resolves when it is not frozen. */
  untilThawed(): Promise<void> {
    if (!this.frozen) return Promise.resolve()
    this.#thawed ??= Promise.withResolvers()
    return this.#thawed.promise
  }

  /** Starts from a store that has so many rows already. */
  adopt(store: OrderedStore, rows: number): void {
    this.store = store
    this.rows = rows
    this.#filter = undefined
  }

  mayHave(hash: number): boolean {
    return this.store !== undefined && this.#filter?.has(hash) !== false
  }

  /** Good until the next call. */
  get(key: unknown, hash: number): Uint8Array | undefined {
    return this.store!.get(this.#encoder.key(canonicalKey(key), hash))
  }

  /** `added`: the store does not have the key. @throws STATE_STORED_TOO_LARGE */
  put(key: Key, hash: number, value: Uint8Array, added: boolean): void {
    const bytes = this.#checked(this.#encoder.key(key, hash), 'key')
    this.#checked(value, 'value')
    this.store ??= this.#options.open()
    this.store.put(bytes, value)
    this.#changed(hash)
    if (!added) return
    this.#filter?.add(hash)
    this.rows++
  }

  /** The store has the key. */
  delete(key: Key, hash: number): void {
    this.store!.delete(this.#encoder.key(key, hash))
    this.#changed(hash)
    this.rows--
  }

  /** Takes a row as another store has it. */
  take(key: Uint8Array, value: Uint8Array): void {
    this.store ??= this.#options.open()
    this.store.put(key, value)
    this.#filter?.add(hashIn(key))
    this.rows++
    this.version++
  }

  /** Removes every row whose key is from one up to another. Answers these keys. */
  clear(from: Uint8Array, end: Uint8Array): readonly Uint8Array[] {
    const keys = this.#remove(from, end)
    for (const key of keys) this.#changed(hashIn(key))
    this.rows -= keys.length
    return keys
  }

  /** Good until the next call. */
  getEntry(key: Uint8Array): Uint8Array | undefined {
    return this.store?.get(key)
  }

  /** The row that the entry is of is to be written as well. @throws STATE_STORED_TOO_LARGE */
  putEntry(key: Uint8Array, value: Uint8Array): void {
    this.#checked(key, 'key')
    this.#checked(value, 'value')
    this.store ??= this.#options.open()
    this.store.put(key, value)
    this.version++
  }

  deleteEntry(key: Uint8Array): void {
    this.store!.delete(key)
    this.version++
  }

  /** Up to `count` keys from one up to another, with their values, in memory of their own. */
  page(from: Uint8Array, end: Uint8Array, count: number): BytesPage {
    if (this.store === undefined) return { entries: [], next: undefined }
    const scan = this.store.scan(from, end)
    const entries: (readonly [Uint8Array, Uint8Array])[] = []
    while (entries.length < count && scan.next()) entries.push([new Uint8Array(scan.key), new Uint8Array(scan.value)])
    scan.close()
    return { entries, next: entries.length < count ? undefined : behind(entries.at(-1)![0]) }
  }

  clearEntries(from: Uint8Array, end: Uint8Array): void {
    if (this.#remove(from, end).length > 0) this.version++
  }

  #remove(from: Uint8Array, end: Uint8Array): readonly Uint8Array[] {
    if (this.store === undefined) return []
    const scan = this.store.scan(from, end)
    const keys: Uint8Array[] = []
    while (scan.next()) keys.push(new Uint8Array(scan.key))
    scan.close()
    for (const key of keys) this.store.delete(key)
    return keys
  }

  /** Whether look-ups take so long that many at once are worth waiting for. */
  get slow(): boolean {
    return this.store?.slow === true
  }

  /** Looks up many keys at once. Each of them that is there goes to `found`, unless it has been written meanwhile; afterwards it resolves. */
  async getMany(sought: readonly Sought[], found: (key: Sought, value: Uint8Array) => void): Promise<void> {
    const store = this.store!
    const unwritten = new Set(sought.map(({ hash }) => hash))
    this.#awaited.add(unwritten)
    try {
      const values = await store.getMany(sought.map(({ key, hash }) => new Uint8Array(this.#encoder.key(key, hash))))
      if (this.store !== store) return
      for (const [at, value] of values.entries()) if (value !== undefined && unwritten.has(sought[at]!.hash)) found(sought[at]!, value)
    } finally {
      this.#awaited.delete(unwritten)
    }
  }

  #changed(hash: number): void {
    this.version++
    if (this.#awaited.size > 0) for (const unwritten of this.#awaited) unwritten.delete(hash)
  }

  #checked(bytes: Uint8Array, what: 'key' | 'value'): Uint8Array {
    const limit = this.#options.storedBytesMax ?? STORED_BYTES_MAX
    if (bytes.length <= limit) return bytes
    throw engineError('STATE_STORED_TOO_LARGE', { operator: this.#options.operator, what, length: bytes.length, limit })
  }
}
