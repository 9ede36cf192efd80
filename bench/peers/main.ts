/**
 * npm run bench:peers -- [--queries q0,count] [--parallelism 1,2] [--alternations 5] [--warm-seconds 10] [--out FILE.jsonl] [--encode]
 *                        [--events N] [--checkpoint-ms 1000|off] [--timeout-seconds 600] [--flink-heap-search QUERY]
 *                        [--backend heap|rocksdb] [--cache-mb N] [--keys N] [--distribution uniform,zipf:0.99] [--memory-mb 512] [--row-bytes B]
 *
 * Ours and Flink alternately, one query at a time, each in a process of its own that repeats the query until enough warm seconds have passed.
 * Ends with a failure where the two do not give the same rows, or not the golden ones. What the out file holds is not run again.
 *
 * `--backend rocksdb`: both with RocksDB, and smaller inputs. `--keys` and `--distribution` (a list) are of the query `count`.
 *
 * `--memory-mb 512`: `count` on RocksDB with state beyond memory. Each process has so much, page cache and all; first comes each key once, which is not counted, then events.
 *
 * `--flink-heap-search QUERY` instead looks for the smallest heap with which Flink keeps 95 % of the throughput that it has with 4 GiB.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { median } from '../statistics.ts'
import { runEngine, type Backend, type EngineRun, type Measurement } from './engine-run.ts'
import { goldenResult } from './golden.ts'
import { FULL_HEAP_MB, heapSizes, smallestEnough } from './heap-search.ts'
import { memoryLimit, NoMemoryLimit } from './memory-limit.ts'
import { beyondMemory, CACHE_MB, eventsOf, queryNamesOf } from './queries.ts'
import { beyondMemoryLines, groupLines, summarizePairs, summaryLine, type Summary } from './report.ts'
import { appendPair, machineName, pairsOf, readPairs, type Pair } from './results.ts'

const { values: flags } = parseArgs({
  options: {
    queries: { type: 'string' },
    parallelism: { type: 'string' },
    alternations: { type: 'string' },
    'warm-seconds': { type: 'string', default: '10' },
    out: { type: 'string', default: join(import.meta.dirname, '../../.cache/bench-peers.jsonl') },
    encode: { type: 'boolean', default: false },
    events: { type: 'string' },
    'checkpoint-ms': { type: 'string' },
    'timeout-seconds': { type: 'string' },
    backend: { type: 'string' },
    'cache-mb': { type: 'string' },
    keys: { type: 'string' },
    distribution: { type: 'string' },
    'row-bytes': { type: 'string' },
    'memory-mb': { type: 'string' },
    'flink-heap-search': { type: 'string' },
  },
})

const SEED = 42
const KEPT_SHARE = 0.95
/** How many times as long as with the full heap Flink may take before a smaller one counts as too small. */
const PATIENCE = 4
const memoryMb = flags['memory-mb'] === undefined ? undefined : Number(flags['memory-mb'])
const backend = backendOf(flags.backend ?? (memoryMb === undefined ? 'heap' : 'rocksdb'))
const alternations = Number(flags.alternations ?? (memoryMb === undefined ? 5 : 3))
const timeoutSeconds = Number(flags['timeout-seconds'] ?? (memoryMb === undefined ? 600 : 1800))

function backendOf(name: string): Backend {
  if (name === 'heap' || name === 'rocksdb') return name
  throw new RangeError(`the state backends are heap and rocksdb; there is no ${name}`)
}

function measurementOf(query: string, parallelism: number, distribution?: string): Measurement {
  const events = flags.events === undefined ? eventsOf(query, backend) : Number(flags.events)
  const warmSeconds = Number(flags['warm-seconds'])
  const cacheMb = Number(flags['cache-mb'] ?? Math.floor(CACHE_MB / parallelism))
  return {
    query,
    parallelism,
    events,
    checkpointMs: flags['checkpoint-ms'] ?? '1000',
    seed: SEED,
    warmSeconds,
    encode: flags.encode,
    ...(backend === 'heap' ? {} : { backend, cacheMb }),
    ...(query !== 'count' ? {} : keysOf(distribution)),
  }
}

