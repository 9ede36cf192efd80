/** Produce as the producer means it: batches into a request, a response into an answer for each batch. */
import type { MillraceError } from '@millrace/core'
import type { ApiRequestToSend, ApiResponse } from '../../protocol/index.ts'
import { refusal } from '../errors.ts'
import { isZero, type ClusterView } from '../metadata/cluster-view.ts'
import type { PendingBatch, ProducerIdentity } from './pending-batch.ts'

export type PartitionAnswer = ApiResponse<'Produce'>['responses'][number]['partitionResponses'][number]

const NO_ID = new Uint8Array(16)
/** From the next version on topics are named by their ids alone. */
const VERSION_WITH_NAMES = 12

export interface ProduceFacts {
  readonly acks: number
  readonly timeoutMs: number
  readonly transactionalId: string | null
  readonly identityOf: (batch: PendingBatch) => ProducerIdentity | undefined
}

/** The newest version in which these topics can be named. */
export function produceVersionMax(batches: readonly PendingBatch[], view: ClusterView): number {
  return batches.every(({ topic }) => !isZero(view.topic(topic)?.id ?? NO_ID)) ? Number.POSITIVE_INFINITY : VERSION_WITH_NAMES
}

export function produceRequest(batches: readonly PendingBatch[], view: ClusterView, facts: ProduceFacts): ApiRequestToSend<'Produce'> {
  const topicData = [...Map.groupBy(batches, ({ topic }) => topic)].map(([name, ofTopic]) => ({
    name,
    topicId: view.topic(name)?.id ?? NO_ID,
    partitionData: ofTopic.map((batch) => ({ index: batch.partition, records: batch.bytes(facts.identityOf(batch)) })),
  }))
  const { acks, timeoutMs, transactionalId } = facts
  return { transactionalId, acks, timeoutMs, topicData }
}

/** The answers in the order of the batches; undefined for what the broker left out. */
export function produceAnswers(
  batches: readonly PendingBatch[],
  response: ApiResponse<'Produce'>,
  view: ClusterView,
): readonly (PartitionAnswer | undefined)[] {
  const answers = new Map<string, PartitionAnswer>()
  for (const { name, topicId, partitionResponses } of response.responses) {
    const topic = name === '' ? view.nameOf(topicId) : name
    for (const answer of partitionResponses) answers.set(`${topic} ${answer.index}`, answer)
  }
  return batches.map(({ topic, partition }) => answers.get(`${topic} ${partition}`))
}

export function produceRefusal(broker: string, { topic, partition }: PendingBatch, answer: PartitionAnswer): MillraceError {
  const { errorCode, errorMessage, recordErrors } = answer
  const first = recordErrors[0]
  const message = [errorMessage, first?.batchIndexErrorMessage]
    .filter((text) => text !== null && text !== undefined && text !== '')
    .join('; ')
  const details = { topic, partition, ...(first === undefined ? {} : { batchIndex: first.batchIndex }) }
  return refusal({ api: 'Produce', subject: `${topic}-${partition}`, broker, errorCode, message, details })
}
