/**
 * How long checkpoints take in a job whose sink is ten times too slow, once all that lies between source and sink is full: aligned, unaligned, and unaligned after an
 * aligned timeout. What has not completed when the time is up counts as longer than that.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable, runJob, type EngineOptionInput } from '@millrace/engine'

export interface SlowSinkPlan {
  readonly sinkMs: number
  readonly parallelism: number
  /** Until everything is full. */
  readonly fillMs: number
  /** Checkpoints are taken for so long, at the most. */
  readonly measureMs: number
  /** It ends with the first checkpoint that completes after the fill. */
  readonly untilFirst?: boolean
  readonly intervalMs: number
  readonly checkpointing: EngineOptionInput['checkpointing']
}

export interface SlowSinkOutcome {
  /** Of the checkpoints that completed after the fill. */
  readonly durationsMs: readonly number[]
  readonly inFlightBytes: readonly number[]
  /** The one that had not: so long it had been under way at the end, at least. */
  readonly unfinishedMs: number | undefined
}

const LOOK_MS = 200

/** Runs the job, then cancels it. */
export async function measureSlowSink(plan: SlowSinkPlan): Promise<SlowSinkOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-slow-sink-'))
  try {
    const completed: { readonly triggeredMs: number; readonly durationMs: number }[] = []
    const started = Promise.withResolvers<void>()
    const running = runJob({
      modulePath: join(import.meta.dirname, 'slow-sink-job.ts'),
      restore: 'none',
      params: { sinkMs: String(plan.sinkMs), parallelism: String(plan.parallelism) },
      settings: resolveOptions(engineOptionTable, {
        code: {
          parallelism: plan.parallelism,
          stateDir: join(folder, 'state'),
          checkpointing: { interval: plan.intervalMs, ...plan.checkpointing },
          restart: { strategy: 'none' },
        },
      }),
      onEvent: (event) => {
        if (event.kind === 'started' || event.kind === 'ended') started.resolve()
        if (event.kind === 'checkpoint-completed')
          completed.push({ triggeredMs: event.timeMs - event.durationMs, durationMs: event.durationMs })
      },
    })
    await started.promise
    const startedMs = nowMs()
    const filled = startedMs + plan.fillMs
    const isAfter = ({ triggeredMs }: { readonly triggeredMs: number }): boolean => triggeredMs >= filled
    await sleep(plan.fillMs)
    while (nowMs() < filled + plan.measureMs && !(plan.untilFirst === true && completed.some(isAfter))) await sleep(LOOK_MS)
    const { history, counts } = running.checkpoints()
    const endMs = nowMs()
    await running.cancel()
    const result = await running.done
    if (result.state === 'failed') throw result.failure.error
    const after = completed.filter(isAfter)
    // The newest of them alone.
    const inHistory = history.filter((entry) => entry.outcome.kind === 'completed' && isAfter(entry))
    const lastMs = Math.max(filled, startedMs + plan.intervalMs, ...history.map(({ triggeredMs, durationMs }) => triggeredMs + durationMs))
    return {
      durationsMs: after.map(({ durationMs }) => durationMs),
      inFlightBytes: inHistory.map(({ subtasks }) => subtasks.reduce((sum, subtask) => sum + subtask.inFlightBytes, 0)),
      unfinishedMs: counts.inProgress > 0 ? endMs - lastMs : undefined,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}
