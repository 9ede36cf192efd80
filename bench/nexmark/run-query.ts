import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable, runJob, type JobEvent } from '@millrace/engine'
import { formatChecksum } from './row-checksum.ts'
import type { SinkReport } from './sink.ts'

export interface QueryRunOptions {
  readonly query: string
  readonly events: number
  readonly parallelism: number
  readonly seed: number
  /** Rows are added to count and checksum; without, only counted. */
  readonly checksum: boolean
  /** Undefined: no periodic checkpoints. */
  readonly checkpointMs: number | undefined
  /** Default `heap`. */
  readonly backend?: 'heap' | 'rocksdb'
  /** What rows in memory may take, in a slot, in front of RocksDB; default that of the option. */
  readonly cacheSize?: string
  /** Every keyed edge goes through the codec. */
  readonly encode: boolean
  /** A source subtask fails at this event, once, when a checkpoint has completed; the job goes on from it. Default: none does. */
  readonly crashAt?: number
  /** Of the micro job `count`: default 100,000 keys, each as often as any other, and rows of a count alone. */
  readonly keys?: number
  /** `uniform` or `zipf:EXPONENT`. */
  readonly distribution?: string
  readonly rowBytes?: number
  /** One record of each key comes before the events, and does not count for the time. */
  readonly fill?: boolean
}

export interface QueryRun {
  /** From the first source subtask's start (or its first record behind those that fill) to the last sink's end of input. */
  readonly seconds: number
  /** From asking for the job to its end. */
  readonly executeSeconds: number
  /** Wall clock. */
  readonly firstOutputMs: number
  readonly outputs: number
  readonly count: number
  readonly checksum: string
  readonly checkpoints: readonly { readonly durationMs: number; readonly sizeBytes: number }[]
  /** Checkpoints that the job went on from after a failure. */
  readonly restoredFrom: readonly number[]
}

/** Runs a query once, on worker threads, to the end of its input. */
export async function runQuery(options: QueryRunOptions): Promise<QueryRun> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const checkpoints: { readonly durationMs: number; readonly sizeBytes: number }[] = []
  const restoredFrom: number[] = []
  const { query, events, seed, checksum, parallelism, checkpointMs, crashAt = 0 } = options
  const startMs = performance.now()
  try {
    const running = runJob({
      modulePath: resolve(import.meta.dirname, 'job.ts'),
      restore: 'none',
      plan: { encodeAll: options.encode },
      params: {
        query,
        events: String(events),
        seed: String(seed),
        checksum: String(checksum),
        reports: folder,
        crashAt: String(crashAt),
        ...(options.keys === undefined ? {} : { keys: String(options.keys) }),
        ...(options.distribution === undefined ? {} : { distribution: options.distribution }),
        ...(options.rowBytes === undefined ? {} : { rowBytes: String(options.rowBytes) }),
        ...(options.fill === true ? { fill: 'true' } : {}),
      },
      settings: resolveOptions(engineOptionTable, {
        code: {
          parallelism,
          stateDir: join(folder, 'state'),
          state: {
            backend: options.backend ?? 'heap',
            ...(options.cacheSize === undefined ? {} : { cacheSize: options.cacheSize as `${number}MiB` }),
          },
          checkpointing: checkpointMs === undefined ? {} : { interval: checkpointMs },
          restart: crashAt === 0 ? { strategy: 'none' } : { strategy: 'fixed-delay', fixedDelay: { attempts: 1, delay: 0 } },
        },
      }),
      onEvent: (event: JobEvent) => {
        if (event.kind === 'checkpoint-completed' && !event.final) checkpoints.push(event)
        if (event.kind === 'started' && event.attempt > 1) restoredFrom.push(event.restored?.id ?? 0)
        if (event.kind === 'log' && event.record.level !== 'info') process.stderr.write(`${event.record.message}\n`)
      },
    })
    const result = await running.done
    if (result.state === 'failed') throw result.failure.error
    return { ...summarize(folder, checksum), executeSeconds: (performance.now() - startMs) / 1000, checkpoints, restoredFrom }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function reports(folder: string, what: string): readonly unknown[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${what}-`))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown)
}

function summarize(folder: string, checksum: boolean): Omit<QueryRun, 'executeSeconds' | 'checkpoints' | 'restoredFrom'> {
  const sinks = reports(folder, 'sink') as readonly SinkReport[]
  const startedMs = Math.min(...(reports(folder, 'source') as readonly { startedMs: number }[]).map((report) => report.startedMs))
  const endedMs = Math.max(...sinks.map((report) => report.endedMs))
  return {
    seconds: (endedMs - startedMs) / 1000,
    firstOutputMs: Math.min(...sinks.map((report) => report.firstMs ?? Infinity)),
    outputs: sinks.reduce((sum, report) => sum + report.outputs, 0),
    count: sinks.reduce((sum, report) => sum + report.count, 0),
    checksum: checksum ? formatChecksum(sinks.reduce((sum, report) => (sum + report.sum) | 0, 0)) : 'off',
  }
}
