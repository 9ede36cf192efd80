/**
 * A channel between two subtasks of one thread: batches pass by reference.
 *
 * 1. Elements arrive in the order in which they were sent, records before the event that was sent after them.
 * 2. `queuedBytes` is above 0 exactly while more than `QUEUED_BATCHES_MAX` elements wait: the sender then takes nothing more in.
 */
import type { ChannelEvent, Element, InputChannel, OutputChannel, RecordBatch } from './elements.ts'
import { NO_TIMESTAMP } from './elements.ts'

/** Records in a batch, at most. */
export const LOCAL_BATCH_RECORDS_MAX = 512
/** Elements that wait for the receiver before the sender is pressed back. */
const QUEUED_BATCHES_MAX = 4

export interface LocalChannelOptions {
  /** Whether hashes travel with the records. */
  readonly keyed: boolean
}

export class LocalChannel implements OutputChannel, InputChannel {
  readonly #keyed: boolean
  readonly #queue: Element[] = []
  #values: unknown[] = []
  #timestamps: number[] = []
  #hashes: number[] = []
  #stamped = false
  /** Told when something to read has arrived. */
  wakeReader: () => void = () => {}
  /** Told when there is room again. */
  wakeWriter: () => void = () => {}

  constructor(options: LocalChannelOptions) {
    this.#keyed = options.keyed
  }

  append(value: unknown, timestamp: number, hash: number): void {
    this.#values.push(value)
    this.#timestamps.push(timestamp)
    if (timestamp !== NO_TIMESTAMP) this.#stamped = true
    if (this.#keyed) this.#hashes.push(hash)
    if (this.#values.length >= LOCAL_BATCH_RECORDS_MAX) this.flush()
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
      values: this.#values,
      timestamps: this.#stamped ? this.#timestamps : undefined,
      hashes: this.#keyed ? this.#hashes : undefined,
    }
    this.#queue.push(batch)
    this.wakeReader()
    this.#values = []
    this.#timestamps = []
    this.#hashes = []
    this.#stamped = false
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
    if (this.#queue.length === QUEUED_BATCHES_MAX) this.wakeWriter()
    return element
  }

  get available(): boolean {
    return this.#queue.length > 0
  }

  close(): void {
    this.#queue.length = 0
    this.#values = []
  }
}
