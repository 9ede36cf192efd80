import type { MillraceError } from '@millrace/core'
import { ownRecord, type LogClient, type Producer } from '@millrace/log/client'
import type { SinkWriter, WriterContext } from '../../sink.ts'
import type { PendingRecord } from './open-transaction.ts'
import type { ProducerTuning } from './ports.ts'
import { writeFailure } from './sink-errors.ts'

export interface PlainOptions<T> {
  readonly client: LogClient
  readonly delivery: 'at-least-once' | 'none'
  readonly tuning: ProducerTuning
  /** @throws why the value is no record */
  readonly record: (value: T, timestamp: number) => PendingRecord
  /** Whether `record` looks at nothing of the value once it has answered. */
  readonly keepsNothing?: boolean
  readonly openFormat: () => Promise<void>
}

/** Records that may wait for room before more is refused. */
const BACKLOG_RECORDS_MAX = 1_000
/** What nobody has waited for before has so long to be written at the end. */
const LAST_FLUSH_MS = 1_000

/**
 * Writes the records of one subtask without transactions.
 *
 * 1. Records are written in the order of `write`; nothing overtakes those that find no room.
 * 2. At least once: a checkpoint is prepared only when all records before it are acknowledged; a record that fails fails the task.
 * 3. None: nothing waits for acknowledgements; records that fail are reported.
 */
export class PlainWriter<T> implements SinkWriter<T> {
  readonly keepsNothing: boolean
  readonly #context: WriterContext
  readonly #options: PlainOptions<T>
  readonly #producer: Producer
  #backlog: PendingRecord[] = []
  #hasRoom = true
  #isPumping = false
  #pump: Promise<void> | undefined
  #failure: MillraceError | undefined
  #isClosed = false

  constructor(context: WriterContext, options: PlainOptions<T>) {
    this.keepsNothing = options.keepsNothing === true
    this.#context = context
    this.#options = options
    const { tuning, delivery, client } = options
    this.#producer = client.producer({ ...tuning, ...(delivery === 'none' ? { acks: 1 as const, idempotent: false } : {}) })
  }

  async open(): Promise<void> {
    try {
      // A cluster that is not there is told at the start.
      await this.#options.client.clusterId()
      await this.#options.openFormat()
    } catch (error) {
      throw writeFailure(error)
    }
  }

  write(value: T, timestamp: number): void {
    const record = this.#options.record(value, timestamp)
    if (!this.#isPumping && typeof record !== 'function') this.#hasRoom = this.#producer.append(record)
    else this.#backlog.push(typeof record === 'function' ? record : ownRecord(record))
    if (this.#isPumping || (this.#backlog.length === 0 && this.#hasRoom)) return
    this.#isPumping = true
    this.#pump = this.#drain()
  }

  ready(): boolean {
    return this.#hasRoom && this.#backlog.length < BACKLOG_RECORDS_MAX
  }

  /** The client sends by itself, after its linger. */
  flush(): void {}

  async prepare(): Promise<readonly unknown[]> {
    while (this.#isPumping) await this.#pump
    if (this.#options.delivery === 'at-least-once') await this.#flush()
    else void this.#flush()
    if (this.#failure !== undefined) throw this.#failure
    return []
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#backlog = []
    const isNone = this.#options.delivery === 'none'
    // Whatever is lost is told, also at the end.
    const flushed = isNone ? this.#flush() : Promise.resolve()
    if (isNone) await this.#patiently(flushed)
    await this.#producer.close(0).catch(() => {})
    await flushed
    this.#options.client.close()
  }

  async #flush(): Promise<void> {
    try {
      await this.#producer.flush()
    } catch (error) {
      this.#failed(error)
    }
  }

  async #patiently(work: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#context.clock.after(LAST_FLUSH_MS, resolve)
    await Promise.race([work, promise])
    cancel()
  }

  async #drain(): Promise<void> {
    try {
      // No await between the last look at the backlog and the end of the pump: what came in between would be forgotten.
      for (let next = 0; !this.#isClosed && (next < this.#backlog.length || !this.#hasRoom);) {
        if (!this.#hasRoom) await this.#producer.ready()
        this.#hasRoom = true
        while (this.#hasRoom && next < this.#backlog.length) {
          const record = this.#backlog[next++]!
          this.#hasRoom = this.#producer.append(typeof record === 'function' ? await record() : record)
        }
      }
    } catch (error) {
      this.#failed(error)
    }
    this.#backlog = []
    this.#isPumping = false
    this.#context.wake()
  }

  #failed(cause: unknown): void {
    const failure = writeFailure(cause)
    if (this.#options.delivery !== 'none' && (this.#isClosed || this.#failure !== undefined)) return
    if (this.#options.delivery === 'none') return this.#context.report?.({ code: 'KAFKA_SINK_DROPPED', message: failure.message })
    this.#failure = failure
    this.#context.fail(failure)
  }
}
