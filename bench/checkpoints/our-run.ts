/** One job of ours that checkpoints are taken of in every second window, and what it says. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable, runJob } from '@millrace/engine'
import { median } from '../statistics.ts'
import type { Backend } from '../peers/engine-run.ts'
import type { Diary } from './source.ts'
import { lostShare, pausesOf, windowsOf, type Pauses, type Window } from './windows.ts'
import { WrittenBytesLog } from './written-bytes.ts'

export interface CheckpointPlan {
  readonly backend: Backend
  readonly keys: number
  /** Share of the keys that are touched between two checkpoints. */
  readonly dirtyShare: number
  readonly parallelism: number
  readonly checkpoints: number
  readonly windowMs: number
  readonly warmUpMs: number
}

export interface OurRun {
  readonly checkpoints: number
  readonly checkpointsBeyondTheirWindow: number
  readonly recordsPerSecond: number
  readonly lostShare: number
  readonly lostShareLow: number
  readonly lostShareHigh: number
  /** Median, of the measured time. */
  readonly durationMs: number
  readonly longestDurationMs: number
  readonly pausesWith: Pauses
  readonly pausesWithout: Pauses
  readonly dirtyRows: number
  readonly deltaBytes: number
  readonly rollingFullBytes: number
  readonly databaseBytes: number
  readonly fullBytes: number
  readonly deltaShareOfFull: number
}

/** With its windows, to be pooled with those of other runs. */
export interface MeasuredRun {
  readonly summary: OurRun
  readonly windows: readonly Window[]
}

/** Windows at the ends that have no neighbour, and time for the last checkpoint. */
const WINDOWS_MORE = 4

/** From when every key is there. */
export function measuredMs({ checkpoints, windowMs }: CheckpointPlan): number {
  return (2 * checkpoints + WINDOWS_MORE) * windowMs
}

interface Outcome {
  readonly diaries: readonly Diary[]
  readonly written: WrittenBytesLog
  readonly durations: readonly { readonly atMs: number; readonly durationMs: number }[]
}

export async function runOurs(plan: CheckpointPlan): Promise<MeasuredRun> {
  return summarize(plan, await run(plan))
}

async function run(plan: CheckpointPlan): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const written = new WrittenBytesLog()
  const durations: { readonly atMs: number; readonly durationMs: number }[] = []
  try {
    const running = runJob({
      modulePath: join(import.meta.dirname, 'job.ts'),
      restore: 'none',
      params: {
        keys: String(plan.keys),
        dirtyShare: String(plan.dirtyShare),
        durationMs: String(plan.warmUpMs + measuredMs(plan)),
        reports: folder,
      },
      settings: resolveOptions(engineOptionTable, {
        code: {
          parallelism: plan.parallelism,
          stateDir: join(folder, 'state'),
          state: { backend: plan.backend },
          checkpointing: { interval: 2 * plan.windowMs },
          restart: { strategy: 'none' },
        },
      }),
      onEvent: (event) => {
        if (event.kind === 'checkpoint-completed' && !event.final) {
          written.add(event.checkpoint.path!)
          durations.push({ atMs: event.timeMs, durationMs: event.durationMs })
        }
        if (event.kind === 'checkpoint-failed') process.stderr.write(`a checkpoint failed: ${event.error.message}\n`)
      },
    })
    const result = await running.done
    if (result.state === 'failed') throw result.failure.error
    const names = readdirSync(folder).filter((name) => name.startsWith('diary-'))
    return { diaries: names.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Diary), written, durations }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function summarize({ windowMs, warmUpMs }: CheckpointPlan, { diaries, written, durations }: Outcome): MeasuredRun {
  const startMs = Math.max(...diaries.map(({ filledMs }) => filledMs)) + warmUpMs
  const windows = windowsOf(diaries, windowMs, startMs)
  if (windows.length === 0) throw new Error('no window was measured: ask for more checkpoints, or longer windows')
  const { share, interval } = lostShare(windows)
  const isWith = (atMs: number): boolean => windows.some(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs)
  const measuredToMs = windows.at(-1)!.toMs + windowMs
  const isWithout = (atMs: number): boolean => atMs >= startMs && atMs < measuredToMs && !isWith(atMs)
  // Those of the measured time: the first ones hold all keys, whatever is dirty.
  const checkpoints = written.checkpoints.slice(-windows.length)
  const taken = durations.filter(({ atMs, durationMs }) => atMs - durationMs >= startMs).map(({ durationMs }) => durationMs)
  const deltaBytes = median(checkpoints.map((checkpoint) => checkpoint.deltaBytes))
  const summary = {
    checkpoints: windows.length,
    checkpointsBeyondTheirWindow: windows.filter(({ isContained }) => !isContained).length,
    recordsPerSecond: median(windows.map(({ withoutRate }) => withoutRate)),
    lostShare: share,
    lostShareLow: interval.low,
    lostShareHigh: interval.high,
    durationMs: median(taken),
    longestDurationMs: Math.max(...taken),
    pausesWith: pausesOf(diaries, isWith),
    pausesWithout: pausesOf(diaries, isWithout),
    dirtyRows: median(checkpoints.map((checkpoint) => checkpoint.deltaRows)),
    deltaBytes,
    rollingFullBytes: median(checkpoints.map((checkpoint) => checkpoint.fullBytes)),
    databaseBytes: median(checkpoints.map((checkpoint) => checkpoint.databaseBytes)),
    fullBytes: written.fullBytes,
    deltaShareOfFull: written.fullBytes === 0 ? 0 : deltaBytes / written.fullBytes,
  }
  return { summary, windows }
}
