/**
 * Produce 3 to 13, pipelined: all batches of a request are handed to their logs before the first wait.
 *
 * ApiVersions says 0: librdkafka takes a higher minimum for a broker without message format 1. Versions 0 to 2 are not served.
 */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { recompress, validateProduced, type ProducedBatch } from '../../../records/index.ts'
import type { AppendResult } from '../../../storage/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import type { Topic } from '../../topics/topics.ts'

type Request = ApiRequest<'Produce'>
type Wanted = Request['topicData'][number]['partitionData'][number]
type Result = ApiResponseToSend<'Produce'>['responses'][number]['partitionResponses'][number]

const ZSTD_SINCE_VERSION = 7
const TOPIC_ID_SINCE_VERSION = 13

export const produce: ApiHandler<'Produce'> = {
  name: 'Produce',
  advertisedMinVersion: 0,
  isPipelined: true,
  async handle(request, context) {
    const { acks } = request
    const responses = await Promise.all(
      request.topicData.map(async ({ name, topicId, partitionData }) => {
        const { topics } = context.broker
        const byId = context.version >= TOPIC_ID_SINCE_VERSION
        const topic = byId ? topics.withId(topicId) : topics.named(name)
        const missing = byId ? ERROR_CODE.UNKNOWN_TOPIC_ID : ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
        const results = partitionData.map((wanted) => produceTo(topic, missing, wanted, request, context))
        return { name, topicId, partitionResponses: await Promise.all(results) }
      }),
    )
    if (acks !== 0) return { responses }
    const isRefused = responses.some(({ partitionResponses }) => partitionResponses.some(({ errorCode }) => errorCode !== ERROR_CODE.NONE))
    return isRefused ? 'close' : 'none'
  },
}

async function produceTo(
  topic: Topic | undefined,
  missing: number,
  { index, records }: Wanted,
  { acks, transactionalId }: Request,
  context: RequestContext,
): Promise<Result> {
  if (acks < -1 || acks > 1) return refused(index, ERROR_CODE.INVALID_REQUIRED_ACKS)
  const partition = topic?.partitions[index]
  if (topic === undefined) return refused(index, missing)
  if (partition === undefined) return refused(index, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  if (acks === -1 && topic.config.minInsyncReplicas > 1) return refused(index, ERROR_CODE.NOT_ENOUGH_REPLICAS)
  const { config } = topic
  const produced = validateProduced(records, {
    ...config,
    nowMs: context.broker.clock.now(),
    keyRequired: config.log.cleanupCompact,
    zstdAllowed: context.version >= ZSTD_SINCE_VERSION,
  })
  if (!produced.ok) {
    const recordErrors = produced.recordErrors.map(({ batchIndex, message }) => ({ batchIndex, batchIndexErrorMessage: message }))
    return { ...refused(index, produced.errorCode), recordErrors, errorMessage: produced.message }
  }
  // Without a coordinator a transaction would never end, and hold up its readers for ever.
  if (transactionalId !== null || produced.batch.isTransactional) return refused(index, ERROR_CODE.INVALID_TXN_STATE)
  try {
    const result = await partition.append(bytesToAppend(produced, topic))
    return accepted(index, result, topic)
  } catch (error) {
    return refused(index, errorCodeOf(error))
  }
}

function bytesToAppend(produced: ProducedBatch, { config }: Topic): Uint8Array {
  const { batch, compression, records, timestampType, maxTimestamp } = produced
  const isAsSent = config.compression === undefined || config.compression === compression
  const stored = isAsSent ? batch : recompress(batch, records, config.compression)
  stored.setMaxTimestamp(timestampType, maxTimestamp)
  return stored.whole
}

function accepted(index: number, { firstOffset, maxTimestamp, logStartOffset }: AppendResult, { config }: Topic): Result {
  const logAppendTimeMs = config.timestampType === 'LogAppendTime' ? maxTimestamp : -1
  return { index, errorCode: ERROR_CODE.NONE, baseOffset: firstOffset, logAppendTimeMs, logStartOffset, recordErrors: [] }
}

function refused(index: number, errorCode: number): Result {
  return { index, errorCode, baseOffset: -1, recordErrors: [] }
}
