/** The jobs that are compared, each a process of its own, and what it used while it worked: seen from outside, for all alike. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LogClient } from '@millrace/log/client'
import { usageOf } from '../process-usage.ts'
import type { Mode } from './records.ts'

export const contenders = ['millrace', 'flink', 'kafkajs'] as const

export type Contender = (typeof contenders)[number]

export interface Work {
  readonly bootstrap: string
  readonly from: string
  readonly to: string
  readonly partitions: number
  readonly mode: Mode
  readonly delivery: 'exactly-once' | 'at-least-once'
  readonly parallelism: number
  readonly checkpointMs: number
  /** Of each partition so many are read; 0: there is no end. */
  readonly end: number
}

export interface Place {
  /** As taskset takes them. */
  readonly cores: string | undefined
  /** Ours as `npm run build` has made it. */
  readonly isBuilt: boolean
  readonly timeoutMs: number
  /** Options of Node for ours alone: a profiler. */
  readonly nodeOptions: readonly string[]
}

const root = join(import.meta.dirname, '../../..')
const flinkScript = join(import.meta.dirname, 'flink/run.sh')
const STDERR_KEPT = 4_000

export const flinkBuild: readonly [string, readonly string[]] = [flinkScript, ['build']]

function commandOf(contender: Contender, work: Work, folder: string, { isBuilt, nodeOptions }: Place): readonly string[] {
  const { bootstrap, from, to, mode, delivery, partitions, parallelism, checkpointMs, end } = work
  if (contender === 'millrace') {
    const program = isBuilt ? ['packages/millrace/dist/bin.js'] : ['--conditions=@millrace/source', 'packages/millrace/src/bin.ts']
    const params = { bootstrap, from, to, mode, delivery, partitions, end }
    return [
      process.execPath,
      ...nodeOptions,
      ...program,
      'run',
      'bench/peers/kafka-jobs/job.ts',
      `--parallelism=${parallelism}`,
      `--checkpoint-interval=${checkpointMs}ms`,
      `--state-dir=${folder}`,
      '--output=json',
      ...Object.entries(params).map(([name, value]) => `--param=${name}=${value}`),
    ]
  }
  const flags = { bootstrap, from, to, mode, parallelism, partitions, 'checkpoint-ms': checkpointMs, ...(end === 0 ? {} : { end }) }
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
  if (contender === 'flink') return [flinkScript, '--delivery', delivery, ...words]
  return [process.execPath, '--disable-warning=TimeoutNegativeWarning', 'bench/peers/kafka-jobs/kafkajs-loop.ts', ...words]
}

export interface RunningJob {
  readonly pid: number
  /** Resolves when it has ended well. */
  readonly done: Promise<void>
  stop(): Promise<void>
}

export function startJob(contender: Contender, work: Work, place: Place): RunningJob {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-jobs-'))
  const pinned = place.cores === undefined ? [] : ['taskset', '-c', place.cores]
  const [program = '', ...args] = [...pinned, ...commandOf(contender, work, folder, place)]
  const env = { ...process.env, TMPDIR: folder, PEER_BUILD: buildFolder() }
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: root, env })
  let stderr = ''
  let isStopped = false
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_KEPT)))
  const limit = setTimeout(() => child.kill('SIGKILL'), place.timeoutMs)
  const clear = (): void => void child.kill('SIGKILL')
  process.once('exit', clear)
  const done = new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(limit)
      process.off('exit', clear)
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
      if (code === 0 || isStopped) resolve()
      else reject(new Error(`${contender}: ended with ${code ?? signal}\n${stderr}`))
    })
  })
  done.catch(() => {}) // whoever awaits it hears of it
  const stop = async (): Promise<void> => {
    isStopped = true
    child.kill('SIGTERM')
    await done
  }
  return { pid: child.pid!, done, stop }
}

/** Before the temp folder of a job is set: one for all. */
export function buildFolder(): string {
  return process.env['PEER_BUILD'] ?? join(tmpdir(), 'millrace-peer-kafka-jobs')
}

export interface Measured {
  readonly recordsPerSecond: number
  readonly cpuSecondsPerMillion: number
  readonly peakRssMb: number
}

interface Sample {
  readonly atMs: number
  readonly written: number
  readonly cpuSeconds: number
  readonly peakRssMb: number
}

const SAMPLE_MS = 200

/**
 * Runs a job to its end. Figures are of the records between two shares of all: by then it is warm, and what only starts or ends it is not in them.
 * Progress is where the output topic ends, committed or not.
 */
export async function measureJob(
  contender: Contender,
  work: Work,
  place: Place,
  client: LogClient,
  [from, to]: readonly [number, number],
): Promise<Measured> {
  const job = startJob(contender, work, place)
  const records = work.end * work.partitions
  const samples: Sample[] = []
  const state = { isDone: false }
  const done = job.done.finally(() => (state.isDone = true))
  done.catch(() => {}) // awaited below
  for (; !state.isDone; await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))) {
    const written = await writtenTo(client, work)
    const usage = usageOf(job.pid)
    if (usage !== undefined) samples.push({ atMs: performance.now(), written, ...usage })
  }
  await done
  const first = samples.find(({ written }) => written >= records * from)
  const last = samples.find(({ written }) => written >= records * to)
  if (first === undefined || last === undefined || first === last) throw new Error(`${contender}: too few records to measure anything by`)
  const count = last.written - first.written
  return {
    recordsPerSecond: (count * 1_000) / (last.atMs - first.atMs),
    cpuSecondsPerMillion: ((last.cpuSeconds - first.cpuSeconds) * 1e6) / count,
    peakRssMb: Math.max(...samples.map(({ peakRssMb }) => peakRssMb)),
  }
}

async function writtenTo(client: LogClient, { to, partitions }: Work): Promise<number> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic: to, partition, spec: 'latest' as const }))
  return (await client.admin.listOffsets(all, 'read_uncommitted')).reduce((sum, { offset }) => sum + offset, 0)
}
