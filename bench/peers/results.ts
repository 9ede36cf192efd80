/** The file of results: a JSON line for each alternation, written once both engines have run. What is in it is not run again. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import type { Backend, EngineRun } from './engine-run.ts'

/** What is the same in all alternations of a measurement. */
export interface Measurement {
  readonly query: string
  readonly parallelism: number
  readonly events: number
  readonly checkpointMs: string
  readonly seed: number
  readonly warmSeconds: number
  readonly encode: boolean
  /** Default `heap`. */
  readonly backend?: Backend
  /** Ours alone: what rows in memory take, in a slot, in front of RocksDB. */
  readonly cacheMb?: number
  /** Of `count`. */
  readonly keys?: number
  readonly distribution?: string
  readonly rowBytes?: number
  readonly fill?: boolean
  /** Each process has no more. */
  readonly memoryMb?: number
}

/** One alternation: ours (`first`), then Flink (`second`); or, in a search for its smallest heap, Flink with 4 GiB and with less. */
export interface Pair extends Measurement {
  readonly kind: 'engines' | 'heaps'
  readonly alternation: number
  /** Of the second. */
  readonly heapMb: number
  readonly first: EngineRun
  readonly second: EngineRun
  readonly machine: string
  /** When it was finished, ISO 8601. */
  readonly at: string
}

/** What a result depends on besides the code. */
export function machineName(): string {
  return `${cpus()[0]?.model.trim() ?? 'unknown processor'} x ${cpus().length}, Node ${process.versions.node}`
}

export function readPairs(path: string): readonly Pair[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return text.split('\n').flatMap((line) => parse(line) ?? [])
}

/** A run that was interrupted may have left half a line. */
function parse(line: string): Pair | undefined {
  try {
    return JSON.parse(line) as Pair
  } catch {
    return undefined
  }
}

export function appendPair(path: string, pair: Pair): void {
  mkdirSync(dirname(path), { recursive: true })
  // The line end first: after half a line this one is whole.
  appendFileSync(path, `\n${JSON.stringify(pair)}`)
}

/** As they are where a line does not have them. */
const defaults = { backend: 'heap', cacheMb: 0, keys: 0, distribution: 'uniform', rowBytes: 0, fill: false, memoryMb: 0 } as const

const fields = ['query', 'parallelism', 'events', 'checkpointMs', 'seed', 'warmSeconds', 'encode', ...Object.keys(defaults)] as const

export function isSame(a: Measurement, b: Measurement): boolean {
  const [left, right]: readonly { readonly [field: string]: unknown }[] = [
    { ...defaults, ...a },
    { ...defaults, ...b },
  ]
  return fields.every((field) => left![field] === right![field])
}

/** The alternations of a measurement that are there, by this machine. */
export function pairsOf(pairs: readonly Pair[], measurement: Measurement, kind: Pair['kind'], heapMb: number): readonly Pair[] {
  const machine = machineName()
  return pairs.filter((pair) => pair.kind === kind && pair.heapMb === heapMb && pair.machine === machine && isSame(pair, measurement))
}
