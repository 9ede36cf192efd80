/**
 * An ordered store that keeps long values in files of their own, and in the store below only where they are: what it sorts, merges and looks through is small then, and a look-up reads one place of one file
 * where otherwise it would read a block of each level.
 *
 * 1. A value that counts is in exactly one file, and the store below says in which.
 * 2. In a checkpoint the store below and the files are as of the same moment.
 */
import type { Clock } from '@millrace/core'
import { ByteReader } from '../../../codec/byte-reader.ts'
import { ByteWriter } from '../../../codec/byte-writer.ts'
import { LookUpTimes } from '../look-up-times.ts'
import type { OrderedScan, OrderedStore, OrderedStores, StoreCheckpoint, StoredFile } from '../ordered-store.ts'
import { ChangeSampler } from './change-sampler.ts'
import { SeparatedScan } from './separated-scan.ts'
import { ValueCleaner } from './value-cleaner.ts'
import { isValueFile, segmentNumberOf, type ValueFiles } from './value-files.ts'
import { ValueLog, type ValueLogFacts } from './value-log.ts'
import { encodePlace, placeIn, recordLength, type ValuePlace } from './value-record.ts'
import { ValueSegment } from './value-segment.ts'

/** Key of what is to be known of the files. No row, entry or timer has such a one. */
const FACTS = Uint8Array.of(0x76)

export interface ValueLimits {
  /** Values of so many bytes and more are in files of their own. */
  readonly apartBytesMin: number
  /** A file is full. */
  readonly segmentBytes: number
  /** One value in so many bytes of them that are overwritten or removed is looked at, for how much it takes that is out of date now. */
  readonly sampledBytes: number
}

export const valueLimits: ValueLimits = { apartBytesMin: 512, segmentBytes: 32 * 1024 * 1024, sampledBytes: 16 * 1024 }

export interface SeparatedStoresParts {
  /** For the files of a store. */
  readonly files: (name: string) => ValueFiles
  readonly clock: Pick<Clock, 'monotonic'>
  /** Default `valueLimits`. */
  readonly limits?: ValueLimits
}

/** Stores over others. */
export class SeparatedStores implements OrderedStores {
  readonly #inner: OrderedStores
  readonly #parts: SeparatedStoresParts

  constructor(inner: OrderedStores, parts: SeparatedStoresParts) {
    this.#inner = inner
    this.#parts = parts
  }

  create(name: string): OrderedStore {
    const { segmentBytes } = this.#limits
    return this.#over(this.#inner.create(name), new ValueLog(this.#parts.files(name), segmentBytes))
  }

  async restore(name: string, files: readonly StoredFile[]): Promise<OrderedStore> {
    const others = files.filter((file) => !isValueFile(file.name))
    const inner = await this.#inner.restore(name, others)
    const into = this.#parts.files(name)
    try {
      return this.#over(inner, await this.#restoreLog(inner, into, files))
    } catch (error) {
      await inner.close()
      await into.removeAll()
      throw error
    }
  }

  async #restoreLog(inner: OrderedStore, into: ValueFiles, files: readonly StoredFile[]): Promise<ValueLog> {
    const facts = factsIn(inner.get(FACTS))
    const segments: ValueSegment[] = []
    for (const file of files.filter(({ name }) => isValueFile(name))) {
      if (facts === undefined) throw new TypeError('the database says nothing of the files with values')
      const number = segmentNumberOf(file.name)
      segments.push(new ValueSegment(number, await into.restore(file), facts.garbage.get(number)))
    }
    return new ValueLog(
      into,
      this.#limits.segmentBytes,
      segments.toSorted((a, b) => a.number - b.number),
      facts?.next,
    )
  }

  #over(inner: OrderedStore, log: ValueLog): OrderedStore {
    const { clock } = this.#parts
    return new SeparatedStore(inner, log, this.#limits, new LookUpTimes(() => clock.monotonic()))
  }

  get #limits(): ValueLimits {
    return this.#parts.limits ?? valueLimits
  }
}

class SeparatedStore implements OrderedStore {
  readonly #inner: OrderedStore
  readonly #log: ValueLog
  readonly #limits: ValueLimits
  readonly #cleaner: ValueCleaner
  readonly #times: LookUpTimes
  readonly #reading: Set<Promise<unknown>> = new Set()
  readonly #sampler: ChangeSampler
  /** Checkpoints whose files are still needed. */
  #held = 0
  #isClosed = false

