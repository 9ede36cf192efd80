/** The file of results: a JSON line for each alternation, written once both engines have run. What is in it is not run again. */
import { cpus } from 'node:os'
import { appendJsonLine, readJsonLines } from '../json-lines.ts'
import type { EngineRun, Measurement } from './engine-run.ts'

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
  return readJsonLines(path) as readonly Pair[]
}

export function appendPair(path: string, pair: Pair): void {
  appendJsonLine(path, pair)
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
