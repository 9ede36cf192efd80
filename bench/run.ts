/**
 * npm run bench -- QUERY --events N --parallelism P --backend heap|rocksdb --cache-size 256MiB --checkpoint-ms 1000|off --seed 42 --repeat R [--checksum off] [--json]
 *
 * Runs a query a number of times in one process; the first time is cold and marked so. One JSON line a run with `--json`, else a line to read.
 * `--warm-seconds S` goes on after R times until the warm runs have taken S seconds together (at most 200 times).
 * Of the query `count`: `--keys N` and `--distribution uniform|zipf:0.99` say which keys come, `--row-bytes B` what is kept of each besides its count.
 * `--fill` puts one record of each key before the events, which does not count for the time.
 * `--encode` puts every keyed edge through the codec, also at parallelism 1, where records otherwise pass by reference.
 */
import { parseArgs } from 'node:util'
import { queries } from './nexmark/queries.ts'
import { runQuery } from './nexmark/run-query.ts'
import { parseDistribution } from './nexmark/zipf.ts'
import { median } from './statistics.ts'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: 'string', default: '1000000' },
    parallelism: { type: 'string', default: '1' },
    backend: { type: 'string', default: 'heap' },
    'cache-size': { type: 'string' },
    'checkpoint-ms': { type: 'string', default: '1000' },
    seed: { type: 'string', default: '42' },
    repeat: { type: 'string', default: '2' },
    'warm-seconds': { type: 'string', default: '0' },
    keys: { type: 'string' },
    distribution: { type: 'string', default: 'uniform' },
    'row-bytes': { type: 'string', default: '0' },
    fill: { type: 'boolean', default: false },
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
  readonly encode: boolean
  /** Of `count`, where they are not the default. */
  readonly keys?: number
  readonly distribution?: string
  readonly rowBytes?: number
  readonly fill?: boolean
  readonly cacheSize?: string
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

function thousandths(value: number): number {
  return Math.round(value * 1000) / 1000
}

async function run(query: string, repeat: number): Promise<ResultLine> {
  const settings = {
    query,
    parallelism: Number(flags.parallelism),
    events: Number(flags.events),
    seed: Number(flags.seed),
    encode: flags.encode,
    ...(flags.keys === undefined ? {} : { keys: Number(flags.keys) }),
    ...(flags.distribution === 'uniform' ? {} : { distribution: flags.distribution }),
    ...(flags['row-bytes'] === '0' ? {} : { rowBytes: Number(flags['row-bytes']) }),
    ...(flags.fill ? { fill: true } : {}),
    ...(flags['cache-size'] === undefined ? {} : { cacheSize: flags['cache-size'] }),
  }
  const cpuBefore = process.cpuUsage()
  const result = await runQuery({
    ...settings,
    checksum: flags.checksum !== 'off',
    backend: flags.backend === 'rocksdb' ? 'rocksdb' : 'heap',
    checkpointMs: flags['checkpoint-ms'] === 'off' ? undefined : Number(flags['checkpoint-ms']),
  })
  const cpu = process.cpuUsage(cpuBefore)
  const { outputs, count, checksum, checkpoints, seconds } = result
  return {
    engine: 'millrace',
    backend: flags.backend,
    ...settings,
    checkpointMs: flags['checkpoint-ms'],
    repeat,
    warm: repeat > 0,
    seconds: thousandths(seconds),
    executeSeconds: thousandths(result.executeSeconds),
    eventsPerSecond: Math.round(settings.events / seconds),
    outputs,
    count,
    checksum,
    checkpointsCompleted: checkpoints.length,
    checkpointMsMedian: checkpoints.length === 0 ? 0 : Math.round(median(checkpoints.map(({ durationMs }) => durationMs))),
    checkpointBytesMax: Math.max(0, ...checkpoints.map(({ sizeBytes }) => sizeBytes)),
    cpuSeconds: thousandths((cpu.user + cpu.system) / 1e6),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    ...(repeat === 0 ? { processStartToFirstOutputMs: Math.round(result.firstOutputMs - performance.timeOrigin) } : {}),
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
    `usage: npm run bench -- QUERY [--events N] [--parallelism P] [--backend heap|rocksdb] [--cache-size BYTES] [--checkpoint-ms MS|off] [--seed S] [--repeat R] [--warm-seconds S] [--keys N] [--distribution uniform|zipf:0.99] [--row-bytes B] [--fill] [--encode] [--checksum off] [--json]; queries: ${Object.keys(queries).join(' ')}`,
  )
  process.exit(2)
}
if (flags.backend !== 'heap' && flags.backend !== 'rocksdb') {
  console.error(`the state backends are heap and rocksdb; there is no ${flags.backend}`)
  process.exit(2)
}
try {
  parseDistribution(flags.distribution)
} catch (error) {
  console.error((error as Error).message)
  process.exit(2)
}
let warmSeconds = 0
for (let repeat = 0; repeat < Number(flags.repeat) || (warmSeconds < Number(flags['warm-seconds']) && repeat < REPEATS_MAX); repeat++) {
  const result = await run(query, repeat)
  if (result.warm) warmSeconds += result.seconds
  print(result)
}
