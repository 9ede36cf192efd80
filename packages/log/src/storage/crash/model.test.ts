// What a log must contain, told by what its user was told: the reference of the crash simulation.
import assert from 'node:assert/strict'
import { BatchView } from '../../records/batch.ts'
import { batches } from '../../records/batch-cursor.ts'
import { batchEndTransactionMarker } from '../../records/control-record.ts'
import { records } from '../../records/record.ts'
import type { PartitionLog } from '../partition/partition-log.ts'
import { readRanges } from '../partition/read-plan.ts'
import type { AbortedTransaction } from '../index/transaction-index.ts'

export interface ModelProducer {
  epoch: number
  lastSequence: number
  lastOffset: number
  transactionFirstOffset: number | undefined
}

/** Batches in order, also those that retention has removed since, and what follows from them by the plainest means. */
export class LogModel {
  batches: BatchView[] = []
  /** Appends under way: what may follow the batches, in this order. */
  inFlight: Uint8Array[] = []
  /** Below it nothing may be lost. */
  syncedOffset = 0
  /** The largest start asked for; a crash may bring an earlier one back. */
  logStartMax = 0

  get endOffset(): number {
    return this.batches.at(-1)?.nextOffset ?? this.emptyEnd
  }

  emptyEnd = 0

  acknowledge(bytes: Uint8Array): void {
    // Those that wait for a sync may hear of it after later ones that need not.
    this.batches = [...this.batches, ...batches(bytes.slice())].sort((left, right) => left.baseOffset - right.baseOffset)
  }

  truncate(offset: number): void {
    this.batches = this.batches.filter((batch) => batch.nextOffset <= offset)
    this.syncedOffset = Math.min(this.syncedOffset, offset)
  }

  /** What may be found after a crash: all that was acknowledged, then what was under way with the offsets it would have got. */
  #possible(): BatchView[] {
    const possible = [...this.batches]
    let next = this.endOffset
    for (const bytes of this.inFlight) {
      for (const batch of batches(bytes.slice())) {
        batch.setBaseOffset(next)
        next = batch.nextOffset
        possible.push(batch)
      }
    }
    return possible
  }

  /** The recovered log is a prefix of what may be, from its start on, and holds all that was synced; the model becomes that. */
  settle(found: readonly BatchView[], log: PartitionLog): void {
    const all = this.#possible()
    const possible = all.filter((batch) => batch.lastOffset >= log.logStartOffset)
    assert.ok(log.logStartOffset <= this.logStartMax, `the start ${log.logStartOffset} was never asked for`)
    assert.ok(found.length <= possible.length, `${found.length} batches, of which ${possible.length} were appended`)
    for (const [index, batch] of found.entries()) assertSame(batch, possible[index]!)
    assert.ok(log.logEndOffset >= this.syncedOffset, `synced up to ${this.syncedOffset}, ends at ${log.logEndOffset}`)
    const removed = all.filter((batch) => batch.lastOffset < log.logStartOffset)
    this.batches = [...removed, ...found.map((batch) => new BatchView(batch.whole.slice()))]
    this.inFlight = []
    this.emptyEnd = log.logEndOffset
    this.syncedOffset = log.logEndOffset
  }

  producers(): Map<number, ModelProducer> {
    const producers = new Map<number, ModelProducer>()
    for (const batch of this.batches) {
      if (!batch.hasProducerId) continue
      const before = producers.get(batch.producerId)
      const open = before?.transactionFirstOffset
      if (batch.isControl) {
        const isSameEpoch = before !== undefined && before.epoch === batch.producerEpoch
        const last = isSameEpoch ? before : { lastSequence: -1, lastOffset: -1 }
        producers.set(batch.producerId, { ...last, epoch: batch.producerEpoch, transactionFirstOffset: undefined })
      } else {
        producers.set(batch.producerId, {
          epoch: batch.producerEpoch,
          lastSequence: batch.lastSequence,
          lastOffset: batch.lastOffset,
          transactionFirstOffset: open ?? (batch.isTransactional ? batch.baseOffset : undefined),
        })
      }
    }
    return producers
  }

  aborted(): Omit<AbortedTransaction, 'lastStableOffset'>[] {
    const open = new Map<number, number>()
    const aborted: Omit<AbortedTransaction, 'lastStableOffset'>[] = []
    for (const batch of this.batches) {
      const { producerId, baseOffset } = batch
      if (batch.isControl) {
        const firstOffset = open.get(producerId)
        if (firstOffset !== undefined && batchEndTransactionMarker(batch)?.outcome === 'abort') {
          aborted.push({ producerId, firstOffset, lastOffset: baseOffset })
        }
        open.delete(producerId)
      } else if (batch.isTransactional && !open.has(producerId)) open.set(producerId, baseOffset)
    }
    return aborted
  }

  findTimestamp(timestamp: number, logStartOffset: number): number | undefined {
    for (const batch of this.batches) {
      for (const record of records(batch)) if (record.offset >= logStartOffset && record.timestamp >= timestamp) return record.offset
    }
    return undefined
  }
}

