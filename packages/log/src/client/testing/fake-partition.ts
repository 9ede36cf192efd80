/** A partition's log in memory, with what a broker decides about producers and transactions. Shared by all nodes: it stands for what is replicated. */
import { ERROR_CODE } from '../../protocol/index.ts'
import { BatchView, buildEndTransactionMarker } from '../../records/index.ts'
import { afterData } from '../../storage/producers/producer-decisions.ts'
import { findDuplicate, firstOffsetOf, type ProducerEntry } from '../../storage/producers/producer-entry.ts'

export interface FakeBatch {
  readonly baseOffset: number
  readonly nextOffset: number
  readonly bytes: Uint8Array
}

export class FakePartition {
  readonly batches: FakeBatch[] = []
  readonly aborted: { readonly producerId: number; readonly firstOffset: number; readonly lastOffset: number }[] = []
  readonly #producers = new Map<number, ProducerEntry>()
  readonly #epochEnds = new Map<number, number>()
  leader: number
  leaderEpoch = 0

  constructor(leader: number) {
    this.leader = leader
  }

  get end(): number {
    return this.batches.at(-1)?.nextOffset ?? 0
  }

  get lastStableOffset(): number {
    const open = [...this.#producers.values()].flatMap(({ transactionFirstOffset: at }) => (at === undefined ? [] : [at]))
    return Math.min(this.end, ...open)
  }

  append(records: Uint8Array): { readonly errorCode: number; readonly baseOffset: number } {
    const batch = new BatchView(Buffer.from(records))
    if (!batch.isCrcValid()) return { errorCode: ERROR_CODE.CORRUPT_MESSAGE, baseOffset: -1 }
    if (batch.hasProducerId) {
      const entry = this.#producers.get(batch.producerId)
      const known = findDuplicate(entry, batch)
      if (known !== undefined) return { errorCode: ERROR_CODE.NONE, baseOffset: firstOffsetOf(known) }
      try {
        this.#remember(batch, this.end)
      } catch (error) {
        const isFenced = (error as { readonly code?: string }).code === 'PRODUCER_FENCED'
        return { errorCode: isFenced ? ERROR_CODE.INVALID_PRODUCER_EPOCH : ERROR_CODE.OUT_OF_ORDER_SEQUENCE_NUMBER, baseOffset: -1 }
      }
    }
    return { errorCode: ERROR_CODE.NONE, baseOffset: this.#store(batch) }
  }

  /** Ends what a producer has open here. */
  mark(producerId: number, producerEpoch: number, isCommit: boolean): void {
    const entry = this.#producers.get(producerId)
    const firstOffset = entry?.transactionFirstOffset
    const options = { producerId, producerEpoch, outcome: isCommit ? 'commit' : 'abort', coordinatorEpoch: 0, timestamp: 0 } as const
    const lastOffset = this.#store(buildEndTransactionMarker(options))
    if (firstOffset !== undefined && !isCommit) this.aborted.push({ producerId, firstOffset, lastOffset })
    const batches = entry?.producerEpoch === producerEpoch ? entry.batches : []
    this.#producers.set(producerId, {
      producerId,
      producerEpoch,
      coordinatorEpoch: 0,
      lastTimestamp: 0,
      transactionFirstOffset: undefined,
      batches,
    })
  }

  /** Loses what lies at `offset` and behind, as an unclean election does, with what it says about producers. */
  truncate(offset: number): void {
    while (this.end > offset) this.batches.pop()
    this.#epochEnds.set(this.leaderEpoch, offset)
    const left = this.batches.map(({ bytes }) => new BatchView(bytes))
    this.#producers.clear()
    for (const batch of left) if (batch.hasProducerId && !batch.isControl) this.#remember(batch, batch.baseOffset)
  }

  /** Where the log of an epoch ends. */
  endOfEpoch(leaderEpoch: number): number {
    return this.#epochEnds.get(leaderEpoch) ?? this.end
  }

  read(offset: number, end: number, bytesMax: number): Uint8Array {
    const found: Uint8Array[] = []
    let size = 0
    for (const batch of this.batches) {
      if (batch.nextOffset <= offset) continue
      if (batch.nextOffset > end || (size > 0 && size + batch.bytes.length > bytesMax)) break
      found.push(batch.bytes)
      size += batch.bytes.length
    }
    return Buffer.concat(found)
  }

  #remember(batch: BatchView, firstOffset: number): void {
    const { producerId, producerEpoch, baseSequence: firstSequence, lastSequence, isTransactional, maxTimestamp: timestamp } = batch
    const lastOffset = firstOffset + batch.lastOffsetDelta
    const facts = { producerId, producerEpoch, firstSequence, lastSequence, isTransactional, timestamp, firstOffset, lastOffset }
    this.#producers.set(producerId, afterData(this.#producers.get(producerId), facts, 'client'))
  }

  #store(batch: BatchView): number {
    const baseOffset = this.end
    batch.setBaseOffset(baseOffset)
    batch.setPartitionLeaderEpoch(this.leaderEpoch)
    this.batches.push({ baseOffset, nextOffset: batch.nextOffset, bytes: Buffer.from(batch.whole) })
    return baseOffset
  }
}
