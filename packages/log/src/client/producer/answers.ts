import { ERROR_CODE, errorCode } from '../../protocol/index.ts'
import type { BatchOutcome } from './partition-queue.ts'

export interface BatchFacts {
  readonly isOldest: boolean
  readonly idempotent: boolean
  readonly transactional: boolean
  readonly recordCount: number
}

/** What a broker's answer means for a batch. */
export function outcomeOf(code: number, facts: BatchFacts): BatchOutcome {
  switch (code) {
    case ERROR_CODE.NONE:
    // Older than what the broker remembers of this producer, and in the log.
    case ERROR_CODE.DUPLICATE_SEQUENCE_NUMBER:
      return 'acknowledged'
    case ERROR_CODE.MESSAGE_TOO_LARGE:
      return facts.recordCount > 1 ? 'split' : 'failed'
    case ERROR_CODE.OUT_OF_ORDER_SEQUENCE_NUMBER:
    case ERROR_CODE.UNKNOWN_PRODUCER_ID:
      return missingSequence(facts)
    case ERROR_CODE.INVALID_PRODUCER_EPOCH:
      return facts.idempotent && !facts.transactional ? 'missing-sequence' : 'failed'
    default:
      return errorCode(code).retriable ? 'retry' : 'failed'
  }
}

/** Behind a batch that is to be repeated it is no surprise. In a transaction it means that records of it are lost. */
function missingSequence({ idempotent, transactional, isOldest }: BatchFacts): BatchOutcome {
  if (!idempotent) return 'failed'
  if (!isOldest) return 'retry'
  return transactional ? 'failed' : 'missing-sequence'
}

/** Whether the batch may be in the log although the answer is an error. */
export function isUncertain(code: number): boolean {
  return code === ERROR_CODE.REQUEST_TIMED_OUT || code === ERROR_CODE.NOT_ENOUGH_REPLICAS_AFTER_APPEND
}

const LEADER_CHANGES: ReadonlySet<number> = new Set([
  ERROR_CODE.NOT_LEADER_OR_FOLLOWER,
  ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION,
  ERROR_CODE.UNKNOWN_TOPIC_ID,
  ERROR_CODE.INCONSISTENT_TOPIC_ID,
  ERROR_CODE.LEADER_NOT_AVAILABLE,
  ERROR_CODE.REPLICA_NOT_AVAILABLE,
  ERROR_CODE.KAFKA_STORAGE_ERROR,
  ERROR_CODE.FENCED_LEADER_EPOCH,
  ERROR_CODE.UNKNOWN_LEADER_EPOCH,
  ERROR_CODE.LISTENER_NOT_FOUND,
  ERROR_CODE.NETWORK_EXCEPTION,
])

/** Whether an answer says that what is known of the partition's leader is wrong. */
export function isAboutLeader(code: number): boolean {
  return LEADER_CHANGES.has(code)
}
