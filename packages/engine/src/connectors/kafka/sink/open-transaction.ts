/**
 * One transaction while records are written to it.
 *
 * 1. Records are written in the order of `append`; those that find no room wait in the backlog, and nothing overtakes them.
 * 2. It begins with its first record: an interval without records makes no transaction.
 * 3. `prepare` resolves when every record and the witness are acknowledged; after it nothing is appended.
 */
import { ownRecord, type ProducerRecord, type TransactionHandle } from '@millrace/log/client'
import type { Witness } from './handle.ts'
import type { TransactionProducer } from './ports.ts'

/** A record, or what gives it once a format that had to wait can go on. */
export type PendingRecord = ProducerRecord | (() => Promise<ProducerRecord>)

export interface OpenTransactionHooks {
  /** A producer whose transaction has begun. */
  readonly acquire: () => Promise<TransactionProducer>
  readonly now: () => number
  /** There is room again. */
  readonly room: () => void
  readonly failed: (error: unknown) => void
}

export interface AcknowledgedTransaction {
  readonly producer: TransactionProducer
  readonly handle: TransactionHandle
  readonly startedMs: number
  readonly witness: Witness
}

/** The witness is kept for the first partition of a topic that is written to: it exists. */
const WITNESS_PARTITION = 0
/** Records that may wait for a transaction to begin before more is refused. */
const BACKLOG_RECORDS_MAX = 1_000

export class OpenTransaction {
  readonly #hooks: OpenTransactionHooks
  #producer: TransactionProducer | undefined
  #backlog: PendingRecord[] = []
  #hasRoom = true
  #isPumping = false
  #pump: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #startedMs = 0
  #topic: string | undefined
  #isClosed = false

  constructor(hooks: OpenTransactionHooks) {
    this.#hooks = hooks
  }

  get hasRoom(): boolean {
    return this.#hasRoom && this.#backlog.length < BACKLOG_RECORDS_MAX
  }

  /** @throws `CLIENT_RECORD_TOO_LARGE`, and what has made the transaction impossible */
  append(record: PendingRecord): void {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#producer !== undefined && !this.#isPumping && typeof record !== 'function') this.#writeNow(record)
    else this.#backlog.push(typeof record === 'function' ? record : ownRecord(record))
    if (this.#isPumping || (this.#backlog.length === 0 && this.#hasRoom)) return
    this.#isPumping = true
    this.#pump = this.#drain()
  }

  /** @throws why not all of it is acknowledged */
  async prepare(checkpointId: number): Promise<AcknowledgedTransaction | undefined> {
    while (this.#isPumping) await this.#pump
    if (this.#failure !== undefined) throw this.#failure.error
    const producer = this.#producer
    const topic = this.#topic
    if (producer === undefined || topic === undefined) return undefined
    await producer.flush()
    const witness = { topic, partition: WITNESS_PARTITION }
    const offset = { ...witness, offset: checkpointId, metadata: `checkpoint ${checkpointId}` }
    await producer.sendOffsets({ group: { groupId: producer.transactionalId }, offsets: [offset] })
    const handle = await producer.prepare()
    if (handle === undefined) throw new Error(`the transaction of ${producer.transactionalId} has records and no handle`)
    return { producer, handle, startedMs: this.#startedMs, witness }
  }

  /** Leaves it open: nobody will commit it. */
  close(): void {
    this.#isClosed = true
    this.#backlog = []
    this.#producer?.close()
  }

  /**
   * Takes no more, and aborts what was written, so that readers need not wait for it; undefined where there is nothing to abort. Not while it is prepared: what is prepared
   * may be in a handle, and stays. What cannot be aborted is left to whoever comes next.
   */
  abort(): Promise<void> | undefined {
    this.#isClosed = true
    this.#backlog = []
    const producer = this.#producer
    if (producer?.state !== 'open' && producer?.state !== 'abortable') return undefined
    return producer.abort().catch(() => {})
  }

  #writeNow(record: ProducerRecord): void {
    try {
      this.#write(record)
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  #write(record: ProducerRecord): void {
    this.#topic ??= record.topic
    this.#hasRoom = this.#producer!.append(record)
  }

  async #drain(): Promise<void> {
    try {
      if (this.#producer === undefined) {
        this.#startedMs = this.#hooks.now()
        this.#producer = await this.#hooks.acquire()
        if (this.#isClosed) this.#producer.close()
      }
      // No await between the last look at the backlog and the end of the pump: what came in between would be forgotten.
      for (let next = 0; !this.#isClosed && (next < this.#backlog.length || !this.#hasRoom);) {
        if (!this.#hasRoom) await this.#producer.ready()
        this.#hasRoom = true
        while (this.#hasRoom && next < this.#backlog.length) {
          const record = this.#backlog[next++]!
          this.#write(typeof record === 'function' ? await record() : record)
        }
      }
    } catch (error) {
      this.#failure ??= { error }
      if (!this.#isClosed) this.#hooks.failed(error)
    }
    this.#backlog = []
    this.#isPumping = false
    if (!this.#isClosed) this.#hooks.room()
  }
}
