/** What was asked of the log, and what it answered: what it must hold follows from that. */
import assert from 'node:assert/strict'

/** A record that the idempotent producers write. */
export interface Sent {
  readonly value: string
  readonly partition: number
  /** Where it is, once that is known. */
  offset: number | undefined
}

export type TransactionOutcome = 'open' | 'ending' | 'committed' | 'aborted' | 'unknown'

export interface TransactionEntry {
  readonly number: number
  readonly records: { readonly partition: number; readonly value: string }[]
  outcome: TransactionOutcome
}

/** A record as it is read. */
export interface Found {
  readonly partition: number
  readonly offset: number
  readonly value: string
}

export class Ledger {
  /** In the order in which they were sent, by partition. */
  readonly sent: Sent[][] = [[], []]
  readonly transactions: TransactionEntry[] = []
  /** Of the compacted topic by key: the numbers that were sent, and the largest that was acknowledged. */
  readonly keys = new Map<string, { sent: number; acknowledged: number }>()
  /** Of the group: the largest offset that was asked for, and the largest that is known to be committed. */
  commits = { asked: 0, known: 0 }

  /** What has been acknowledged by now. */
  acknowledged(): readonly (Sent & { readonly offset: number })[] {
    return this.sent.flat().flatMap(({ offset, ...sent }) => (offset === undefined ? [] : [{ ...sent, offset }]))
  }

  /** All of `orders`, against what had been acknowledged before it was read. */
  checkProduced(found: readonly Found[], acknowledged: readonly (Sent & { readonly offset: number })[]): void {
    const places = new Map<string, Found>()
    for (const record of found) {
      const twin = places.get(record.value)
      assert.ok(
        twin === undefined,
        `${record.value} is there twice: at ${twin?.partition}:${twin?.offset} and ${record.partition}:${record.offset}`,
      )
      places.set(record.value, record)
    }
    for (const { value, partition, offset } of acknowledged) {
      const place = places.get(value)
      assert.ok(place !== undefined, `${value} was acknowledged at ${partition}:${offset} and is lost`)
      assert.deepEqual([place.partition, place.offset], [partition, offset], `where ${value} is`)
    }
    for (const [partition, sent] of this.sent.entries()) {
      const order = new Map(sent.map(({ value }, index) => [value, index]))
      const positions = found.filter((record) => record.partition === partition).flatMap(({ value }) => order.get(value) ?? [])
      for (const [index, position] of positions.entries())
        assert.equal(position, index, `order of partition ${partition}, at place ${index}`)
    }
  }

  /** All of `orders` as it is read once everything is decided. */
  checkCommitted(found: readonly Found[]): readonly number[] {
    const visible = new Set(found.map(({ value }) => value))
    const committed: number[] = []
    for (const { number, records, outcome } of this.transactions) {
      const seen = records.filter(({ value }) => visible.has(value)).length
      assert.ok(seen === 0 || seen === records.length, `transaction ${number} (${outcome}) shows ${seen} of ${records.length} records`)
      if (outcome === 'committed') assert.equal(seen, records.length, `transaction ${number} was committed and is not there`)
      if (outcome === 'aborted') assert.equal(seen, 0, `transaction ${number} was aborted and is there`)
      if (seen > 0) committed.push(number)
    }
    return committed
  }
}
