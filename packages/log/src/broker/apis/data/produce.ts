/**
 * Produce 3 to 13, pipelined: all batches of a request are handed to their logs before the first wait, or while the connection is held.
 *
 * ApiVersions says 0: librdkafka takes a higher minimum for a broker without message format 1. Versions 0 to 2 are not served.
 */
import { discardBytes } from '@millrace/core'
import { isInternalTopic } from '../../../controller/index.ts'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { recompress, validateProduced, type ProducedBatch } from '../../../records/index.ts'
import type { AppendResult } from '../../../storage/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, BrokerFacts, RequestContext } from '../../handler.ts'
import { produceTransactionally } from '../transactions/produce-transactionally.ts'

type Request = ApiRequest<'Produce'>
type Wanted = Request['topicData'][number]['partitionData'][number]
type Result = ApiResponseToSend<'Produce'>['responses'][number]['partitionResponses'][number]
type Topic = NonNullable<ReturnType<BrokerFacts['topics']['named']>>

const ZSTD_SINCE_VERSION = 7
const TOPIC_ID_SINCE_VERSION = 13
/** What Kafka's admin client calls itself: it may write to internal topics. */
const ADMIN_CLIENT_ID = '__admin_client'

export const produce: ApiHandler<'Produce'> = {
  name: 'Produce',
  advertisedMinVersion: 0,
  isPipelined: true,
  async handle(request, context) {
    const topics = await beginAll(request, context)
    const responses = await Promise.all(topics.map((topic) => answerOf(topic, context)))
    if (request.acks !== 0) return { responses }
    const isRefused = responses.some(({ partitionResponses }) => partitionResponses.some(({ errorCode }) => errorCode !== ERROR_CODE.NONE))
    return isRefused ? 'close' : 'none'
  },
}

interface BegunTopic {
  readonly wanted: Request['topicData'][number]
  readonly topic: Topic | undefined
  readonly results: readonly Promise<Result>[]
}

/** Hands all batches to their logs, in order: with one go, unless that takes so long that others must have their turn. */
async function beginAll(request: Request, context: RequestContext): Promise<readonly BegunTopic[]> {
  const { turns } = context.broker
  const begun: BegunTopic[] = []
  let release: (() => void) | undefined
  try {
    for (const wanted of request.topicData) {
      const { topic, refusal } = topicOf(wanted, request, context)
      const results: Promise<Result>[] = []
      for (const one of wanted.partitionData) {
        const turn = turns.next()
        if (turn !== undefined) {
          release ??= context.origin.hold()
          await turn
        }
        const result = turns.spend(async () =>
          topic === undefined || refusal !== ERROR_CODE.NONE ? refused(one.index, refusal) : await produceTo(topic, one, request, context),
        )
        // It may fail while others are still to begin.
        result.catch(() => undefined)
        results.push(result)
      }
      begun.push({ wanted, topic, results })
    }
  } finally {
    release?.()
  }
  return begun
}

function topicOf(
  { name, topicId }: Request['topicData'][number],
  request: Request,
  context: RequestContext,
): { readonly topic: Topic | undefined; readonly refusal: number } {
  const { topics } = context.broker
  const byId = context.version >= TOPIC_ID_SINCE_VERSION
  const topic = byId ? topics.withId(topicId) : topics.named(name)
  return { topic, refusal: topicRefusal(topic, name, byId, request, context) }
}

async function answerOf(
  { wanted: { name, topicId }, topic, results }: BegunTopic,
  { broker: { metrics } }: RequestContext,
): Promise<ApiResponseToSend<'Produce'>['responses'][number]> {
  const partitionResponses = await Promise.all(results)
  if (topic !== undefined) metrics.produceAnswered(topic.name, partitionResponses)
  return { name, topicId, partitionResponses }
}

/** Why nothing may be produced to a topic; `NONE` if it may. */
function topicRefusal(
  topic: Topic | undefined,
  nameAsked: string,
  byId: boolean,
  { acks, transactionalId }: Request,
  { allows, client }: RequestContext,
): number {
  if (acks < -1 || acks > 1) return ERROR_CODE.INVALID_REQUIRED_ACKS
  if (transactionalId !== null && !allows('Write', 'TransactionalId', transactionalId))
    return ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  if (topic === undefined && byId) return ERROR_CODE.UNKNOWN_TOPIC_ID
  const name = topic?.name ?? nameAsked
  if (!allows('Write', 'Topic', name)) return ERROR_CODE.TOPIC_AUTHORIZATION_FAILED
  if (topic === undefined) return ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
  if (isInternalTopic(name) && client.id !== ADMIN_CLIENT_ID) return ERROR_CODE.INVALID_TOPIC_EXCEPTION
  return ERROR_CODE.NONE
}

async function produceTo(
  topic: Topic,
  { index, records }: Wanted,
  { acks, transactionalId }: Request,
  context: RequestContext,
): Promise<Result> {
  const partition = topic.partitions[index]
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
  const { batch } = produced
  if (batch.isTransactional && transactionalId === null) return refused(index, ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  try {
    const bytes = bytesToAppend(produced, topic)
    const result =
      batch.isTransactional && transactionalId !== null
        ? await produceTransactionally({ transactionalId, topic: topic.name, partition, batch, bytes }, context)
        : await partition.append(bytes)
    if (typeof result === 'number') return refused(index, result)
    if (!result.isDuplicate) context.broker.metrics.produced(topic.name, bytes.length, result.lastOffset - result.firstOffset + 1)
    return accepted(index, result, topic)
  } catch (error) {
    return refused(index, errorCodeOf(error))
  }
}

/** The batch as it is to be stored. What was decompressed goes at once: a request may have many batches, each a thousand times as large as it came. */
function bytesToAppend(produced: ProducedBatch, { config }: Topic): Uint8Array {
  const { batch, compression, records, timestampType, maxTimestamp } = produced
  const isAsSent = config.compression === undefined || config.compression === compression
  const stored = isAsSent ? batch : recompress(batch, records, config.compression, config.compressionLevel)
  if (compression !== 'none') discardBytes(records)
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