function keysOf(distribution: string | undefined): Partial<Measurement> {
  return {
    ...(flags.keys === undefined ? {} : { keys: Number(flags.keys) }),
    ...(distribution === undefined ? {} : { distribution }),
    ...(flags['row-bytes'] === undefined ? {} : { rowBytes: Number(flags['row-bytes']) }),
  }
}

function beyondMemoryOf(limitMb: number, parallelism: number, distribution: string): Measurement {
  const { events, ...plan } = beyondMemory
  return {
    query: 'count',
    parallelism,
    events: flags.events === undefined ? (events[distribution] ?? events['uniform']!) : Number(flags.events),
    checkpointMs: flags['checkpoint-ms'] ?? plan.checkpointMs,
    seed: SEED,
    warmSeconds: 0,
    encode: false,
    backend,
    cacheMb: Number(flags['cache-mb'] ?? Math.floor((limitMb * plan.cacheShare) / parallelism)),
    keys: Number(flags.keys ?? plan.keys),
    distribution,
    rowBytes: Number(flags['row-bytes'] ?? plan.rowBytes),
    fill: true,
    memoryMb: limitMb,
  }
}

/** The two did not do the same work: whatever was measured means nothing. */
class RowsDiffer extends Error {}

/** Both engines give the same rows, and the golden ones at sizes that have them. */
function checkRows({ query, events, seed, keys, distribution }: Measurement, runs: readonly EngineRun[]): void {
  const golden = keys === undefined && distribution === undefined ? goldenResult(query, events, seed) : undefined
  const expected = golden ?? runs[0]!
  for (const { engine, count, checksum } of runs) {
    if (count === expected.count && checksum === expected.checksum) continue
    const other = golden === undefined ? 'the other engine' : 'the golden result'
    throw new RowsDiffer(`${query}: ${engine} gives ${count} rows ${checksum}, ${other} ${expected.count} ${expected.checksum}`)
  }
}

/** Runs the alternations of a measurement that the out file does not hold yet; answers all of them. */
async function alternate(measurement: Measurement, kind: Pair['kind'], heapMb: number): Promise<readonly Pair[]> {
  for (let alternation = 1; alternation <= alternations; alternation++) {
    const known = pairsOf(readPairs(flags.out), measurement, kind, heapMb)
    if (known.some((pair) => pair.alternation === alternation)) continue
    const settings = { ...measurement, timeoutSeconds }
    const startMs = performance.now()
    const first = await runEngine(kind === 'engines' ? 'millrace' : 'flink', { ...settings, heapMb: FULL_HEAP_MB })
    // With too small a heap Flink may collect for ever instead of ending.
    const patience = kind === 'heaps' ? 30 + (PATIENCE * (performance.now() - startMs)) / 1000 : timeoutSeconds
    const second = await runEngine('flink', { ...settings, heapMb, timeoutSeconds: Math.min(timeoutSeconds, patience) })
    checkRows(measurement, [first, second])
    const at = new Date().toISOString()
    appendPair(flags.out, { ...measurement, kind, alternation, heapMb, first, second, machine: machineName(), at })
    const rates = [first, second].map(({ eventsPerSecond }) => (eventsPerSecond / 1e6).toFixed(2)).join(' and ')
    console.error(`  ${measurement.query} p=${measurement.parallelism} alternation ${alternation}: ${rates} M events/s`)
  }
  return pairsOf(readPairs(flags.out), measurement, kind, heapMb).filter((pair) => pair.alternation <= alternations)
}

async function measure(measurements: readonly Measurement[]): Promise<readonly Summary[]> {
  const summaries: Summary[] = []
  for (const measurement of measurements) {
    const summary = summarizePairs(measurement, await alternate(measurement, 'engines', FULL_HEAP_MB))
    summaries.push(summary)
    console.log(summaryLine(summary))
  }
  return summaries
}

