/** A coordinator's log in memory, for tests: appends take time, fail, or are written and yet rejected, as told. */
import type { Clock } from '@millrace/core'
import { batches } from '../../../records/index.ts'
import type { CoordinatorLog, KnownProducer } from '../coordinator-log.ts'

/** `refused`: nothing is written. `unacknowledged`: written, and rejected all the same. `torn`: only the first batch is written, and it is rejected. */
export type AppendFate = 'acknowledged' | 'refused' | 'unacknowledged' | 'torn'

export interface MemoryLogOptions {
  readonly clock: Clock
  /** Shared by successive leaderships of a partition. */
  readonly batches?: Uint8Array[]
  readonly leaderEpoch?: number
  readonly batchBytesMax?: number
  readonly fate?: () => AppendFate
  readonly delayMs?: () => number
}

export class MemoryLog implements CoordinatorLog {
  readonly leaderEpoch: number
  readonly batchBytesMax: number
  /** Everything written, batch by batch. */
  readonly batches: Uint8Array[]
  readonly #options: MemoryLogOptions
  readonly #producers = new Map<number, KnownProducer>()
  /** Appends that have begun. */
  appendCount = 0
  /** A leader that has been replaced writes nothing any more. */
  isFenced = false
  failReads = false

  constructor(options: MemoryLogOptions) {
    this.#options = options
    this.leaderEpoch = options.leaderEpoch ?? 0
    this.batchBytesMax = options.batchBytesMax ?? 1_048_588
    this.batches = options.batches ?? []
    for (const bytes of this.batches) this.#note(bytes)
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.appendCount++
    await this.#wait()
    const fate = this.isFenced ? 'refused' : (this.#options.fate?.() ?? 'acknowledged')
    if (fate !== 'refused') {
      const found = [...batches(bytes, { verifyCrc: true })].map((batch) => batch.whole.slice())
      for (const one of fate === 'torn' ? found.slice(0, 1) : found) {
        this.batches.push(one)
        this.#note(one)
      }
      await this.#wait()
    }
    if (fate !== 'acknowledged') throw new Error(`the append was ${fate}`)
  }

  async *read(): AsyncIterable<Uint8Array> {
    await this.#wait()
    if (this.failReads) throw new Error('the log cannot be read')
    for (let at = 0; at < this.batches.length; at += 3) {
      yield Buffer.concat(this.batches.slice(at, at + 3))
      await this.#wait()
    }
  }

  producer(producerId: number): KnownProducer | undefined {
    return this.#producers.get(producerId)
  }

  #note(bytes: Uint8Array): void {
    for (const { producerId, producerEpoch, hasProducerId } of batches(bytes)) {
      if (hasProducerId) this.#producers.set(producerId, { epoch: producerEpoch, coordinatorEpoch: -1 })
    }
  }

  #wait(): Promise<void> {
    const delayMs = this.#options.delayMs?.() ?? 0
    return new Promise((resolve) => void this.#options.clock.after(delayMs, resolve))
  }
}
