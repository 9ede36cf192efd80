/** DeleteRecords 0 to 2: what lies below an offset is gone; -1 is the high watermark. */
import { isInternalTopic } from '../../../controller/index.ts'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'

type Wanted = ApiRequest<'DeleteRecords'>['topics'][number]['partitions'][number]
type Result = ApiResponseToSend<'DeleteRecords'>['topics'][number]['partitions'][number]

const HIGH_WATERMARK = -1
const NO_LOW_WATERMARK = -1

export const deleteRecords: ApiHandler<'DeleteRecords'> = {
  name: 'DeleteRecords',
  async handle({ topics }, context) {
    const results = topics.map(async ({ name, partitions }) => ({
      name,
      partitions: await Promise.all(partitions.map((wanted) => remove(name, wanted, context))),
    }))
    return { throttleTimeMs: 0, topics: await Promise.all(results) }
  },
}

async function remove(topic: string, { partitionIndex, offset }: Wanted, { broker, allows }: RequestContext): Promise<Result> {
  const refused = (errorCode: number): Result => ({ partitionIndex, lowWatermark: NO_LOW_WATERMARK, errorCode })
  if (!allows('Delete', 'Topic', topic)) return refused(ERROR_CODE.TOPIC_AUTHORIZATION_FAILED)
  const found = broker.topics.named(topic)
  const partition = found?.partitions[partitionIndex]
  if (found === undefined || partition === undefined) return refused(ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  if (isInternalTopic(topic)) return refused(ERROR_CODE.INVALID_TOPIC_EXCEPTION)
  if (!found.config.log.cleanupDelete) return refused(ERROR_CODE.POLICY_VIOLATION)
  if (offset < HIGH_WATERMARK) return refused(ERROR_CODE.OFFSET_OUT_OF_RANGE)
  try {
    await partition.deleteRecordsBefore(offset === HIGH_WATERMARK ? partition.log.highWatermark : offset)
    return { partitionIndex, lowWatermark: partition.log.logStartOffset, errorCode: ERROR_CODE.NONE }
  } catch (error) {
    return refused(errorCodeOf(error))
  }
}
