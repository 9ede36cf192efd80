/** DescribeProducers 0: who writes to a partition, and which transactions are open there. */
import { ERROR_CODE, type ApiResponseToSend } from '../../../protocol/index.ts'
import { distinct } from '../distinct.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'

type Described = ApiResponseToSend<'DescribeProducers'>['topics'][number]['partitions'][number]

export const describeProducers: ApiHandler<'DescribeProducers'> = {
  name: 'DescribeProducers',
  handle({ topics }, context) {
    return {
      throttleTimeMs: 0,
      topics: distinct(topics, (topic) => JSON.stringify(topic)).map(({ name, partitionIndexes }) => ({
        name,
        partitions: distinct(partitionIndexes, (index) => index).map((partitionIndex) => describe(name, partitionIndex, context)),
      })),
    }
  },
}

function describe(topic: string, partitionIndex: number, { broker, allows }: RequestContext): Described {
  const problem = (errorCode: number): Described => ({ partitionIndex, errorCode, activeProducers: [] })
  if (!allows('Read', 'Topic', topic)) return problem(ERROR_CODE.TOPIC_AUTHORIZATION_FAILED)
  const partition = broker.topics.named(topic)?.partitions[partitionIndex]
  if (partition === undefined) return problem(ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  if (partition.offline !== undefined) return problem(ERROR_CODE.KAFKA_STORAGE_ERROR)
  return {
    partitionIndex,
    errorCode: ERROR_CODE.NONE,
    activeProducers: partition.log.producers().map((entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnStartOffset: entry.transactionFirstOffset ?? -1,
    })),
  }
}
