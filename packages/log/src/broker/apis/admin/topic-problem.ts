/** What is wrong with a topic, in the protocol. */
import type { TopicProblemKind } from '../../../controller/index.ts'
import { ERROR_CODE } from '../../../protocol/index.ts'

const CODES: { readonly [K in TopicProblemKind]: number } = {
  exists: ERROR_CODE.TOPIC_ALREADY_EXISTS,
  name: ERROR_CODE.INVALID_TOPIC_EXCEPTION,
  partitions: ERROR_CODE.INVALID_PARTITIONS,
  replication: ERROR_CODE.INVALID_REPLICATION_FACTOR,
  assignment: ERROR_CODE.INVALID_REPLICA_ASSIGNMENT,
  config: ERROR_CODE.INVALID_CONFIG,
  policy: ERROR_CODE.POLICY_VIOLATION,
  request: ERROR_CODE.INVALID_REQUEST,
  unknown: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION,
}

export function topicProblemCode(kind: TopicProblemKind): number {
  return CODES[kind]
}
