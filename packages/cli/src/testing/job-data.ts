import { resolveOptions } from '@millrace/core'
import {
  collection,
  defineJob,
  buildJob,
  planJob,
  print,
  type JobEvent,
  type JobMetrics,
  type JobResult,
  type TaskMetrics,
} from '@millrace/engine'
import { engineOptionTable } from '@millrace/engine/options'

/** A task of which each subtask has done `records` and was busy as given. */
export function taskMetrics(
  name: string,
  id: number,
  records: readonly number[],
  more: Partial<TaskMetrics['subtasks'][number]> = {},
): TaskMetrics {
  const subtasks = records.map((count, subtask) => ({
    subtask,
    numRecordsIn: count,
    numRecordsOut: 2 * count,
    numBytesIn: 0,
    numBytesOut: 0,
    busyRatio: 0.5,
    backPressuredRatio: 0.25,
    idleRatio: 0.25,
    watermarkMs: undefined,
    ...more,
  }))
  return { id, name, isSource: id === 0, subtasks }
}

export function jobMetrics(more: Partial<JobMetrics> = {}): JobMetrics {
  return {
    timeMs: 0,
    state: 'running',
    uptimeMs: 0,
    downtimeMs: 0,
    restarts: 0,
    regions: [],
    tasks: [],
    checkpoints: { completed: 0, failed: 0, inProgress: 0, committing: 0, last: undefined },
    user: [],
    hotKeys: [],
    ...more,
  }
}

/** The event of a job that prints what it is given. */
export function startedEvent(): Extract<JobEvent, { readonly kind: 'started' }> {
  const job = defineJob('words', (env) => env.fromSource(collection(['a'])).sinkTo(print()))
  const settings = resolveOptions(engineOptionTable, {})
  const plan = planJob(buildJob(job).graph, { parallelism: 1 })
  return { kind: 'started', timeMs: 0, jobName: 'words', attempt: 1, plan, settings, restored: undefined }
}

export const finished: JobResult = { state: 'finished', jobName: 'words', durationMs: 1_500, restarts: 0, lastCheckpoint: undefined }

export function failedWith(error: Error): JobResult {
  const failure = {
    error,
    operator: 'parse',
    subtask: 2,
    position: 'access.log:8812',
    givenUp: '3 failures within 5m',
    capsule: { path: '/c/1.test.ts', command: 'node --inspect-brk /c/1.test.ts' },
  }
  return { state: 'failed', jobName: 'words', durationMs: 1_500, restarts: 3, lastCheckpoint: { id: 4, path: '/s/chk-4' }, failure }
}