async function compare(queries: readonly string[], parallelisms: readonly number[]): Promise<void> {
  const distributions = flags.distribution?.split(',')
  const measurements = parallelisms.flatMap((parallelism) =>
    queries.flatMap((query) =>
      query === 'count' && distributions !== undefined
        ? distributions.map((distribution) => measurementOf(query, parallelism, distribution))
        : [measurementOf(query, parallelism)],
    ),
  )
  const summaries = await measure(measurements)
  console.log(
    `\nratio of throughput (median, least to largest); then ours : Flink's${flags.encode ? '; our edges encoded' : ''}. ${machineName()}`,
  )
  const isAsAsked = flags.keys === undefined && distributions === undefined && flags['row-bytes'] === undefined
  if (isAsAsked) for (const line of groupLines(summaries, backend)) console.log(line)
}

async function compareBeyondMemory(limitMb: number, parallelisms: readonly number[]): Promise<void> {
  const distributions = (flags.distribution ?? 'uniform,zipf:0.99').split(',')
  try {
    await memoryLimit(limitMb).close()
  } catch (error) {
    if (!(error instanceof NoMemoryLimit)) throw error
    for (const distribution of distributions) console.log(`skipped: ${distribution} keys in ${limitMb} MB: ${error.message}`)
    return
  }
  const measurements = parallelisms.flatMap((parallelism) =>
    distributions.map((distribution) => beyondMemoryOf(limitMb, parallelism, distribution)),
  )
  const summaries = await measure(measurements)
  console.log(`\nstate beyond memory: ratio of throughput (median, least to largest); then ours : Flink's. ${machineName()}`)
  for (const line of beyondMemoryLines(summaries)) console.log(line)
}

async function searchHeap(query: string, parallelism: number): Promise<void> {
  const measurement = measurementOf(query, parallelism)
  const isEnough = async (heapMb: number): Promise<boolean> => {
    let kept = 0
    try {
      const pairs = await alternate(measurement, 'heaps', heapMb)
      kept = median(pairs.map(({ first, second }) => second.eventsPerSecond / first.eventsPerSecond))
    } catch (error) {
      if (error instanceof RowsDiffer) throw error
      console.error(`  ${heapMb} MB: ${(error as Error).message.split('\n')[0]}`)
    }
    console.error(`${heapMb} MB: ${(kept * 100).toFixed(1)} % of the throughput with ${FULL_HEAP_MB} MB`)
    return kept >= KEPT_SHARE
  }
  const heapMb = await smallestEnough(heapSizes(), isEnough)
  const pairs = await alternate(measurement, 'engines', heapMb)
  const { ours, flink } = summarizePairs(measurement, pairs)
  const share = (ofMb: number): string => `${((100 * ours.peakRssMb) / ofMb).toFixed(0)} %`
  console.log(
    `${query} p=${parallelism}: Flink keeps ${KEPT_SHARE * 100} % of its throughput with -Xmx${heapMb}m, and then takes ${flink.peakRssMb.toFixed(0)} MB at its peak`,
  )
  console.log(
    `ours takes ${ours.peakRssMb.toFixed(0)} MB at its peak, all included: ${share(heapMb)} of that heap, ${share(flink.peakRssMb)} of that peak (asked: a third)`,
  )
}

const parallelisms = (flags.parallelism ?? (memoryMb !== undefined ? '1' : flags.encode ? '1' : '1,2')).split(',').map(Number)
console.error('building the peer, if it has changed')
execFileSync(join(import.meta.dirname, 'flink/run.sh'), ['build'], { stdio: 'inherit' })
const wanted = flags['flink-heap-search']
if (memoryMb !== undefined) await compareBeyondMemory(memoryMb, parallelisms)
else if (wanted === undefined) await compare(flags.queries?.split(',') ?? queryNamesOf(backend), parallelisms)
else for (const parallelism of parallelisms) await searchHeap(wanted, parallelism)
