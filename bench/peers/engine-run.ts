/**
 * One process of one engine: it runs a query several times and prints a JSON line after each. Time and rows are what it says of itself,
 * processor time and memory are read from outside at each line.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { median } from '../statistics.ts'
import { usageOf, type Usage } from './process-usage.ts'

export type Engine = 'millrace' | 'flink'

export interface RunSettings {
  readonly query: string
  readonly parallelism: number
  readonly events: number
  readonly checkpointMs: string
  readonly seed: number
  /** Seconds that the warm runs take together, at least. */
  readonly warmSeconds: number
  /** Ours alone: keyed edges go through the codec, also at parallelism 1. */
  readonly encode: boolean
  /** Flink alone: `-Xms` and `-Xmx`. */
  readonly heapMb: number
  readonly timeoutSeconds: number
}

/** One warm run. */
export interface WarmRun {
  readonly seconds: number
  readonly cpuSeconds: number
  readonly checkpointsCompleted: number
}

export interface EngineRun {
  readonly engine: Engine
  readonly coldSeconds: number
  readonly warm: readonly WarmRun[]
  /** Median of the warm runs. */
  readonly eventsPerSecond: number
  /** Of all warm runs, with what lies between them: deployment, removal of the checkpoints. */
  readonly cpuSecondsPerMillion: number
  readonly peakRssMb: number
  readonly count: number
  readonly checksum: string
}

interface Line {
  readonly warm: boolean
  readonly seconds: number
  readonly count: number
  readonly checksum: string
  readonly checkpointsCompleted: number
}

const root = join(import.meta.dirname, '../..')
const STDERR_KEPT = 4_000
const SAMPLE_MS = 500

/** All that the process writes goes into `folder`, and so is removed also when it had to be killed. */
function start(engine: Engine, settings: RunSettings, folder: string): ChildProcess {
  const { query, parallelism, events, checkpointMs, seed, warmSeconds, heapMb } = settings
  const flags = [
    query,
    `--events=${events}`,
    `--parallelism=${parallelism}`,
    '--backend=heap',
    `--checkpoint-ms=${checkpointMs}`,
    `--seed=${seed}`,
    '--repeat=2',
    `--warm-seconds=${warmSeconds}`,
  ]
  if (engine === 'flink') {
    const JAVA_OPTS = `-XX:+UseParallelGC -Xms${heapMb}m -Xmx${heapMb}m -Djava.io.tmpdir=${folder}`
    const words = flags.flatMap((flag) => flag.split('='))
    return spawn(join(import.meta.dirname, 'flink/run.sh'), words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, JAVA_OPTS },
    })
  }
  const node = ['--conditions=@millrace/source', join(root, 'bench/run.ts'), ...flags, '--json', ...(settings.encode ? ['--encode'] : [])]
  return spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'pipe'], cwd: root, env: { ...process.env, TMPDIR: folder } })
}

/** Rejects if the process fails, is still at it after the time limit, or its runs differ in their rows. */
export async function runEngine(engine: Engine, settings: RunSettings): Promise<EngineRun> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
  const child = start(engine, settings, folder)
  const pid = child.pid!
  const lines: Line[] = []
  const usages: Usage[] = []
  let usage = usageOf(pid)
  let stderr = ''
  let late = false
  const sampling = setInterval(() => (usage = usageOf(pid) ?? usage), SAMPLE_MS)
  const limit = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, settings.timeoutSeconds * 1000)
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_KEPT)))
  createInterface({ input: child.stdout! }).on('line', (text) => {
    if (!text.startsWith('{')) return
    usage = usageOf(pid) ?? usage
    lines.push(JSON.parse(text) as Line)
    if (usage !== undefined) usages.push(usage)
  })
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  clearInterval(sampling)
  clearTimeout(limit)
  rmSync(folder, { recursive: true, force: true })
  const name = `${engine}, ${settings.query} at parallelism ${settings.parallelism}`
  if (late) throw new Error(`${name}: not done after ${settings.timeoutSeconds} s`)
  if (code !== 0) throw new Error(`${name}: ended with ${code}\n${stderr}`)
  return summarize(engine, settings, lines, usages)
}

/** `usages`: as seen at each of the lines. */
export function summarize(engine: Engine, { query, events }: RunSettings, lines: readonly Line[], usages: readonly Usage[]): EngineRun {
  const [cold, ...others] = lines
  if (cold === undefined || others.length === 0 || usages.length !== lines.length) throw new Error(`${engine}, ${query}: no warm run`)
  const { count, checksum } = cold
  const different = others.find((line) => line.count !== count || line.checksum !== checksum)
  if (different !== undefined)
    throw new Error(`${engine}, ${query}: runs differ: ${count} ${checksum}, then ${different.count} ${different.checksum}`)
  const warm = others.map((line, at) => ({
    seconds: line.seconds,
    cpuSeconds: usages[at + 1]!.cpuSeconds - usages[at]!.cpuSeconds,
    checkpointsCompleted: line.checkpointsCompleted,
  }))
  const millions = (warm.length * events) / 1e6
  return {
    engine,
    coldSeconds: cold.seconds,
    warm,
    eventsPerSecond: events / median(warm.map(({ seconds }) => seconds)),
    cpuSecondsPerMillion: warm.reduce((sum, run) => sum + run.cpuSeconds, 0) / millions,
    peakRssMb: Math.max(...usages.map(({ peakRssMb }) => peakRssMb)),
    count,
    checksum,
  }
}
