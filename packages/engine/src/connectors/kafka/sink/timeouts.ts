/** How long a transaction must be able to stay open. Pure. */
import { formatDuration } from '@millrace/core'
import { engineError } from '../../../errors.ts'

export interface TransactionTimes {
  readonly transactionTimeoutMs: number
  /** Undefined: only at the end and when asked for. */
  readonly checkpointIntervalMs: number | undefined
  readonly checkpointTimeoutMs: number
  readonly toleratedDowntimeMs: number
}

/**
 * A transaction opens with the first record after a checkpoint, and is committed when the next one is complete; in between the job may be
 * down. If the coordinator aborts it before, its records are lost. @throws `KAFKA_SINK_TIMEOUT_TOO_SHORT`
 */
export function checkTransactionTimes(times: TransactionTimes): void {
  const { transactionTimeoutMs, checkpointIntervalMs = 0, checkpointTimeoutMs, toleratedDowntimeMs } = times
  const neededMs = checkpointIntervalMs + checkpointTimeoutMs + toleratedDowntimeMs
  if (transactionTimeoutMs >= neededMs) return
  throw engineError('KAFKA_SINK_TIMEOUT_TOO_SHORT', {
    timeout: formatDuration(transactionTimeoutMs),
    needed: formatDuration(neededMs),
    interval: formatDuration(checkpointIntervalMs),
    checkpointTimeout: formatDuration(checkpointTimeoutMs),
    downtime: formatDuration(toleratedDowntimeMs),
  })
}
