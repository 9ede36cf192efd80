import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable, runJob, type JobEvent } from '@millrace/engine'
import { formatChecksum } from './row-checksum.ts'

export interface QueryRunOptions {
  readonly query: string
  readonly events: number
  readonly parallelism: number
  readonly seed: number
  /** Rows are added to count and checksum; without, only counted. */
  readonly checksum: boolean
  /** Undefined: no periodic checkpoints. */
  readonly checkpointMs: number | undefined
  /** Every keyed edge goes through the codec. */
  readonly encode: boolean
}

export interface QueryRun {
  /** From the first source subtask's start to the last sink's end of input. */
  readonly seconds: number
  /** From asking for the job to its end. */
  readonly executeSeconds: number
  /** Wall clock. */
  readonly firstOutputMs: number
  readonly outputs: number
  readonly count: number
  readonly checksum: string
  readonly checkpoints: readonly { readonly durationMs: number; readonly sizeBytes: number }[]
}

interface SinkReport {
  readonly outputs: number
  readonly count: number
  readonly sum: number
  readonly firstMs: number
  readonly endedMs: number
}

/** Runs a query once, on worker threads, to the end of its input. */
export async function runQuery(options: QueryRunOptions): Promise<QueryRun> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const checkpoints: { readonly durationMs: number; readonly sizeBytes: number }[] = []
  const { query, events, seed, checksum, parallelism, checkpointMs } = options
  const startMs = performance.now()
  try {
    const running = runJob({
      modulePath: resolve(import.meta.dirname, 'job.ts'),
      restore: 'none',
      plan: { encodeAll: options.encode },
      params: { query, events: String(events), seed: String(seed), checksum: String(checksum), reports: folder },
      settings: resolveOptions(engineOptionTable, {
        code: {
          parallelism,
          stateDir: join(folder, 'state'),
          checkpointing: checkpointMs === undefined ? {} : { interval: checkpointMs },
          restart: { strategy: 'none' },
        },
      }),
      onEvent: (event: JobEvent) => {
        if (event.kind === 'checkpoint-completed' && !event.final) checkpoints.push(event)
        if (event.kind === 'log' && event.record.level !== 'info') process.stderr.write(`${event.record.message}\n`)
      },
    })
    const result = await running.done
    if (result.state === 'failed') throw result.failure.error
    return { ...summarize(folder, checksum), executeSeconds: (performance.now() - startMs) / 1000, checkpoints }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function reports(folder: string, what: string): readonly unknown[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${what}-`))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown)
}

function summarize(folder: string, checksum: boolean): Omit<QueryRun, 'executeSeconds' | 'checkpoints'> {
  const sinks = reports(folder, 'sink') as readonly SinkReport[]
  const startedMs = Math.min(...(reports(folder, 'source') as readonly { startedMs: number }[]).map((report) => report.startedMs))
  const endedMs = Math.max(...sinks.map((report) => report.endedMs))
  return {
    seconds: (endedMs - startedMs) / 1000,
    firstOutputMs: Math.min(...sinks.map((report) => report.firstMs)),
    outputs: sinks.reduce((sum, report) => sum + report.outputs, 0),
    count: sinks.reduce((sum, report) => sum + report.count, 0),
    checksum: checksum ? formatChecksum(sinks.reduce((sum, report) => (sum + report.sum) | 0, 0)) : 'off',
  }
}
