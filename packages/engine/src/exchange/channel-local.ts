/**
 * A channel between two subtasks of one thread: batches pass by reference.
 *
 * 1. Elements arrive in the order in which they were sent, records before the event that was sent after them.
 * 2. `queuedBytes` is above 0 exactly while more than `QUEUED_BATCHES_MAX` elements wait: the sender then takes nothing more in.
 */
import { ColumnDecoder } from '../codec/columns/decoder.ts'
import { ColumnEncoder } from '../codec/columns/encoder.ts'
import type { ChannelEvent, Element, InputChannel, OutputChannel, RecordBatch } from './elements.ts'
import { NO_TIMESTAMP } from './elements.ts'

/** Records in a batch, at most. */
export const LOCAL_BATCH_RECORDS_MAX = 512
/** Elements that wait for the receiver before the sender is pressed back. */
const QUEUED_BATCHES_MAX = 4

export interface LocalChannelOptions {
  /** Whether hashes travel with the records. */
  readonly keyed: boolean
  /** Pass every batch through the codec, as if it went to another thread: receivers get copies. For development, and for measuring. */
  readonly encode?: boolean
  /** With `encode`: refuse also what would arrive changed without an error (accessors, hidden properties). Slow; for development. */
  readonly strict?: boolean
}

/** Both ends of a channel within a thread. */
export class LocalChannel implements OutputChannel, InputChannel {
  readonly #keyed: boolean
  readonly #codec: { readonly encoder: ColumnEncoder; readonly decoder: ColumnDecoder } | undefined
  readonly #queue: Element[] = []
  #values: unknown[] = []
  /** Undefined as long as no record of the batch has a time stamp. */
  #timestamps: number[] | undefined
  #hashes: number[] = []
  /** They pass by reference. */
  readonly readBytes = 0
  readonly writtenBytes = 0
  held = false
  /** Told when something to read has arrived. */
  wakeReader: () => void = () => {}
  /** Told when there is room again. */
  wakeWriter: () => void = () => {}

  constructor(options: LocalChannelOptions) {
    this.#keyed = options.keyed
    if (options.encode === true)
      this.#codec = { encoder: new ColumnEncoder({ keyed: options.keyed, strict: options.strict ?? false }), decoder: new ColumnDecoder() }
  }

  append(value: unknown, timestamp: number, hash: number): void {
    if (this.#codec !== undefined) this.#codec.encoder.append(value, timestamp, hash)
    const values = this.#values
    if (timestamp !== NO_TIMESTAMP || this.#timestamps !== undefined) {
      this.#timestamps ??= values.map(() => NO_TIMESTAMP)
      this.#timestamps.push(timestamp)
    }
    values.push(value)
    if (this.#keyed) this.#hashes.push(hash)
    if (values.length >= LOCAL_BATCH_RECORDS_MAX) this.flush()
  }

  event(event: ChannelEvent): void {
    this.flush()
    this.#queue.push(event)
    this.wakeReader()
  }

  flush(): void {
    const count = this.#values.length
    if (count === 0) return
    const batch: RecordBatch = {
      kind: 'records',
      count,
      values: this.#codec === undefined ? this.#values : this.#codec.decoder.decode(this.#codec.encoder.finish()).values,
      timestamps: this.#timestamps,
      hashes: this.#keyed ? this.#hashes : undefined,
    }
    this.#queue.push(batch)
    this.#values = []
    this.#timestamps = undefined
    if (this.#keyed) this.#hashes = []
    this.wakeReader()
  }

  drain(): boolean {
    return this.queuedBytes === 0
  }

  get queuedBytes(): number {
    return this.#queue.length > QUEUED_BATCHES_MAX ? this.#queue.length : 0
  }

  get pending(): boolean {
    return this.#values.length > 0
  }

  poll(): Element | undefined {
    const element = this.#queue.shift()
    if (element !== undefined && this.#queue.length === QUEUED_BATCHES_MAX) this.wakeWriter()
    return element
  }

  get available(): boolean {
    return this.#queue.length > 0
  }

  hold(on: boolean): void {
    this.held = on
    if (!on) this.wakeWriter()
  }

  close(): void {
    this.#queue.length = 0
    this.#values = []
  }
}
