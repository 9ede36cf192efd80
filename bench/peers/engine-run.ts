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
import { flinkMemory } from './flink-memory.ts'
import { memoryLimit, type MemoryLimit } from './memory-limit.ts'
import { usageOf, type Usage } from './process-usage.ts'
import { storedTableBytes } from './stored-bytes.ts'

export type Engine = 'millrace' | 'flink'

export type Backend = 'heap' | 'rocksdb'

/** What is the same in all alternations of a measurement. */
export interface Measurement {
  readonly query: string
  readonly parallelism: number
  readonly events: number
  readonly checkpointMs: string
  readonly seed: number
  /** That the warm runs take together, at least. */
  readonly warmSeconds: number
  /** Ours alone: keyed edges go through the codec, also at parallelism 1. */
  readonly encode: boolean
  /** Default `heap`. */
  readonly backend?: Backend
  /** Ours alone: what rows in memory take, in a slot, in front of RocksDB. */
  readonly cacheMb?: number
  /** Of the query `count`: how many, and how often each comes. */
  readonly keys?: number
  readonly distribution?: string
  readonly rowBytes?: number
  /** Records of all keys come before the events, in the only run of the process. */
  readonly fill?: boolean
  /** Of the process: it runs in a control group that has no more. */
  readonly memoryMb?: number
}

export interface RunSettings extends Measurement {
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
  /** Of RocksDB's tables on the disk, when they were last looked at. */
  readonly storedMb?: number
  /** Of completed checkpoints: the median of each run, of them the largest. */
  readonly checkpointMs?: number
}

interface Line {
  readonly warm: boolean
  readonly seconds: number
  readonly count: number
  readonly checksum: string
  readonly checkpointsCompleted: number
  readonly checkpointMsMedian?: number
}

const root = join(import.meta.dirname, '../..')
const STDERR_KEPT = 4_000
const SAMPLE_MS = 500
const STORED_SAMPLE_MS = 5_000
/** Of each of our threads in bounded memory: what the old generation may grow to before it is collected at the latest, and the young one. */
const OLD_SPACE_SHARE = 0.36
const SEMI_SPACE_MB = 4

/** All that the process writes goes into `folder`, and so is removed also when it had to be killed. */
function start(engine: Engine, settings: RunSettings, folder: string, limit: MemoryLimit | undefined): ChildProcess {
  const { command, env } = engine === 'flink' ? flinkCommand(settings, folder) : ourCommand(settings, folder)
  const [file, ...parameters] = limit?.wrap(command) ?? command
  return spawn(file!, parameters, { stdio: ['ignore', 'pipe', 'pipe'], cwd: root, env: { ...process.env, ...env } })
}

interface Command {
  readonly command: readonly string[]
  readonly env: { readonly [name: string]: string }
}

/** RocksDB's memory comes from the C library, which otherwise has up to eight heaps a core, none of which gives back what the others need. */
const fewArenas = { MALLOC_ARENA_MAX: '2' }

/** What both engines understand. */
function flagsOf(settings: RunSettings): readonly string[] {
  const { query, parallelism, events, checkpointMs, seed, warmSeconds, backend = 'heap', keys, distribution, rowBytes, fill } = settings
  return [
    query,
    `--events=${events}`,
    `--parallelism=${parallelism}`,
    `--backend=${backend}`,
    `--checkpoint-ms=${checkpointMs}`,
    `--seed=${seed}`,
    ...(keys === undefined ? [] : [`--keys=${keys}`]),
    ...(distribution === undefined ? [] : [`--distribution=${distribution}`]),
    ...(rowBytes === undefined ? [] : [`--row-bytes=${rowBytes}`]),
    ...(fill === true ? ['--repeat=1'] : ['--repeat=2', `--warm-seconds=${warmSeconds}`]),
  ]
}

function flinkCommand(settings: RunSettings, folder: string): Command {
  const { heapMb, memoryMb, fill } = settings
  const memory = memoryMb === undefined ? undefined : flinkMemory(memoryMb)
  const words = flagsOf(settings).flatMap((flag) => flag.split('='))
  const configuration = Object.entries(memory?.configuration ?? {}).flatMap(([key, value]) => [`--conf.${key}`, value])
  const java = memory?.javaOptions ?? ['-XX:+UseParallelGC', `-Xms${heapMb}m`, `-Xmx${heapMb}m`]
  return {
    command: [join(import.meta.dirname, 'flink/run.sh'), ...words, ...(fill === true ? ['--fill', 'on'] : []), ...configuration],
    env: { ...(memory === undefined ? {} : fewArenas), JAVA_OPTS: [...java, `-Djava.io.tmpdir=${folder}`].join(' ') },
  }
}

