/** The same work by Flink: its checkpoints' durations, once every key is there and the code is warm. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { median } from '../statistics.ts'
import { measuredMs, type CheckpointPlan } from './our-run.ts'

export interface FlinkRun {
  readonly checkpoints: number
  readonly recordsPerSecond: number
  readonly durationMs: number
  readonly longestDurationMs: number
}

const script = join(import.meta.dirname, '../peers/flink/run.sh')
const HEAP = '-XX:+UseParallelGC -Xms4g -Xmx4g'
/** For the start, the filling, and what a busy machine takes. */
const PATIENCE_MS = 300_000

export async function buildFlink(): Promise<void> {
  await promisify(execFile)(script, ['build'])
}

export async function runFlink(plan: CheckpointPlan): Promise<FlinkRun> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const flags = {
    keys: plan.keys,
    dirty: plan.dirtyShare,
    parallelism: plan.parallelism,
    backend: plan.backend,
    'checkpoint-ms': 2 * plan.windowMs,
    'warm-up-ms': plan.warmUpMs,
    'duration-ms': measuredMs(plan),
    checksum: 'off',
    repeat: 1,
  }
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
  try {
    const { stdout } = await promisify(execFile)(script, ['dirty', ...words], {
      env: { ...process.env, JAVA_OPTS: `${HEAP} -Djava.io.tmpdir=${folder}` },
      timeout: plan.warmUpMs + measuredMs(plan) + PATIENCE_MS,
      killSignal: 'SIGKILL',
    })
    const line = stdout.split('\n').find((text) => text.startsWith('{'))
    if (line === undefined) throw new Error(`Flink has not said anything: ${stdout}`)
    const { recordsPerSecond, checkpointDurationsMs } = JSON.parse(line) as {
      readonly recordsPerSecond: number
      readonly checkpointDurationsMs: readonly number[]
    }
    if (checkpointDurationsMs.length === 0) throw new Error('none of the checkpoints of Flink was complete in the measured time')
    return {
      checkpoints: checkpointDurationsMs.length,
      recordsPerSecond,
      durationMs: median(checkpointDurationsMs),
      longestDurationMs: Math.max(...checkpointDurationsMs),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