export function assertSame(actual: BatchView, expected: BatchView): void {
  assert.equal(actual.baseOffset, expected.baseOffset)
  assert.equal(Buffer.compare(actual.whole, expected.whole), 0, `the batch at offset ${actual.baseOffset} differs`)
}

/** Everything in the log from its start on, read in pieces of `maxBytes`. */
export async function readAll(log: PartitionLog, maxBytes: number): Promise<BatchView[]> {
  const found: BatchView[] = []
  for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
    const plan = await log.read({ startOffset: offset, maxBytes, isolation: 'log-end', minOneBatch: true })
    const bytes = await readRanges(plan)
    plan.release()
    const read = [...batches(bytes, { verifyCrc: true })]
    assert.ok(read.length > 0, `nothing at offset ${offset} of a log that ends at ${log.logEndOffset}`)
    found.push(...read)
    offset = read.at(-1)!.nextOffset
  }
  return found
}

/** The log answers every question as the model does. */
export async function assertAnswers(log: PartitionLog, model: LogModel, sampleOf: (limit: number) => number): Promise<void> {
  assert.equal(log.logEndOffset, model.endOffset)
  await assertOffsets(log, model, sampleOf)
  await assertTimes(log, model, sampleOf)
  assertProducers(log, model)
  const visible = model.aborted().filter(({ lastOffset }) => lastOffset >= log.logStartOffset)
  const aborted = await log.abortedTransactions(log.logStartOffset, log.logEndOffset)
  const known = new Set(model.batches.map((batch) => batch.baseOffset))
  const comparable = aborted.filter(({ firstOffset }) => known.has(firstOffset))
  assert.deepEqual(
    comparable.map(({ producerId, firstOffset, lastOffset }) => ({ producerId, firstOffset, lastOffset })),
    visible,
  )
}

async function assertOffsets(log: PartitionLog, model: LogModel, sampleOf: (limit: number) => number): Promise<void> {
  for (let look = 0; look < 4 && log.logEndOffset > log.logStartOffset; look++) {
    const offset = log.logStartOffset + sampleOf(log.logEndOffset - log.logStartOffset)
    const plan = await log.read({ startOffset: offset, maxBytes: 1, isolation: 'log-end', minOneBatch: true })
    const bytes = await readRanges(plan)
    plan.release()
    const expected = model.batches.find((batch) => batch.lastOffset >= offset)!
    assertSame(new BatchView(bytes), expected)
    assert.equal(bytes.length, expected.sizeBytes, 'one batch was asked for')
  }
}

async function assertTimes(log: PartitionLog, model: LogModel, sampleOf: (limit: number) => number): Promise<void> {
  const largest = model.batches.reduce((max, batch) => Math.max(max, batch.maxTimestamp), -1)
  const smallest = model.batches.reduce((min, batch) => Math.min(min, batch.baseTimestamp), largest)
  for (let look = 0; look < 3; look++) {
    const timestamp = smallest + sampleOf(largest - smallest + 2)
    assert.equal((await log.findTimestamp(timestamp))?.offset, model.findTimestamp(timestamp, log.logStartOffset), `time ${timestamp}`)
  }
}

function assertProducers(log: PartitionLog, model: LogModel): void {
  for (const [producerId, expected] of model.producers()) {
    const entry = log.producer(producerId)
    assert.ok(entry !== undefined, `producer ${producerId} is not known`)
    const last = entry.batches.at(-1)
    assert.deepEqual(
      [entry.producerEpoch, last?.lastSequence ?? -1, last?.lastOffset ?? -1],
      [expected.epoch, expected.lastSequence, expected.lastOffset],
    )
    assert.equal(entry.transactionFirstOffset, expected.transactionFirstOffset, `the transaction of producer ${producerId}`)
  }
}
