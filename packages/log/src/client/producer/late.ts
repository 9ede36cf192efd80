/** What is said of records whose time has run out. */
import type { MillraceError } from '@millrace/core'
import { clientError } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import type { ClusterView } from '../metadata/cluster-view.ts'
import type { PendingBatch } from './pending-batch.ts'

/** Of a batch: whether it may be in the log all the same, and what kept it. */
export function lateBatch(batch: PendingBatch, view: ClusterView, timeoutMs: number): MillraceError {
  const { topic, partition, recordCount: count, lastError } = batch
  const certainty = batch.isUncertain ? 'they may be in the log' : 'they are not in the log'
  const problem = lastError === undefined ? problemOf(view, topic, partition) : lastError.message + hintOf(lastError)
  const place = `${topic}-${partition}`
  return clientError('CLIENT_DELIVERY_TIMEOUT', { topic, partition, place, count, timeoutMs, certainty, problem }, lastError)
}

/** Of records whose topic never became known. */
export function lateTopic(
  topic: string,
  count: number,
  cluster: Pick<Cluster, 'view' | 'refreshProblem'>,
  timeoutMs: number,
): MillraceError {
  const certainty = 'they are not in the log'
  const { refreshProblem: cause } = cluster
  const problem = cause?.message ?? cluster.view.topicProblem(topic)
  return clientError(
    'CLIENT_DELIVERY_TIMEOUT',
    { topic, partition: '?', place: `topic ${topic}`, count, timeoutMs, certainty, problem },
    cause,
  )
}

function problemOf(view: ClusterView, topic: string, partition: number): string {
  return view.leaderOf(topic, partition) === undefined
    ? view.leaderProblem(topic, partition)
    : 'others were sent before them, for more is written than its broker takes'
}

/** A broker that takes connections and ends them in the middle of a request says nothing of why. */
function hintOf(error: Error): string {
  return (error as Partial<MillraceError>).code === 'CLIENT_DISCONNECTED'
    ? ' (does its socket.request.max.bytes allow such a request?)'
    : ''
}
