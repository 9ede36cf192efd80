/** Transactions request by request, with nothing between the test and the wire; and a reader that sees what is committed. */
import assert from 'node:assert/strict'
import type { ApiResponse } from '../../../../protocol/index.ts'
import { batches, buildBatch, records } from '../../../../records/index.ts'
import type { WireClient } from '../../../testing/wire-client.ts'

export interface Producer {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
}

const NO_ID = new Uint8Array(16)

export async function initProducer(client: WireClient, transactionalId: string, transactionTimeoutMs = 10_000): Promise<Producer> {
  const { errorCode, producerId, producerEpoch } = await client.ask('InitProducerId', 5, { transactionalId, transactionTimeoutMs })
  assert.equal(errorCode, 0)
  return { transactionalId, producerId, producerEpoch }
}

export interface Write {
  /** Of Produce. 12 by default: the write adds its partition. */
  readonly version?: number
  readonly partition?: number
  /** Of the first record. */
  readonly sequence?: number
  readonly topicId?: Uint8Array
}

/** Writes a batch to the transaction; its error code. */
export async function write(
  client: WireClient,
  { transactionalId, producerId, producerEpoch }: Producer,
  topic: string,
  values: readonly string[],
  { version = 12, partition = 0, sequence = 0, topicId = NO_ID }: Write = {},
): Promise<number> {
  const timestamp = Date.now()
  const batch = buildBatch(
    values.map((value) => ({ key: null, value: Buffer.from(value), timestamp })),
    { producerId, producerEpoch, baseSequence: sequence, transactional: true },
  )
  const topicData = [{ name: topic, topicId, partitionData: [{ index: partition, records: batch.whole }] }]
  const { responses } = await client.ask('Produce', version, { transactionalId, acks: -1, timeoutMs: 5000, topicData })
  return responses[0]!.partitionResponses[0]!.errorCode
}

export async function addPartition(client: WireClient, producer: Producer, topic: string, partition = 0, version = 3): Promise<number> {
  const { transactionalId: v3AndBelowTransactionalId, producerId, producerEpoch } = producer
  const topics = [{ name: topic, partitions: [partition] }]
  const response = await client.ask('AddPartitionsToTxn', version, {
    v3AndBelowTransactionalId,
    v3AndBelowProducerId: producerId,
    v3AndBelowProducerEpoch: producerEpoch,
    v3AndBelowTopics: topics,
  })
  return response.resultsByTopicV3AndBelow[0]!.resultsByPartition[0]!.partitionErrorCode
}

export function end(client: WireClient, producer: Producer, committed: boolean, version = 5): Promise<ApiResponse<'EndTxn'>> {
  return client.ask('EndTxn', version, { ...producer, committed })
}

export interface Committed {
  readonly values: readonly string[]
  readonly lastStableOffset: number
  readonly highWatermark: number
}

/** What a reader of committed records sees of a partition, from its start. */
export async function readCommitted(client: WireClient, topic: string, partition = 0): Promise<Committed> {
  const values: string[] = []
  for (let offset = 0; ;) {
    const wanted = { partition, fetchOffset: offset, partitionMaxBytes: 1 << 20 }
    const { responses } = await client.ask('Fetch', 12, {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: 1,
      topics: [{ topic, partitions: [wanted] }],
      forgottenTopicsData: [],
    })
    const fetched = responses[0]!.partitions[0]!
    assert.equal(fetched.errorCode, 0)
    const found = [...batches(fetched.records!, { verifyCrc: true })]
    const { lastStableOffset, highWatermark } = fetched
    if (found.length === 0) return { values, lastStableOffset, highWatermark }
    for (const batch of found) {
      offset = batch.nextOffset
      if (batch.isControl || isAborted(batch.producerId, batch.baseOffset, fetched, found)) continue
      for (const { value } of records(batch)) values.push(Buffer.from(value!).toString())
    }
  }
}

type Fetched = ApiResponse<'Fetch'>['responses'][number]['partitions'][number]

/** From the first offset of an aborted transaction to its marker nothing of that producer counts. */
function isAborted(
  producerId: number,
  offset: number,
  { abortedTransactions }: Fetched,
  found: readonly { readonly isControl: boolean; readonly producerId: number; readonly baseOffset: number }[],
): boolean {
  return (abortedTransactions ?? []).some(({ producerId: aborted, firstOffset }) => {
    if (aborted !== producerId || offset < firstOffset) return false
    const marker = found.find((batch) => batch.isControl && batch.producerId === producerId && batch.baseOffset >= firstOffset)
    return marker === undefined || offset < marker.baseOffset
  })
}
