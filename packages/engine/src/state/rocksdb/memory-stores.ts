// A store in memory that behaves as one on disk does: what was written since the last checkpoint becomes a file of its own, files are merged, and a checkpoint
// refers to files that were there before. For simulation and property tests.
import type { OrderedScan, OrderedStore, OrderedStores, StoreCheckpoint, StoredFile, StoreFile } from './ordered-store.ts'

/** So many files and they are merged into one. */
const FILES_MAX = 4
const REMOVED = 0xffff_ffff

interface Entry {
  readonly key: Uint8Array
  /** Undefined: removed. */
  readonly value: Uint8Array | undefined
}

type Entries = Map<string, Entry>

class MemoryStore implements OrderedStore {
  #files: { readonly name: string; readonly entries: Entries }[]
  #fresh: Entries = new Map()
  #nextFile: number
  #closed = false
  /** What is there in the order of its keys, until something is written. */
  #sorted: readonly Entry[] | undefined
  readonly slow: boolean

  constructor(files: readonly { readonly name: string; readonly entries: Entries }[], nextFile: number, slow: boolean) {
    this.slow = slow
    this.#files = [...files]
    this.#nextFile = nextFile
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (this.#closed) throw new Error('the store is closed')
    const text = textOf(key)
    const entry = this.#fresh.get(text) ?? this.#files.findLast(({ entries }) => entries.has(text))?.entries.get(text)
    return entry?.value
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    const values = keys.map((key) => this.get(key))
    await Promise.resolve()
    return this.#closed ? keys.map(() => undefined) : values
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#write({ key: new Uint8Array(key), value: new Uint8Array(value) })
  }

  delete(key: Uint8Array): void {
    this.#write({ key: new Uint8Array(key), value: undefined })
  }

  scan(from: Uint8Array, end: Uint8Array | undefined): OrderedScan {
    this.#sorted ??= [...this.#all().values()].filter(({ value }) => value !== undefined).toSorted((a, b) => Buffer.compare(a.key, b.key))
    return new MemoryScan(this.#sorted, placeOf(this.#sorted, from), end)
  }

  async checkpoint(): Promise<StoreCheckpoint> {
    if (this.#fresh.size > 0) this.#files.push({ name: this.#newName(), entries: this.#fresh })
    this.#fresh = new Map()
    if (this.#files.length > FILES_MAX) this.#files = [{ name: this.#newName(), entries: this.#all() }]
    const files = this.#files.map(({ name, entries }): StoreFile => memoryFile(name, encodeEntries(entries), true))
    const list = Buffer.from(JSON.stringify({ files: files.map(({ name }) => name), nextFile: this.#nextFile }))
    return { files: async () => [...files, memoryFile('list', list, false)], release: async () => {} }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #newName(): string {
    return `${String(this.#nextFile++).padStart(6, '0')}.sst`
  }

  #write(entry: Entry): void {
    if (this.#closed) throw new Error('the store is closed')
    this.#fresh.set(textOf(entry.key), entry)
    this.#sorted = undefined
  }

  #all(): Entries {
    if (this.#closed) throw new Error('the store is closed')
    const [first, ...rest] = [...this.#files.map(({ entries }) => entries), this.#fresh]
    if (first === undefined || rest.length === 0) return first ?? this.#fresh
    return new Map([first, ...rest].flatMap((entries) => [...entries]))
  }
}

class MemoryScan implements OrderedScan {
  readonly #entries: readonly Entry[]
  readonly #end: Uint8Array | undefined
  #at: number

  constructor(entries: readonly Entry[], first: number, end: Uint8Array | undefined) {
    this.#entries = entries
    this.#at = first - 1
    this.#end = end
  }

  next(): boolean {
    const entry = this.#entries[++this.#at]
    return entry !== undefined && (this.#end === undefined || Buffer.compare(entry.key, this.#end) < 0)
  }

  get key(): Uint8Array {
    return this.#entries[this.#at]!.key
  }

  get value(): Uint8Array {
    return this.#entries[this.#at]!.value!
  }

  close(): void {}
}

/** The place of the first entry whose key is not before another. */
function placeOf(entries: readonly Entry[], key: Uint8Array): number {
  let low = 0
  for (let high = entries.length; low < high;) {
    const middle = (low + high) >>> 1
    if (Buffer.compare(entries[middle]!.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

/** Stores in memory. */
export class MemoryStores implements OrderedStores {
  readonly #slow: boolean

  /** `slow`: as if look-ups were worth asking for ahead. */
  constructor(slow: boolean = false) {
    this.#slow = slow
  }

  create(): OrderedStore {
    return new MemoryStore([], 1, this.#slow)
  }

  async restore(_name: string, files: readonly StoredFile[]): Promise<OrderedStore> {
    const contents = new Map<string, Uint8Array>()
    for (const file of files) {
      const chunks: Uint8Array[] = []
      for await (const chunk of file.read()) chunks.push(chunk)
      contents.set(file.name, Buffer.concat(chunks))
    }
    const list = contents.get('list')
    if (list === undefined) throw new TypeError('the list of files is missing')
    const { files: names, nextFile } = JSON.parse(Buffer.from(list).toString()) as { files: string[]; nextFile: number }
    return new MemoryStore(
      names.map((name) => ({ name, entries: decodeEntries(contents.get(name) ?? missing(name)) })),
      nextFile,
      this.#slow,
    )
  }
}

function missing(name: string): never {
  throw new TypeError(`the file ${name} is missing`)
}

function memoryFile(name: string, content: Uint8Array, shared: boolean): StoreFile {
  return {
    name,
    length: content.length,
    shared,
    read: async function* () {
      yield content
    },
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}

function encodeEntries(entries: Entries): Uint8Array {
  const chunks: Uint8Array[] = []
  for (const { key, value } of entries.values()) {
    const lengths = Buffer.alloc(8)
    lengths.writeUInt32LE(key.length, 0)
    lengths.writeUInt32LE(value?.length ?? REMOVED, 4)
    chunks.push(lengths, key, value ?? new Uint8Array(0))
  }
  return Buffer.concat(chunks)
}

function decodeEntries(bytes: Uint8Array): Entries {
  const buffer = Buffer.from(bytes)
  const entries: Entries = new Map()
  for (let at = 0; at < buffer.length;) {
    const keyLength = buffer.readUInt32LE(at)
    const valueLength = buffer.readUInt32LE(at + 4)
    const key = new Uint8Array(buffer.subarray(at + 8, at + 8 + keyLength))
    at += 8 + keyLength
    const value = valueLength === REMOVED ? undefined : new Uint8Array(buffer.subarray(at, at + valueLength))
    if (value !== undefined) at += valueLength
    entries.set(textOf(key), { key, value })
  }
  return entries
}
