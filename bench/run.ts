/**
 * npm run bench -- QUERY --events N --parallelism P --backend heap --checkpoint-ms 1000|off --seed 42 --repeat R [--warm-seconds S] [--encode] [--checksum off] [--json]
 *
 * Runs a query a number of times in one process; the first time is cold and marked so. One JSON line a run with `--json`, else a line to read.
 * `--warm-seconds S` goes on after R times until the warm runs have taken S seconds together (at most 200 times).
 * `--encode` puts every keyed edge through the codec, also at parallelism 1, where records otherwise pass by reference.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable, runJob, type JobEvent, type JobResult } from '@millrace/engine'
import { queries } from './nexmark/queries.ts'
import { formatChecksum } from './nexmark/row-checksum.ts'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: 'string', default: '1000000' },
    parallelism: { type: 'string', default: '1' },
    backend: { type: 'string', default: 'heap' },
    'checkpoint-ms': { type: 'string', default: '1000' },
    seed: { type: 'string', default: '42' },
    repeat: { type: 'string', default: '2' },
    'warm-seconds': { type: 'string', default: '0' },
    checksum: { type: 'string', default: 'on' },
    encode: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const REPEATS_MAX = 200

export interface ResultLine {
  readonly engine: 'millrace'
  readonly query: string
  readonly backend: string
  readonly parallelism: number
  readonly events: number
  readonly seed: number
  readonly checkpointMs: string
  readonly repeat: number
  readonly warm: boolean
  readonly seconds: number
  readonly executeSeconds: number
  readonly eventsPerSecond: number
  readonly outputs: number
  readonly count: number
  readonly checksum: string
  readonly checkpointsCompleted: number
  readonly checkpointMsMedian: number
  readonly checkpointBytesMax: number
  readonly cpuSeconds: number
  readonly peakRssMb: number
  readonly processStartToFirstOutputMs?: number
}

interface SinkReport {
  readonly outputs: number
  readonly count: number
  readonly sum: number
  readonly firstMs: number
  readonly endedMs: number
}

function reports(folder: string, what: string): readonly unknown[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith(`${what}-`))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as unknown)
}

function median(list: readonly number[]): number {
  return list.toSorted((a, b) => a - b)[Math.floor((list.length - 1) / 2)] ?? 0
}

function peakRssMb(): number {
  return Math.round(process.resourceUsage().maxRSS / 1024)
}

async function run(query: string, repeat: number): Promise<ResultLine> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const checkpoints: Extract<JobEvent, { kind: 'checkpoint-completed' }>[] = []
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  try {
    const interval = flags['checkpoint-ms'] === 'off' ? {} : { interval: Number(flags['checkpoint-ms']) }
    const running = runJob({
      modulePath: resolve(import.meta.dirname, 'nexmark/job.ts'),
      restore: 'none',
      plan: { encodeAll: flags.encode },
      params: { query, events: flags.events, seed: flags.seed, checksum: String(flags.checksum !== 'off'), reports: folder },
      settings: resolveOptions(engineOptionTable, {
        code: {
          parallelism: Number(flags.parallelism),
          stateDir: join(folder, 'state'),
          checkpointing: interval,
          restart: { strategy: 'none' },
        },
      }),
      onEvent: (event) => {
        if (event.kind === 'checkpoint-completed') checkpoints.push(event)
        if (event.kind === 'log' && event.record.level !== 'info') process.stderr.write(`${event.record.message}\n`)
      },
    })
    const result: JobResult = await running.done
    if (result.state === 'failed') throw result.failure.error
    return line(query, repeat, folder, checkpoints, cpu, (performance.now() - startMs) / 1000)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function line(
  query: string,
  repeat: number,
  folder: string,
  checkpoints: readonly Extract<JobEvent, { kind: 'checkpoint-completed' }>[],
  cpuBefore: NodeJS.CpuUsage,
  executeSeconds: number,
): ResultLine {
  const cpu = process.cpuUsage(cpuBefore)
  const sinks = reports(folder, 'sink') as readonly SinkReport[]
  const startedMs = Math.min(...(reports(folder, 'source') as readonly { startedMs: number }[]).map((report) => report.startedMs))
  const endedMs = Math.max(...sinks.map((report) => report.endedMs))
  const seconds = (endedMs - startedMs) / 1000
  const events = Number(flags.events)
  const periodic = checkpoints.filter((checkpoint) => !checkpoint.final)
  return {
    engine: 'millrace',
    query,
    backend: flags.backend,
    parallelism: Number(flags.parallelism),
    events,
    seed: Number(flags.seed),
    checkpointMs: flags['checkpoint-ms'],
    repeat,
    warm: repeat > 0,
    seconds: Math.round(seconds * 1000) / 1000,
    executeSeconds: Math.round(executeSeconds * 1000) / 1000,
    eventsPerSecond: Math.round(events / seconds),
    outputs: sinks.reduce((sum, report) => sum + report.outputs, 0),
    count: sinks.reduce((sum, report) => sum + report.count, 0),
    checksum: flags.checksum === 'off' ? 'off' : formatChecksum(sinks.reduce((sum, report) => (sum + report.sum) | 0, 0)),
    checkpointsCompleted: periodic.length,
    checkpointMsMedian: Math.round(median(periodic.map((checkpoint) => checkpoint.durationMs))),
    checkpointBytesMax: Math.max(0, ...periodic.map((checkpoint) => checkpoint.sizeBytes)),
    cpuSeconds: Math.round((cpu.user + cpu.system) / 1000) / 1000,
    peakRssMb: peakRssMb(),
    ...(repeat === 0
      ? { processStartToFirstOutputMs: Math.round(Math.min(...sinks.map((report) => report.firstMs)) - performance.timeOrigin) }
      : {}),
  }
}

function print(result: ResultLine): void {
  if (flags.json) return console.log(JSON.stringify(result))
  const { query, parallelism, seconds, eventsPerSecond, count, checksum, checkpointsCompleted, checkpointMsMedian, warm } = result
  console.log(
    `${query} p=${parallelism} ${warm ? 'warm' : 'cold'}: ${seconds} s, ${(eventsPerSecond / 1e6).toFixed(2)} M events/s, ${count} rows ${checksum}, ${checkpointsCompleted} checkpoints of ${checkpointMsMedian} ms, ${result.peakRssMb} MB`,
  )
}

const [query] = positionals
if (query === undefined || !(query in queries)) {
  console.error(
    `usage: npm run bench -- QUERY [--events N] [--parallelism P] [--checkpoint-ms MS|off] [--seed S] [--repeat R] [--warm-seconds S] [--encode] [--checksum off] [--json]; queries: ${Object.keys(queries).join(' ')}`,
  )
  process.exit(2)
}
if (flags.backend !== 'heap') {
  console.error(`the state backend is heap; there is no ${flags.backend}`)
  process.exit(2)
}
let warmSeconds = 0
for (let repeat = 0; repeat < Number(flags.repeat) || (warmSeconds < Number(flags['warm-seconds']) && repeat < REPEATS_MAX); repeat++) {
  const result = await run(query, repeat)
  if (result.warm) warmSeconds += result.seconds
  print(result)
}
