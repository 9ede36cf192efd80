/** What is said of event time that stands still. */
import { formatDuration } from '@millrace/core'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import { STALLED_MS } from '../source/stalled-time.ts'
import type { Task } from '../task/task.ts'

const ADVICE = "Give the source's watermarks idleAfter, as in watermarks.monotonous(…, { idleAfter: '1m' })"

/** To be asked about once a second; undefined: there is nothing to tell. */
export function stalledText(plan: ExecutionPlan, task: Task, nowMs: number): string | undefined {
  const { task: id, subtask } = task.parts
  const { name, parallelism, operators } = plan.tasks[id]!
  const head = plan.graph.operators[operators[0]!]!
  const stalledSplit = task.source?.head.stalledFor(nowMs)
  if (stalledSplit !== undefined) {
    const { input, watermark, ahead } = stalledSplit
    return `${named(head.name, head.stateId)}, subtask ${subtask}: ${stands(watermark)} for split ${input}, while others are at ${at(ahead)}. ${ADVICE}`
  }
  const stalled = task.stalledFor(nowMs)
  if (stalled === undefined) return undefined
  const { input, watermark, ahead } = stalled
  // All subtasks that it writes to wait for it: one of them says so.
  if (input.origin !== undefined && input.origin.subtask % parallelism !== subtask) return undefined
  const from = input.origin === undefined ? '' : `, which begins with ${named('operator', input.origin.stateId)}`
  return `${name}, subtask ${subtask}: ${stands(watermark)} for ${input.label}${from}, at input ${input.input}, while others are at ${at(ahead)}. ${ADVICE}`
}

function named(name: string, uid: string): string {
  return name === uid ? `"${uid}"` : `${name} "${uid}"`
}

function stands(watermark: number): string {
  const where = watermark === -Infinity ? 'has not begun' : `has stood still at ${at(watermark)}`
  return `event time ${where} for ${formatDuration(STALLED_MS)} and waits`
}

function at(watermark: number): string {
  const date = new Date(watermark)
  return Number.isNaN(date.getTime()) ? String(watermark) : date.toISOString()
}
