import type { Clock } from '@millrace/core'
import type { ConnectorMetrics } from '../../connectors/source.ts'
import type { StateStatistics } from '../../state/state-types.ts'

/** For so long figures are not asked for again: all of one report are of one look. */
const FRESH_MS = 100

/**
 * Figures of an operator's keyed state. They are what the state counts anyway, and sums over its key groups: no row is looked at, and they are taken with the
 * regular report of a slot, however often somebody asks for metrics.
 */
export function measureState(state: { statistics(): StateStatistics }, metrics: ConnectorMetrics, clock: Pick<Clock, 'monotonic'>): void {
  let latest: StateStatistics | undefined
  let lookedMs = 0
  const look = (): StateStatistics => {
    const nowMs = clock.monotonic()
    if (latest === undefined || nowMs - lookedMs > FRESH_MS) {
      latest = state.statistics()
      lookedMs = nowMs
    }
    return latest
  }
  metrics.gauge('state_rows', () => look().rows, {})
  metrics.gauge('state_estimated_bytes', () => look().estimatedBytes, {})
  metrics.gauge('state_timers', () => look().eventTimers, { time: 'event' })
  metrics.gauge('state_timers', () => look().processingTimers, { time: 'processing' })
}
