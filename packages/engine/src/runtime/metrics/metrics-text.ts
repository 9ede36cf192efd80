import { prometheusText, type MetricLabels, type MetricSnapshot } from '@millrace/core'
import type { JobMetrics, RegionMetrics, SubtaskMetrics } from '../job-types.ts'

const perSubtask: readonly {
  readonly kind: 'counter' | 'gauge'
  readonly name: string
  readonly help: string
  readonly read: (subtask: SubtaskMetrics) => number | undefined
}[] = [
  {
    kind: 'counter',
    name: 'task_records_in',
    help: 'Records that entered the task since it started',
    read: (subtask) => subtask.numRecordsIn,
  },
  {
    kind: 'counter',
    name: 'task_records_out',
    help: 'Records that left the task since it started',
    read: (subtask) => subtask.numRecordsOut,
  },
  {
    kind: 'counter',
    name: 'task_bytes_in',
    help: 'Bytes of records that came from other threads since it started',
    read: (subtask) => subtask.numBytesIn,
  },
  {
    kind: 'counter',
    name: 'task_bytes_out',
    help: 'Bytes of records that went to other threads since it started',
    read: (subtask) => subtask.numBytesOut,
  },
  { kind: 'gauge', name: 'task_busy_ratio', help: 'Share of the last second spent at work', read: (subtask) => subtask.busyRatio },
  {
    kind: 'gauge',
    name: 'task_back_pressured_ratio',
    help: 'Share of the last second spent waiting for a slower task',
    read: (subtask) => subtask.backPressuredRatio,
  },
  {
    kind: 'gauge',
    name: 'task_idle_ratio',
    help: 'Share of the last second spent waiting for input',
    read: (subtask) => subtask.idleRatio,
  },
  { kind: 'gauge', name: 'task_watermark_ms', help: 'Event time, milliseconds since 1970', read: (subtask) => subtask.watermarkMs },
  {
    kind: 'gauge',
    name: 'source_emit_event_time_lag_ms',
    help: 'Wall clock minus event time of a record as the source emitted it',
    read: (subtask) => subtask.emitLagMs,
  },
]

/**
 * The figures of a running job as Prometheus text, version 0.0.4, as `millrace run --metrics-port` serves them: for a program that serves pages of its own.
 * A function's own metrics are in it too.
 */
export function metricsText(metrics: JobMetrics): string {
  return prometheusText(jobSnapshots(metrics), 'millrace_')
}

function jobSnapshots(metrics: JobMetrics): readonly MetricSnapshot[] {
  const tasks = metrics.tasks.flatMap((task) =>
    task.subtasks.flatMap((subtask) => {
      const labels = { task: task.name, task_id: String(task.id), subtask: String(subtask.subtask) }
      return perSubtask.flatMap(({ kind, name, help, read }) => one(kind, name, help, read(subtask), labels))
    }),
  )
  const { completed, failed, inProgress, committing, last } = metrics.checkpoints
  return [
    ...one('gauge', 'job_uptime_ms', 'Since the last start or restart; 0 while the job is down', metrics.uptimeMs),
    ...one('gauge', 'job_downtime_ms', 'Since the failure that the job has not come back from', metrics.downtimeMs),
    ...one('counter', 'job_restarts', 'Restarts after failures', metrics.restarts),
    ...metrics.regions.flatMap((region) => regionSnapshots(region)),
    ...one('counter', 'checkpoints_completed', 'Checkpoints completed', completed),
    ...one('counter', 'checkpoints_failed', 'Checkpoints that failed or were abandoned', failed),
    ...one('gauge', 'checkpoints_in_progress', 'Checkpoints under way', inProgress),
    ...one('gauge', 'checkpoints_committing', 'Completed checkpoints whose sinks are still committing', committing),
    ...one('gauge', 'checkpoint_last_id', 'The newest completed checkpoint', last?.id),
    ...one('gauge', 'checkpoint_last_age_ms', 'Since the newest checkpoint was completed', last?.ageMs),
    ...one('gauge', 'checkpoint_last_duration_ms', 'From its trigger to its completion', last?.durationMs),
    ...one('gauge', 'checkpoint_last_size_bytes', 'Bytes that it wrote', last?.sizeBytes),
    ...one('gauge', 'checkpoint_last_full_size_bytes', 'Bytes that a restore of it reads', last?.stateBytes),
    ...one('gauge', 'checkpoint_last_start_delay_ms', 'From its trigger to the first barrier, where that took longest', last?.startDelayMs),
    ...one('gauge', 'checkpoint_last_alignment_ms', 'From the first barrier to the last, where that took longest', last?.alignmentMs),
    ...tasks,
    ...metrics.user,
  ]
}

/** Only of jobs with more than one: a job with one restarts as a whole. */
function regionSnapshots({ id, of, restarts, state }: RegionMetrics): readonly MetricSnapshot[] {
  if (of === 1) return []
  const labels = { region: String(id) }
  return [
    ...one('counter', 'job_region_restarts', 'Restarts of the region while the others went on', restarts, labels),
    ...one('gauge', 'job_region_running', '1, or 0 while the region starts again', state === 'running' ? 1 : 0, labels),
  ]
}

function one(
  kind: 'counter' | 'gauge',
  name: string,
  help: string,
  value: number | undefined,
  labels: MetricLabels = {},
): readonly MetricSnapshot[] {
  return value === undefined ? [] : [{ kind, name, help, labels, value }]
}
