/** Looks at a broker from outside, and holds it to what it has answered before. */
import assert from 'node:assert/strict'
import type { LogClient } from '@millrace/log/client'
import type { Ledger } from './ledger.ts'
import { readTopic, type Isolation, type FoundRecord } from './reading.ts'
import { groups, topics } from './work.ts'

export class Looks {
  readonly #client: LogClient
  readonly #ledger: Ledger

  constructor(client: LogClient, ledger: Ledger) {
    this.#client = client
    this.#ledger = ledger
  }

  #orders(isolation: Isolation): Promise<readonly FoundRecord[]> {
    return readTopic(this.#client, topics.orders, 2, isolation)
  }

  /** While the clients go on. @returns the records of `orders` */
  async live(): Promise<readonly FoundRecord[]> {
    const acknowledged = this.#ledger.acknowledged()
    const orders = await this.#orders('read_uncommitted')
    this.#ledger.checkProduced(orders, acknowledged)
    await this.#group()
    await this.#accounts()
    return orders
  }

  /** Once the clients have finished, and everything is decided. */
  async atEnd(): Promise<void> {
    const orders = await this.live()
    const values = new Set(orders.map(({ value }) => value))
    for (const { value } of this.#ledger.sent.flat()) assert.ok(values.has(value), `${value} was acknowledged and is lost`)
    const committed = this.#ledger.checkCommitted(await this.#orders('read_committed'))
    const [entry] = await this.#client.admin.groups.offsets(groups.transactional, { requireStable: true })
    assert.equal(entry?.offset ?? 0, (committed.at(-1) ?? -1) + 1, 'the offset that the last visible transaction committed')
  }

  async #group(): Promise<void> {
    // Whatever is committed while the question is on its way is larger than what was known before.
    const { known } = this.#ledger.commits
    const [entry] = await this.#client.admin.groups.offsets(groups.plain)
    const offset = entry?.offset ?? 0
    assert.ok(offset >= known, `the group's offset went back to ${offset} from ${known}`)
    assert.ok(offset <= this.#ledger.commits.asked, `the group's offset is ${offset}, and ${this.#ledger.commits.asked} was asked for`)
    this.#ledger.commits.known = Math.max(offset, this.#ledger.commits.known)
  }

  async #accounts(): Promise<void> {
    const acknowledged = new Map([...this.#ledger.keys].map(([key, entry]) => [key, entry.acknowledged]))
    const values = new Map<string, number>()
    for (const { key, value } of await readTopic(this.#client, topics.accounts, 1, 'read_uncommitted')) values.set(key, Number(value))
    for (const [key, least] of acknowledged) {
      const value = values.get(key) ?? 0
      const { sent } = this.#ledger.keys.get(key)!
      assert.ok(value >= least && value <= sent, `${key} is ${value}, ${least} was acknowledged and ${sent} sent`)
    }
  }
}
