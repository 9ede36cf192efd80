/** What is said of records whose time has run out. */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, errorCode } from '../../protocol/index.ts'
import { clientError } from '../errors.ts'
import type { ClusterView } from '../metadata/cluster-view.ts'
import type { PendingBatch } from './pending-batch.ts'

/** Of a batch: whether it may be in the log all the same, and what kept it. */
export function lateBatch(batch: PendingBatch, view: ClusterView, timeoutMs: number): MillraceError {
  const { topic, partition, recordCount: count, lastError } = batch
  const certainty = batch.isUncertain ? 'they may be in the log' : 'they are not in the log'
  const problem = lastError?.message ?? problemOf(view, topic, partition)
  return clientError('CLIENT_DELIVERY_TIMEOUT', { topic, partition, count, timeoutMs, certainty, problem }, lastError)
}

/** Of records whose topic never became known. */
export function lateTopic(topic: string, count: number, view: ClusterView, timeoutMs: number): MillraceError {
  const { errorCode: code } = view.problem(topic) ?? { errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION }
  const certainty = 'they are not in the log'
  return clientError('CLIENT_DELIVERY_TIMEOUT', { topic, partition: '?', count, timeoutMs, certainty, problem: errorCode(code).name })
}

function problemOf(view: ClusterView, topic: string, partition: number): string {
  const count = view.topic(topic)?.partitions.length ?? 0
  if (partition >= count) return `the topic has ${count} ${count === 1 ? 'partition' : 'partitions'}`
  return view.leaderOf(topic, partition) === undefined
    ? 'the partition has no leader that answers'
    : 'others were sent before them, for more is written than its broker takes'
}
