/**
 * A channel between two threads, over a ring: batches are encoded, events are small frames between them.
 *
 * 1. Frames enter the ring in the order in which they were made. One that does not fit, wholly or in part, waits with all that follow; nothing blocks.
 * 2. `queuedBytes` counts what waits.
 */
import { decodeValue, encodeValue } from '../codec/value.ts'
import { engineError } from '../errors.ts'
import { BatchDecoder, BatchEncoder } from './batch-codec.ts'
import type { ChannelEvent, Element, InputChannel, OutputChannel } from './elements.ts'
import { RingReader, RingWriter } from './ring.ts'
import type { Waker } from './wake.ts'

/** A batch is sent when it has this many records, or about this many bytes. */
export const BATCH_RECORDS_MAX = 1024
const BATCH_BYTES_MAX = 64 * 1024

const RECORDS = 1
const EVENT = 2

export class RingOutputChannel implements OutputChannel {
  readonly #ring: RingWriter
  readonly #reader: Waker
  readonly #encoder: BatchEncoder
  /** Frames that wait, the first of them written up to `#firstAt`. */
  readonly #queue: Uint8Array[] = []
  #firstAt = 0
  queuedBytes = 0

  constructor(memory: SharedArrayBuffer, reader: Waker, options: { readonly keyed: boolean }) {
    this.#ring = new RingWriter(memory)
    this.#reader = reader
    this.#encoder = new BatchEncoder({ keyed: options.keyed, prefix: RECORDS })
  }

  append(value: unknown, timestamp: number, hash: number): void {
    const encoder = this.#encoder
    encoder.append(value, timestamp, hash)
    if (encoder.count >= BATCH_RECORDS_MAX || encoder.sizeBytes >= BATCH_BYTES_MAX) this.flush()
  }

  event(event: ChannelEvent): void {
    this.flush()
    const body = encodeValue(event)
    const frame = new Uint8Array(body.length + 1)
    frame[0] = EVENT
    frame.set(body, 1)
    this.#send(frame, true)
  }

  flush(): void {
    if (this.#encoder.count > 0) this.#send(this.#encoder.finish(), false)
  }

  drain(): boolean {
    while (this.#queue.length > 0) {
      const frame = this.#queue[0]!
      const at = this.#ring.write(frame, this.#firstAt)
      if (at > this.#firstAt) this.#reader.wake()
      this.queuedBytes -= at - this.#firstAt
      this.#firstAt = at
      if (at < frame.length) return false
      this.#queue.shift()
      this.#firstAt = 0
    }
    return true
  }

  /** Whether what waits could move now. */
  get movable(): boolean {
    return this.#queue.length > 0 && this.#ring.hasRoom
  }

  get pending(): boolean {
    return this.#encoder.count > 0
  }

  close(): void {
    this.#queue.length = 0
    this.queuedBytes = 0
  }

  /** `own`: the frame's bytes belong to nobody else. */
  #send(frame: Uint8Array, own: boolean): void {
    const at = this.#queue.length === 0 ? this.#ring.write(frame, 0) : 0
    if (at > 0) this.#reader.wake()
    if (at === frame.length) return
    if (this.#queue.length === 0) this.#firstAt = at
    this.#queue.push(own ? frame : frame.slice())
    this.queuedBytes += frame.length - at
  }
}

export class RingInputChannel implements InputChannel {
  readonly #ring: RingReader
  readonly #decoder: BatchDecoder
  readonly #label: string

  constructor(memory: SharedArrayBuffer, writer: Waker, options: { readonly keyed: boolean; readonly label: string }) {
    this.#ring = new RingReader(memory, () => writer.wake())
    this.#decoder = new BatchDecoder({ keyed: options.keyed })
    this.#label = options.label
  }

  poll(): Element | undefined {
    const frame = this.#ring.read()
    if (frame === undefined) return undefined
    try {
      return this.#decode(frame)
    } finally {
      this.#ring.release()
    }
  }

  get available(): boolean {
    return this.#ring.available
  }

  close(): void {}

  #decode(frame: Uint8Array): Element {
    if (frame[0] === RECORDS) return this.#decoder.decode(frame.subarray(1))
    if (frame[0] === EVENT) return decodeValue(frame.subarray(1)) as ChannelEvent
    throw engineError('CHANNEL_CORRUPT', { channel: this.#label, problem: `a frame of kind ${frame[0]}` })
  }
}
