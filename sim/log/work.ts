/** What goes on around a broker while it lives and dies: everything is tried until it succeeds, whatever happens in between. */
import type { MillraceError } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'
import type { LogClient, TransactionalProducer } from '@millrace/log/client'
import type { Ledger, TransactionEntry } from './ledger.ts'

export const topics = { orders: 'orders', accounts: 'accounts' } as const
export const groups = { plain: 'plain', transactional: 'transactional' } as const
const transactionTimeoutMs = 2_000

export interface WorkOptions {
  readonly client: () => LogClient
  readonly random: SeededRandom
  readonly ledger: Ledger
  readonly sleep: (ms: number) => Promise<void>
  readonly now: () => number
}

export class Work {
  readonly #options: WorkOptions
  #isOver = false
  /** Since when an end of a transaction is asked for. */
  endingSinceMs: number | undefined
  /** Since when a commit of offsets is asked for. */
  committingSinceMs: number | undefined
  readonly done: Promise<unknown>

  constructor(options: WorkOptions) {
    this.#options = options
    this.done = Promise.all([this.#orders(0), this.#orders(1), this.#accounts(), this.#transactions(), this.#commits()])
    this.done.catch(() => undefined)
  }

  finish(): void {
    this.#isOver = true
  }

  /** Records whose acknowledgement is still to come. */
  get numUnacknowledged(): number {
    return this.#options.ledger.sent.flat().filter(({ offset }) => offset === undefined).length
  }

  async #pause(mostMs: number): Promise<void> {
    await this.#options.sleep(this.#options.random.between(0, mostMs))
  }

  /** An idempotent producer for a partition of its own. */
  async #orders(partition: number): Promise<void> {
    const { client, random, ledger } = this.#options
    const producer = client().producer({ lingerMs: random.between(0, 10), batchBytes: 400, deliveryTimeoutMs: 600_000 })
    const waiting: Promise<void>[] = []
    for (let number = 0; !this.#isOver; number++) {
      const entry = { value: `p${partition}-${number}`, partition, offset: undefined as number | undefined }
      ledger.sent[partition]!.push(entry)
      const sent = producer.send({ topic: topics.orders, partition, value: entry.value }).then(({ offset }) => void (entry.offset = offset))
      sent.catch(() => undefined)
      waiting.push(sent)
      if (random.chance(0.5)) await this.#pause(40)
    }
    await Promise.all(waiting)
  }

  /** Values that grow, for a few keys of a compacted topic. */
  async #accounts(): Promise<void> {
    const { client, random, ledger } = this.#options
    const producer = client().producer({ lingerMs: 0, deliveryTimeoutMs: 600_000 })
    for (let number = 1; !this.#isOver; number++) {
      const key = `k${random.between(0, 4)}`
      const entry = ledger.keys.get(key) ?? { sent: 0, acknowledged: 0 }
      ledger.keys.set(key, entry)
      entry.sent = number
      await producer.send({ topic: topics.accounts, partition: 0, key, value: String(number) })
      entry.acknowledged = number
      await this.#pause(15)
    }
  }

  /** A group whose offset only grows. */
  async #commits(): Promise<void> {
    const { client, ledger, now } = this.#options
    const { groups: admin } = client().admin
    for (let offset = 1; !this.#isOver; offset++) {
      ledger.commits.asked = offset
      this.committingSinceMs = now()
      try {
        await admin.commitOffsets(groups.plain, [{ topic: topics.orders, partition: 0, offset }])
        ledger.commits.known = Math.max(ledger.commits.known, offset)
      } catch (error) {
        if (!isTransient(error)) throw error
      }
      this.committingSinceMs = undefined
      await this.#pause(30)
    }
  }

  /** Transactions over both partitions and a group's offset, which is the number of the next transaction. */
  async #transactions(): Promise<void> {
    const { ledger } = this.#options
    let producer: TransactionalProducer | undefined
    for (let number = 0; !this.#isOver; number++) {
      const entry: TransactionEntry = { number, records: [], outcome: 'open' }
      ledger.transactions.push(entry)
      try {
        producer ??= await this.#newProducer()
        await this.#transaction(producer, entry)
      } catch (error) {
        // Nobody knows what became of an end that was asked for; whatever else failed is never committed.
        entry.outcome = entry.outcome === 'ending' ? 'unknown' : 'aborted'
        producer?.close()
        producer = undefined
        if (!isTransient(error)) throw error
      }
      await this.#pause(20)
    }
    // Its successor aborts what it left open.
    producer?.close()
    ;(await this.#newProducer()).close()
  }

  async #newProducer(): Promise<TransactionalProducer> {
    const { client, random } = this.#options
    for (;;) {
      const lingerMs = random.between(0, 5)
      const producer = client().transactionalProducer({
        transactionalId: 'mover',
        transactionTimeoutMs,
        lingerMs,
        deliveryTimeoutMs: 20_000,
      })
      try {
        await producer.init()
        return producer
      } catch (error) {
        producer.close()
        if (!isTransient(error)) throw error
      }
    }
  }

  async #transaction(producer: TransactionalProducer, entry: TransactionEntry): Promise<void> {
    const { random, now } = this.#options
    await producer.begin()
    for (let count = random.between(1, 6); count > 0; count--) {
      const record = { partition: random.between(0, 1), value: `t${entry.number}-${count}` }
      entry.records.push(record)
      producer.append({ topic: topics.orders, ...record })
    }
    const offsets = [{ topic: topics.orders, partition: 1, offset: entry.number + 1 }]
    await producer.sendOffsets({ group: { groupId: groups.transactional }, offsets })
    await producer.flush()
    const isCommit = random.chance(0.7)
    if (isCommit) entry.outcome = 'ending'
    this.endingSinceMs = now()
    try {
      await (isCommit ? producer.commit() : producer.abort())
    } finally {
      this.endingSinceMs = undefined
    }
    entry.outcome = isCommit ? 'committed' : 'aborted'
  }
}

const explained = new Set(['CLIENT_FENCED', 'CLIENT_TRANSACTION_ENDED', 'CLIENT_CLOSED', 'CLIENT_RECORDS_DROPPED'])

/** Whether an error is one that a broker's death explains. */
function isTransient(error: unknown): boolean {
  const { code = '', retry = false } = error as Partial<MillraceError>
  return retry || explained.has(code)
}
