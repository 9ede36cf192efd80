import { decodeValue, encodeValue } from '../codec/value.ts'
import { NO_TIMESTAMP, type RecordBatch } from './elements.ts'

/** Records on their way into a frame. */
export class BatchEncoder {
  readonly #keyed: boolean
  readonly #prefix: number
  #values: unknown[] = []
  #timestamps: number[] = []
  #hashes: number[] = []
  #stamped = false

  constructor(options: { readonly keyed: boolean; readonly prefix: number }) {
    this.#keyed = options.keyed
    this.#prefix = options.prefix
  }

  get count(): number {
    return this.#values.length
  }
  get sizeBytes(): number {
    return this.#values.length * 16
  }

  append(value: unknown, timestamp: number, hash: number): void {
    this.#values.push(value)
    this.#timestamps.push(timestamp)
    if (timestamp !== NO_TIMESTAMP) this.#stamped = true
    if (this.#keyed) this.#hashes.push(hash)
  }

  finish(): Uint8Array {
    const body = encodeValue([this.#values, this.#stamped ? this.#timestamps : null, this.#keyed ? this.#hashes : null])
    this.#values = []
    this.#timestamps = []
    this.#hashes = []
    this.#stamped = false
    const frame = new Uint8Array(body.length + 1)
    frame[0] = this.#prefix
    frame.set(body, 1)
    return frame
  }
}

export class BatchDecoder {
  constructor(_options: { readonly keyed: boolean }) {}

  decode(bytes: Uint8Array): RecordBatch {
    const [values, timestamps, hashes] = decodeValue(bytes) as [unknown[], number[] | null, number[] | null]
    return { kind: 'records', count: values.length, values, timestamps: timestamps ?? undefined, hashes: hashes ?? undefined }
  }
}