function ourCommand(settings: RunSettings, folder: string): Command {
  const { encode, cacheMb, memoryMb, fill, parallelism } = settings
  return {
    command: [
      process.execPath,
      // Sources are compiled in each thread, and the compiler stays in memory.
      ...(memoryMb === undefined
        ? ['--conditions=@millrace/source']
        : [`--max-old-space-size=${Math.round((memoryMb * OLD_SPACE_SHARE) / parallelism)}`, `--max-semi-space-size=${SEMI_SPACE_MB}`]),
      join(root, 'bench/run.ts'),
      ...flagsOf(settings),
      '--json',
      ...(encode ? ['--encode'] : []),
      ...(fill === true ? ['--fill'] : []),
      ...(cacheMb === undefined ? [] : [`--cache-size=${cacheMb}MiB`]),
    ],
    env: {
      TMPDIR: folder,
      // As the command `millrace` has it.
      UV_THREADPOOL_SIZE: '8',
      ...(memoryMb === undefined ? {} : { ...fewArenas, NODE_COMPILE_CACHE: join(root, '.cache/bench-compiled') }),
    },
  }
}

/** Rejects if the process fails, is still at it after the time limit, or its runs differ in their rows. */
export async function runEngine(engine: Engine, settings: RunSettings): Promise<EngineRun> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
  const limit = settings.memoryMb === undefined ? undefined : memoryLimit(settings.memoryMb)
  const child = start(engine, settings, folder, limit)
  const pid = child.pid!
  const lines: Line[] = []
  const usages: Usage[] = []
  let usage = usageOf(pid)
  let stderr = ''
  let late = false
  const sampling = setInterval(() => (usage = usageOf(pid) ?? usage), SAMPLE_MS)
  const storedBytes: number[] = []
  const looking = setInterval(() => storedBytes.push(storedTableBytes(folder)), STORED_SAMPLE_MS)
  const timeLimit = setTimeout(() => {
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
  clearInterval(looking)
  clearTimeout(timeLimit)
  const outOfMemory = limit?.killed() ?? false
  await limit?.close()
  rmSync(folder, { recursive: true, force: true })
  const name = `${engine}, ${settings.query} at parallelism ${settings.parallelism}`
  if (late) throw new Error(`${name}: not done after ${settings.timeoutSeconds} s`)
  if (outOfMemory) throw new Error(`${name}: killed, as ${settings.memoryMb} MB were not enough\n${stderr}`)
  if (code !== 0) throw new Error(`${name}: ended with ${code}\n${stderr}`)
  const run = summarize(engine, settings, lines, usages)
  // An engine that ends removes its files, perhaps while they are looked at.
  const stored = median(storedBytes.filter((bytes) => bytes > 0).slice(-3))
  return Number.isNaN(stored) ? run : { ...run, storedMb: stored / 1e6 }
}

/** `usages`: as seen at each of the lines. */
export function summarize(engine: Engine, settings: RunSettings, lines: readonly Line[], usages: readonly Usage[]): EngineRun {
  const { query, events } = settings
  const [cold, ...others] = lines
  if (settings.fill === true) return summarizeFilled(engine, settings, lines, usages)
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
    checkpointMs: Math.max(...others.map(({ checkpointMsMedian = 0 }) => checkpointMsMedian)),
  }
}

/** The events come when the code is warm and the state full: the one run is what counts. Its processor time is of the filling as well. */
function summarizeFilled(
  engine: Engine,
  { query, events, keys = 0 }: RunSettings,
  lines: readonly Line[],
  usages: readonly Usage[],
): EngineRun {
  const [line] = lines
  const [usage] = usages
  if (line === undefined || usage === undefined) throw new Error(`${engine}, ${query}: no run`)
  const { seconds, count, checksum, checkpointsCompleted, checkpointMsMedian = 0 } = line
  return {
    engine,
    coldSeconds: 0,
    warm: [{ seconds, cpuSeconds: usage.cpuSeconds, checkpointsCompleted }],
    eventsPerSecond: events / seconds,
    cpuSecondsPerMillion: usage.cpuSeconds / ((keys + events) / 1e6),
    peakRssMb: usage.peakRssMb,
    count,
    checksum,
    checkpointMs: checkpointMsMedian,
  }
}
