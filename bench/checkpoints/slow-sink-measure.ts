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
  /** Checkpoints are taken for so long. */
  readonly measureMs: number
  readonly intervalMs: number
  readonly checkpointing: EngineOptionInput['checkpointing']
}

export interface SlowSinkOutcome {
  /** Of the checkpoints that completed after the fill. */
  readonly durationsMs: readonly number[]
  readonly inFlightBytes: readonly number[]
  /** The oldest that had not: so long it had been under way at the end. */
  readonly unfinishedMs: number | undefined
}

/** Runs the job, then cancels it. */
export async function measureSlowSink(plan: SlowSinkPlan): Promise<SlowSinkOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-slow-sink-'))
  try {
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
      },
    })
    await started.promise
    const filled = performance.timeOrigin + performance.now() + plan.fillMs
    await sleep(plan.fillMs + plan.measureMs)
    const { history, counts } = running.checkpoints()
    const endMs = performance.timeOrigin + performance.now()
    await running.cancel()
    const result = await running.done
    if (result.state === 'failed') throw result.failure.error
    const after = history.filter(({ triggeredMs, outcome }) => outcome.kind === 'completed' && triggeredMs >= filled)
    const lastMs = Math.max(filled, ...history.map(({ triggeredMs, durationMs }) => triggeredMs + durationMs))
    return {
      durationsMs: after.map(({ durationMs }) => durationMs),
      inFlightBytes: after.map(({ subtasks }) => subtasks.reduce((sum, subtask) => sum + subtask.inFlightBytes, 0)),
      unfinishedMs: counts.inProgress > 0 ? endMs - lastMs : undefined,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
