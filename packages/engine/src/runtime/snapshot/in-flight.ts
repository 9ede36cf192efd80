/**
 * Records that were in flight to one subtask when its snapshot was taken: part of the checkpoint, and replayed before any new input when it is restored.
 *
 * 1. A record is bytes here before anything of its batch is processed: what a user's function does to it later does not show.
 * 2. The records of a channel stand in their order.
 * 3. It is written when it is whole, and only then.
 *
 * A run of its file is a series of batches: four bytes with the length, then `[values, timestamps, hashes]` in the value format.
 */
import { crc32 } from 'node:zlib'
import type { FileRun, InFlightFile, InFlightPart } from '../../checkpoint/handles.ts'
import type { StateFileStorage, StateFileWriter } from '../../checkpoint/storage.ts'
import { decodeValue, encodeValue } from '../../codec/value.ts'
import { detached, type RecordBatch } from '../../exchange/elements.ts'

/** Bytes of a run, about. */
const RUN_BYTES = 256 * 1024
const LENGTH_BYTES = 4

/** Where records in flight are bound for. */
export interface Destination {
  /** Place of the operator in its chain. */
  readonly operator: number
  readonly input: 0 | 1
}

interface PartBytes extends Destination {
  readonly keyed: boolean
  readonly pieces: Uint8Array[]
  records: number
}

export interface CollectingTimes {
  readonly alignmentMs: number
  readonly processedBytes: number
}

/** What is in flight to a subtask, being collected. */
export class InFlightSnapshot {
  readonly #parts: PartBytes[] = []
  #times: CollectingTimes | undefined
  #failure: unknown
  /** Called once it is whole. */
  onWhole: () => void = () => {}
  sizeBytes = 0

  get whole(): boolean {
    return this.#times !== undefined
  }

  get times(): CollectingTimes | undefined {
    return this.#times
  }

  /** A batch, from one of its records on. What cannot be encoded fails the snapshot when it is written. */
  add({ operator, input }: Destination, batch: RecordBatch, from: number = 0): void {
    if (this.#failure !== undefined || from >= batch.count) return
    try {
      const { values, timestamps, hashes, count } = detached(batch, from)
      const bytes = encodeValue([values, numbers(timestamps), numbers(hashes)], 'in flight')
      const part = this.#part(operator, input, hashes !== undefined)
      part.pieces.push(lengthOf(bytes), bytes)
      part.records += count
      this.sizeBytes += bytes.length + LENGTH_BYTES
    } catch (error) {
      this.#failure = error
    }
  }

  complete(times: CollectingTimes): void {
    this.#times = times
    this.onWhole()
  }

  /** Writes what is in flight to an operator. Undefined: nothing is. */
  writing(operator: number, create: () => Promise<StateFileWriter>): InFlightWriting | undefined {
    const parts = this.#parts.filter((part) => part.operator === operator)
    if (parts.length === 0 && this.#failure === undefined) return undefined
    return new InFlightWriting(parts, this.#failure, create)
  }

  #part(operator: number, input: 0 | 1, keyed: boolean): PartBytes {
    let part = this.#parts.find((each) => each.operator === operator && each.input === input && each.keyed === keyed)
    if (part === undefined) this.#parts.push((part = { operator, input, keyed, pieces: [], records: 0 }))
    return part
  }
}

/** The file of what was in flight to one operator, on its way to the disk. */
export class InFlightWriting {
  readonly #parts: readonly PartBytes[]
  readonly #failure: unknown
  readonly #create: () => Promise<StateFileWriter>
  #file: StateFileWriter | undefined
  #aborted = false

  constructor(parts: readonly PartBytes[], failure: unknown, create: () => Promise<StateFileWriter>) {
    this.#parts = parts
    this.#failure = failure
    this.#create = create
  }

  /** Everything is durable. */
  async finish(): Promise<InFlightFile> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#aborted) throw new Error('the snapshot was given up')
    const file = await this.#create()
    this.#file = file
    const parts: InFlightPart[] = []
    for (const { input, keyed, records, pieces } of this.#parts)
      parts.push({ input, keyed, records, runs: await this.#write(file, pieces) })
    if (this.#aborted) throw new Error('the snapshot was given up')
    return { ...(await file.finish()), parts }
  }

  /** Nobody will refer to it: its file goes, even if it is whole. */
  async abort(): Promise<void> {
    this.#aborted = true
    await this.#file?.abort()
  }

  async #write(file: StateFileWriter, pieces: readonly Uint8Array[]): Promise<readonly FileRun[]> {
    const runs: FileRun[] = []
    let size = 0
    for (let from = 0, end = 0; end < pieces.length;) {
      // Two at a time: a length, and its batch.
      size += pieces[end]!.length + pieces[end + 1]!.length
      end += 2
      if (size < RUN_BYTES && end < pieces.length) continue
      const bytes = Buffer.concat(pieces.slice(from, end))
      if (this.#aborted) throw new Error('the snapshot was given up')
      runs.push({ offset: file.length, length: bytes.length, crc32: crc32(bytes) })
      await file.write(bytes)
      from = end
      size = 0
    }
    return runs
  }
}

/** The batches of a file, in their order, each with the input it was bound for. @throws CHECKPOINT_DAMAGED */
export async function readInFlight(
  storage: StateFileStorage,
  file: InFlightFile,
): Promise<readonly { readonly input: 0 | 1; readonly batch: RecordBatch }[]> {
  const batches: { readonly input: 0 | 1; readonly batch: RecordBatch }[] = []
  const reader = await storage.openStateFile(file)
  try {
    for (const { input, runs } of file.parts) {
      for (const run of runs) {
        const bytes = await reader.read(run.offset, run.length, run.crc32)
        for (const batch of decodeInFlight(bytes)) batches.push({ input, batch })
      }
    }
  } finally {
    await reader.close().catch(() => {}) // nothing was written
  }
  return batches
}

/** The batches of a run. @throws VALUE_CORRUPT */
export function* decodeInFlight(bytes: Uint8Array): Iterable<RecordBatch> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.length;) {
    const length = view.getUint32(at, true)
    at += LENGTH_BYTES
    const [values, timestamps, hashes] = decodeValue(bytes.subarray(at, at + length)) as [unknown[], number[] | null, number[] | null]
    at += length
    yield { kind: 'records', count: values.length, values, timestamps: timestamps ?? undefined, hashes: hashes ?? undefined }
  }
}

/** Of a batch those records whose key hash is among the subtask's own. Undefined: none. */
export function ownRecords(batch: RecordBatch, isOwn: (hash: number) => boolean): RecordBatch | undefined {
  const { values, timestamps, hashes, count } = batch
  if (hashes === undefined) return batch
  const own: number[] = []
  for (let index = 0; index < count; index++) if (isOwn(hashes[index]!)) own.push(index)
  if (own.length === 0) return undefined
  return {
    kind: 'records',
    count: own.length,
    values: own.map((index) => values[index]),
    timestamps: timestamps === undefined ? undefined : own.map((index) => timestamps[index]!),
    hashes: own.map((index) => hashes[index]!),
  }
}

function numbers(column: Float64Array | Int32Array | readonly number[] | undefined): readonly number[] | null {
  return column === undefined ? null : Array.from(column)
}

function lengthOf(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, bytes.length, true)
  return length
}
