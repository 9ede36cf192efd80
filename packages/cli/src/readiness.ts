import type { CheckpointHistory, JobMetrics } from '@millrace/engine'

/** What ends a checkpoint without saying anything about the next one. */
const NO_FAILURES: ReadonlySet<string> = new Set(['subsumed', 'task-failed', 'closed', 'stopping', 'not-ready'])

/** Why a job is not doing what it is there for; undefined: it is. */
export function unreadiness(metrics: JobMetrics, checkpoints: CheckpointHistory, tolerableFailures: number): string | undefined {
  if (metrics.state !== 'running') return `the job is ${metrics.state}`
  const down = metrics.regions.filter(({ state }) => state !== 'running')
  if (down.length > 0) return `region ${down.map(({ id }) => id).join(', ')} of the job is restarting`
  const { count, reason } = failuresInRow(checkpoints)
  if (count > tolerableFailures) return `no checkpoint was completed since ${count} failed, the last: ${reason}`
  return undefined
}

/** Of the few checkpoints that are remembered, savepoints left out. */
function failuresInRow({ history }: CheckpointHistory): { readonly count: number; readonly reason: string } {
  let count = 0
  let reason = ''
  for (const { kind, outcome } of history.toReversed()) {
    if (kind === 'savepoint') continue
    if (outcome.kind === 'completed') break
    if (NO_FAILURES.has(outcome.reason)) continue
    count++
    if (count === 1) reason = outcome.error === undefined ? outcome.reason : `${outcome.reason}: ${outcome.error}`
  }
  return { count, reason }
}
