import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { MetricSnapshot } from '@millrace/core'
import { gaugeSnapshot } from './snapshots.ts'

const NANOSECONDS_PER_MS = 1e6
const RESOLUTION_MS = 10
const QUANTILES = [0.5, 0.99, 0.999] as const

export interface EventLoopDelay {
  /** Since the last look. */
  snapshot(): MetricSnapshot[]
  stop(): void
}

/** Measures by how much the event loop comes late: the longest that anything in this process makes a request wait. It keeps no process alive. */
export function watchEventLoop(): EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return {
    snapshot() {
      // It counts from one tick to the next, the resolution included.
      const lateMs = (nanoseconds: number): number => Math.max(0, nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS)
      const name = 'millrace_event_loop_delay_ms'
      const help = 'By how much the event loop came late since the metrics were last read.'
      const values = QUANTILES.map((quantile) =>
        gaugeSnapshot(name, help, lateMs(histogram.percentile(quantile * 100)), { quantile: String(quantile) }),
      )
      const largest = gaugeSnapshot(name, help, lateMs(histogram.max), { quantile: '1' })
      histogram.reset()
      return [...values, largest]
    },
    stop: () => histogram.disable(),
  }
}