  constructor(inner: OrderedStore, log: ValueLog, limits: ValueLimits, times: LookUpTimes) {
    this.#inner = inner
    this.#log = log
    this.#limits = limits
    this.#times = times
    this.#sampler = new ChangeSampler(limits.sampledBytes)
    this.#cleaner = new ValueCleaner({
      log,
      placeOf: (key) => this.#placeOf(key),
      moved: (key, place) => inner.put(key, encodePlace(place)),
    })
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#times.begin()
    const stored = this.#inner.get(key)
    const place = stored === undefined ? undefined : placeIn(stored)
    const value = place === undefined ? stored : this.#log.valueNow(key, place)
    this.#times.end()
    return value
  }

  get slow(): boolean {
    return this.#inner.slow || this.#times.slow
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    this.#times.ahead()
    const reading = this.#getMany(keys)
    this.#untilRead(reading)
    return reading
  }

  /** The store is not closed before. */
  #untilRead(reading: Promise<unknown>): void {
    this.#reading.add(reading)
    const over = (): void => void this.#reading.delete(reading)
    reading.then(over, over)
  }

  async #getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    const unpin = this.#log.pin()
    try {
      const stored = await this.#storedOf(keys)
      const values: (Uint8Array | undefined)[] = []
      const reads: Promise<void>[] = []
      for (const [at, key] of keys.entries()) {
        const found = stored[at]
        if (found === undefined || found instanceof Uint8Array) values[at] = found
        else reads.push(this.#log.value(key, found).then((value) => void (values[at] = value)))
      }
      // All of them, also where one fails: files may go as soon as nobody reads them.
      await Promise.allSettled(reads)
      await Promise.all(reads)
      return values
    } finally {
      unpin()
    }
  }

  /** What the store below has of keys, in memory of its own. It is small: mostly it is in memory, and asked at once. */
  async #storedOf(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | ValuePlace | undefined)[]> {
    if (this.#inner.slow) return (await this.#inner.getMany(keys)).map((stored) => stored && (placeIn(stored) ?? stored))
    return keys.map((key) => {
      const stored = this.#inner.get(key)
      return stored && (placeIn(stored) ?? stored.slice())
    })
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#outdate(key, value.length)
    if (value.length < this.#limits.apartBytesMin) return this.#inner.put(key, value)
    this.#inner.put(key, encodePlace(this.#log.append(key, value)))
    this.#cleaner.work(recordLength(key.length, value.length))
  }

  delete(key: Uint8Array): void {
    this.#outdate(key, 0)
    this.#inner.delete(key)
  }

  scan(from: Uint8Array, end: Uint8Array | undefined): OrderedScan {
    const scan = this.#inner.scan(from, end)
    return this.#log.isUnused ? scan : new SeparatedScan(scan, this.#log, (reads) => this.#untilRead(reads))
  }

  async readApart(stopped?: AbortSignal): Promise<void> {
    for (const segment of this.#log.sealed) {
      for (let offset = 0; offset < segment.length;) {
        stopped?.throwIfAborted()
        const bytes = await segment.records(offset)
        let at = 0
        for (let record = segment.recordIn(bytes, at, offset); record !== undefined; record = segment.recordIn(bytes, at, offset))
          at += record.length
        offset += at
      }
    }
  }

  async checkpoint(): Promise<StoreCheckpoint> {
    if (this.#log.isUnused) return await this.#inner.checkpoint()
    this.#inner.put(FACTS, encodeFacts(this.#log.facts))
    const values = this.#log.keep()
    const letGo = this.#hold()
    try {
      const inner = await this.#inner.checkpoint()
      const release = async (): Promise<void> => {
        await letGo()
        await inner.release()
      }
      return { files: async () => [...(await inner.files()), ...values], release }
    } catch (error) {
      await letGo()
      throw error
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#reading, this.#cleaner.idle()])
    await this.#inner.close()
    this.#isClosed = true
    if (this.#held === 0) await this.#log.close()
  }

  /** Files stay until the answer is called, also beyond the end of the store: what is in a checkpoint has not been taken out of it yet. */
  #hold(): () => Promise<void> {
    const unpin = this.#log.pin()
    this.#held++
    let isHeld = true
    return async () => {
      if (!isHeld) return
      isHeld = false
      this.#held--
      unpin()
      if (this.#isClosed && this.#held === 0) await this.#log.close()
    }
  }

  #placeOf(key: Uint8Array): ValuePlace | undefined {
    const stored = this.#inner.get(key)
    return stored === undefined ? undefined : placeIn(stored)
  }

  /** What the key has now is not to count any more. */
  #outdate(key: Uint8Array, newLength: number): void {
    if (this.#log.isUnused) return
    const bytes = Math.max(newLength, this.#limits.apartBytesMin)
    const stands = this.#sampler.add(bytes)
    const place = stands === 0 ? undefined : this.#placeOf(key)
    if (place !== undefined) this.#log.outdate(place, Math.round((stands / bytes) * recordLength(key.length, place.valueLength)))
  }
}

/** What they begin with: the version of this format. The mark of a place, for which a scan might take them, it is never. */
const FACTS_VERSION = 1

/** `FACTS_VERSION`, varint number of the next file, varint count of files with values that are out of date, for each varint number, varint bytes. */
function encodeFacts({ next, garbage }: ValueLogFacts): Uint8Array {
  const writer = new ByteWriter(16)
  writer.byte(FACTS_VERSION)
  writer.varint(next)
  writer.varint(garbage.size)
  for (const [number, bytes] of garbage) {
    writer.varint(number)
    writer.varint(bytes)
  }
  return writer.take()
}

function factsIn(stored: Uint8Array | undefined): ValueLogFacts | undefined {
  if (stored === undefined) return undefined
  const reader = new ByteReader(stored)
  const version = reader.byte()
  if (version !== FACTS_VERSION) throw new TypeError(`what is noted of the files with values has version ${version}, which is not known`)
  const next = reader.varint()
  const garbage = new Map<number, number>()
  for (let count = reader.varint(); count > 0; count--) garbage.set(reader.varint(), reader.varint())
  return { next, garbage }
}
