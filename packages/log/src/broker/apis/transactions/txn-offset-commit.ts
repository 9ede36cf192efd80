/**
 * TxnOffsetCommit 0 to 5: offsets that hold once the producer's transaction is committed. From 5 on the commit itself makes the group's
 * partition take part in the transaction; before, the client has added it (KIP-890).
 */
import type { OffsetToCommit } from '../../../coordinators/offsets/commit.ts'
import { partitionSet } from '../../../coordinators/transactions/index.ts'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { OFFSETS_TOPIC } from '../../topics/internal-topics.ts'

type Request = ApiRequest<'TxnOffsetCommit'>
type Response = ApiResponseToSend<'TxnOffsetCommit'>
type CodeOf = (topic: string, partition: number) => number

const IMPLIED_SINCE_VERSION = 5
const ABORTABLE_SINCE_VERSION = 4
const LOADING_SINCE_VERSION = 2
const NO_TOPIC_ID = new Uint8Array(16)

export const txnOffsetCommit: ApiHandler<'TxnOffsetCommit'> = {
  name: 'TxnOffsetCommit',
  async handle(request, context) {
    const { transactionalId, groupId } = request
    const { allows } = context
    if (!allows('Write', 'TransactionalId', transactionalId))
      return answered(request, () => ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    if (!allows('Read', 'Group', groupId)) return answered(request, () => ERROR_CODE.GROUP_AUTHORIZATION_FAILED)
    const problemOf = problemsOf(context)
    const offsets = offsetsOf(request, problemOf)
    if (offsets.length === 0) return answered(request, problemOf)
    const codes = await takePartAndCommit(request, offsets, context)
    const committed = new Map(offsets.map(({ topic, partition }, index) => [`${topic}:${partition}`, codes[index]!]))
    return answered(request, (topic, partition) => committed.get(`${topic}:${partition}`) ?? problemOf(topic, partition))
  },
}

function problemsOf({ broker, allows }: RequestContext): CodeOf {
  return (topic, partition) => {
    if (!allows('Read', 'Topic', topic)) return ERROR_CODE.TOPIC_AUTHORIZATION_FAILED
    const isThere = broker.topics.named(topic)?.partitions[partition] !== undefined
    return isThere ? ERROR_CODE.NONE : ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
  }
}

/** An error code for each of the offsets. */
async function takePartAndCommit(
  request: Request,
  offsets: readonly OffsetToCommit[],
  context: RequestContext,
): Promise<readonly number[]> {
  let errorCode: number
  try {
    errorCode = await takePart(request, context)
    if (errorCode === ERROR_CODE.NONE) return await commit(request, offsets, context)
  } catch (error) {
    errorCode = toClient(errorCodeOf(error), context.version)
  }
  return offsets.map(() => errorCode)
}

/** Whether the group's partition is in the transaction, and is put there where the request implies it. */
async function takePart(request: Request, { broker, version }: RequestContext): Promise<number> {
  const { transactionalId, groupId, producerId, producerEpoch } = request
  const partition = broker.groups.coordinator.partitionOf(groupId)
  const { coordinator } = broker.transactions
  if (version >= IMPLIED_SINCE_VERSION) {
    const partitions = partitionSet([[OFFSETS_TOPIC, [partition]]])
    const asked = { producerId, producerEpoch, partitions, clientVersion: 2 } as const
    return toClient((await coordinator.addPartitions(transactionalId, asked)).errorCode, version)
  }
  if (!broker.config.get('transaction.partition.verification.enable')) return ERROR_CODE.NONE
  const [errorCode] = await coordinator.verifyPartitions(transactionalId, [{ topic: OFFSETS_TOPIC, partition, producerId, producerEpoch }])
  return toClient(errorCode!, version)
}

function offsetsOf({ topics }: Request, problemOf: CodeOf): OffsetToCommit[] {
  return topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ partitionIndex }) => problemOf(name, partitionIndex) === ERROR_CODE.NONE)
      .map(({ partitionIndex, committedOffset, committedLeaderEpoch, committedMetadata }) => ({
        topic: name,
        topicId: NO_TOPIC_ID,
        partition: partitionIndex,
        offset: committedOffset,
        leaderEpoch: committedLeaderEpoch,
        metadata: committedMetadata,
      })),
  )
}

function commit(request: Request, offsets: readonly OffsetToCommit[], { broker }: RequestContext): Promise<readonly number[]> {
  const { groupId, memberId, groupInstanceId, generationId, producerId, producerEpoch } = request
  const who = { memberId, instanceId: groupInstanceId, generationOrEpoch: generationId }
  const producer = { producerId, producerEpoch }
  return broker.groups.coordinator.commit({ groupId, ...who, offsets, version: undefined, retentionTimeMs: -1, producer })
}

/** Codes that the client of this version knows, and tries again or not as it should. */
function toClient(errorCode: number, version: number): number {
  switch (errorCode) {
    case ERROR_CODE.PRODUCER_FENCED:
      return ERROR_CODE.INVALID_PRODUCER_EPOCH
    case ERROR_CODE.TRANSACTION_ABORTABLE:
      return version >= ABORTABLE_SINCE_VERSION ? errorCode : ERROR_CODE.INVALID_TXN_STATE
    case ERROR_CODE.CONCURRENT_TRANSACTIONS:
      return version >= IMPLIED_SINCE_VERSION ? errorCode : toClient(ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS, version)
    case ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS:
      return version >= LOADING_SINCE_VERSION ? errorCode : ERROR_CODE.COORDINATOR_NOT_AVAILABLE
    default:
      return errorCode
  }
}

function answered({ topics }: Request, codeOf: CodeOf): Response {
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: codeOf(name, partitionIndex) })),
    })),
  }
}
