/**
 * What has been decided and is not acknowledged yet, in order.
 *
 * 1. One append is outstanding; what is decided meanwhile goes together with the next one.
 * 2. So when an append is rejected, nothing that was decided behind it has been written: entries fail as a suffix, never with a gap.
 * 3. An entry's answers are released after its bytes, and those of all entries before it, are acknowledged.
 * 4. After a failure or `close` the queue is done: nothing is appended and nothing released any more.
 */
import type { CoordinatorLog } from './coordinator-log.ts'

export interface QueueEntry {
  readonly bytes: Uint8Array
  readonly producer: { readonly producerId: number; readonly epoch: number; readonly coordinatorEpoch: number } | undefined
  readonly release: (() => void)[]
}

/** Bytes of one append, unless a single batch is larger. */
const APPEND_BYTES_MAX = 1 << 20

export class AppendQueue {
  readonly #log: CoordinatorLog
  readonly #onFailure: (error: unknown) => void
  #outstanding: readonly QueueEntry[] = []
  #waiting: QueueEntry[] = []
  #isDone = false

  constructor(log: CoordinatorLog, onFailure: (error: unknown) => void) {
    this.#log = log
    this.#onFailure = onFailure
  }

  /** Whether everything decided has been acknowledged. */
  get isIdle(): boolean {
    return this.#outstanding.length === 0 && this.#waiting.length === 0
  }

  push(entry: QueueEntry): void {
    this.#waiting.push(entry)
    if (this.#outstanding.length === 0) this.#appendNext()
  }

  /** Runs `release` once everything pushed by now is acknowledged; at once where it is. */
  whenAcknowledged(release: () => void): void {
    const last = this.#waiting.at(-1) ?? this.#outstanding.at(-1)
    if (last === undefined) release()
    else last.release.push(release)
  }

  /** The newest entry on its way that concerns the producer. */
  producer(producerId: number): QueueEntry['producer'] {
    const byProducer = ({ producer }: QueueEntry): boolean => producer?.producerId === producerId
    return (this.#waiting.findLast(byProducer) ?? this.#outstanding.findLast(byProducer))?.producer
  }

  close(): void {
    this.#isDone = true
    this.#outstanding = []
    this.#waiting = []
  }

  #appendNext(): void {
    let bytes = 0
    let count = 0
    for (const entry of this.#waiting) {
      bytes += entry.bytes.length
      if (count > 0 && bytes > APPEND_BYTES_MAX) break
      count++
    }
    const group = this.#waiting.splice(0, count)
    this.#outstanding = group
    if (count === 0) return
    const only = group[0]!.bytes
    this.#append(count === 1 ? only : Buffer.concat(group.map((entry) => entry.bytes))).then(
      () => this.#acknowledged(group),
      (error: unknown) => this.#failed(error),
    )
  }

  async #append(bytes: Uint8Array): Promise<void> {
    await this.#log.append(bytes)
  }

  #acknowledged(group: readonly QueueEntry[]): void {
    if (this.#isDone) return
    // The next append is on its way before anybody hears of this one: whoever answers may decide anew at once.
    this.#appendNext()
    for (const { release } of group) for (const one of release) one()
  }

  #failed(error: unknown): void {
    if (this.#isDone) return
    this.close()
    this.#onFailure(error)
  }
}
