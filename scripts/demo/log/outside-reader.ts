// Reads a topic as somebody else would: with kafkajs, read committed.
import { createRequire } from 'node:module'
import type * as kafkajs from 'kafkajs'

interface FetchedMessage {
  readonly offset: string
  readonly key: Buffer | null
  readonly isControlRecord: boolean
  readonly batchContext: { readonly producerId: string; readonly inTransaction: boolean }
}

interface Fetched {
  readonly messages: readonly FetchedMessage[]
  readonly abortedTransactions?: readonly { readonly producerId: string; readonly firstOffset: string }[] | null
}

/**
 * Leaves out what was aborted, in place of what kafkajs 2.2.4 does for it. That takes the brokers' list of aborted transactions to be in the order of their
 * first offsets: Millrace's log sends it so, Apache Kafka in the order in which they were aborted. And it takes one of them from the list a
 * message: where two that were open before are aborted within what is fetched, it shows a record of the second, on any broker.
 */
function withoutAborted({ messages, abortedTransactions }: Fetched): readonly FetchedMessage[] {
  const starts = (abortedTransactions ?? [])
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: Number(firstOffset) }))
    .toSorted((a, b) => a.firstOffset - b.firstOffset)
  const aborted = new Set<string>()
  return messages.filter(({ offset, key, isControlRecord, batchContext }) => {
    while (starts.length > 0 && starts[0]!.firstOffset <= Number(offset)) aborted.add(starts.shift()!.producerId)
    const { producerId, inTransaction } = batchContext
    const isAbortMarker = isControlRecord && key !== null && key.readInt16BE(2) === 0
    if (isAbortMarker) aborted.delete(producerId)
    return isControlRecord || !inTransaction || !aborted.has(producerId)
  })
}

const require = createRequire(import.meta.url)
const filter = require.resolve('kafkajs/src/consumer/filterAbortedMessages.js')
require(filter)
require.cache[filter]!.exports = withoutAborted
const { Kafka, logLevel } = require('kafkajs') as typeof kafkajs

/** Nothing more for so long, and everything is taken to be read: what stands behind the last records are markers, which kafkajs does not show. */
const quietMs = 1_500
const markersMax = 1_000

/** All records of a topic that are committed at this moment, as JSON. */
export async function readCommitted<T>(bootstrap: string, topic: string): Promise<readonly T[]> {
  const kafka = new Kafka({ clientId: 'outside-reader', brokers: bootstrap.split(','), logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const ends = await admin.fetchTopicOffsets(topic)
  const left = new Map(ends.filter(({ low, high }) => Number(high) > Number(low)).map(({ partition, high }) => [partition, Number(high)]))
  const found: T[] = []
  const groupId = `outside-reader-${process.pid}-${Date.now()}`
  const consumer = kafka.consumer({ groupId, readUncommitted: false, maxWaitTimeInMs: 100, maxBytesPerPartition: 4 * 1_024 * 1_024 })
  try {
    if (left.size === 0) return found
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    const done = Promise.withResolvers<void>()
    consumer.on(consumer.events.CRASH, ({ payload: { error } }) => done.reject(error))
    let quietTimer = setTimeout(done.resolve, 30_000)
    await consumer.run({
      eachBatch: async ({ batch }) => {
        for (const { value } of batch.messages) found.push(JSON.parse(value!.toString()) as T)
        const end = left.get(batch.partition) ?? 0
        if (Number(batch.lastOffset()) + markersMax >= end) left.delete(batch.partition)
        clearTimeout(quietTimer)
        quietTimer = setTimeout(done.resolve, left.size === 0 ? quietMs : 30_000)
      },
    })
    await done.promise
    clearTimeout(quietTimer)
    return found
  } finally {
    await consumer.disconnect()
    await admin.deleteGroups([groupId]).catch(() => {})
    await admin.disconnect()
  }
}
