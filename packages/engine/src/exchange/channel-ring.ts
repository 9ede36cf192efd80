/**
 * A channel between two threads, over a ring: batches are encoded by columns, events are small frames between them.
 *
 * 1. Frames enter the ring in the order in which they were made. One that does not fit, wholly or in part, waits with all that follow; nothing blocks.
 * 2. `queuedBytes` counts what waits.
 * 3. A frame is written into the ring itself where it fits there in one piece, and nothing waits before it.
 */
import { messageOf } from '@millrace/core'
import { ColumnDecoder } from '../codec/columns/decoder.ts'
import { ColumnEncoder } from '../codec/columns/encoder.ts'
import { FRAME_EVENT, FRAME_RECORDS } from '../codec/columns/frame.ts'
import { engineError } from '../errors.ts'
import type { ChannelEvent, Element, InputChannel, OutputChannel } from './elements.ts'
import { decodeEvent, encodeEvent, frameKind } from './event-frame.ts'
import { RingReader, RingWriter } from './ring.ts'
import type { Waker } from './wake.ts'

/** A batch is sent when it has this many records, or about this many bytes (less in a ring that would not take it in one piece). */
export const BATCH_RECORDS_MAX = 1_024
const BATCH_BYTES_MAX = 96 * 1024
/** Of the largest piece that a ring takes: an estimate that is wrong by the rest does no harm. */
const BATCH_SHARE_OF_PIECE = 0.75

export interface RingChannelOptions {
  /** Whether hashes travel with the records. */
  readonly keyed: boolean
}

export class RingOutputChannel implements OutputChannel {
  readonly #ring: RingWriter
  readonly #reader: Waker
  readonly #encoder: ColumnEncoder
  readonly #batchBytes: number
  /** Frames that wait, the first of them written up to `#firstAt`. */
  readonly #queue: Uint8Array[] = []
  #firstAt = 0
  queuedBytes = 0
  writtenBytes = 0

  constructor(memory: SharedArrayBuffer, reader: Waker, options: RingChannelOptions) {
    this.#ring = new RingWriter(memory)
    this.#reader = reader
    this.#encoder = new ColumnEncoder({ keyed: options.keyed })
    this.#batchBytes = Math.min(BATCH_BYTES_MAX, this.#ring.fragmentBytesMax * BATCH_SHARE_OF_PIECE)
  }

  append(value: unknown, timestamp: number, hash: number): void {
    const encoder = this.#encoder
    encoder.append(value, timestamp, hash)
    if (encoder.count >= BATCH_RECORDS_MAX || encoder.sizeBytes >= this.#batchBytes) this.flush()
  }

  event(event: ChannelEvent): void {
    this.flush()
    this.#send(encodeEvent(event))
  }

  flush(): void {
    const encoder = this.#encoder
    if (encoder.count === 0) return
    const length = encoder.seal()
    this.writtenBytes += length
    if (this.#queue.length === 0 && length <= this.#ring.fragmentBytesMax) {
      const place = this.#ring.reserve(length)
      if (place >= 0) {
        encoder.writeTo(this.#ring.memory, place)
        this.#ring.commit(length)
        this.#reader.wake()
        return
      }
    }
    const frame = new Uint8Array(length)
    encoder.writeTo(frame.buffer, 0)
    this.#send(frame)
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

  get held(): boolean {
    return this.#ring.held
  }

  close(): void {
    this.#queue.length = 0
    this.queuedBytes = 0
  }

  /** The frame's bytes belong to the channel from now on. */
  #send(frame: Uint8Array): void {
    const at = this.#queue.length === 0 ? this.#ring.write(frame, 0) : 0
    if (at > 0) this.#reader.wake()
    if (at === frame.length) return
    if (this.#queue.length === 0) this.#firstAt = at
    this.#queue.push(frame)
    this.queuedBytes += frame.length - at
  }
}

export class RingInputChannel implements InputChannel {
  readonly #ring: RingReader
  readonly #decoder = new ColumnDecoder()
  readonly #label: string
  readonly #wakeWriter: () => void
  readBytes = 0

  /** `label` names the channel in errors: `exchange 3, 0 to 1`. */
  constructor(memory: SharedArrayBuffer, writer: Waker, options: RingChannelOptions & { readonly label: string }) {
    this.#wakeWriter = () => writer.wake()
    this.#ring = new RingReader(memory, this.#wakeWriter)
    this.#label = options.label
  }

  /** @throws CHANNEL_CORRUPT */
  poll(): Element | undefined {
    try {
      const frame = this.#ring.read()
      if (frame === undefined) return undefined
      const element = this.#decode(frame)
      this.#ring.release()
      return element
    } catch (error) {
      const problem = messageOf(error)
      throw engineError('CHANNEL_CORRUPT', { channel: this.#label, problem }, error)
    }
  }

  get available(): boolean {
    return this.#ring.available
  }

  hold(on: boolean): void {
    this.#ring.hold(on)
    if (!on) this.#wakeWriter()
  }

  close(): void {}

  #decode(frame: Uint8Array): Element {
    const kind = frameKind(frame)
    if (kind === FRAME_RECORDS) {
      this.readBytes += frame.length
      return this.#decoder.decode(frame)
    }
    if (kind === FRAME_EVENT) return decodeEvent(frame)
    throw engineError('FRAME_CORRUPT', { problem: `it is of kind ${kind}` })
  }
}
