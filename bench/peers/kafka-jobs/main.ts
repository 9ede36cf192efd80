/**
 * npm run bench:kafka -- [--only json,bytes,exactly-once,at-least-once] [--contenders millrace,flink,kafkajs] [--alternations 5] [--records 4000000] [--out FILE] [--built]
 *
 * From log to log on one Apache Kafka: ours, Flink with its Kafka connector, and a loop by hand with kafkajs, in turn, each a process of its own; the broker on one core
 * and the job on another ('any' for no such rule). One JSON line a measurement, then the ratios and what is asked of them. With `--out` the lines are kept: what is
 * there is not measured again. Needs Linux, Java 17 and Maven.
 */
import { mkdtempSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { LogClient } from '@millrace/log/client'
import { lastLine, run } from '../kafka/processes.ts'
import { ratios, type Line } from '../kafka/ratios.ts'
import { appendLine, readLines } from '../kafka/results.ts'
import type { Figures } from '../kafka/scenarios.ts'
import { buildFolder, contenders, flinkBuild, measureJob, startJob, type Contender, type Place, type Work } from './contenders.ts'
import { judged } from './criteria.ts'
import { measureLatency } from './latency.ts'
import { expectedOf, type Mode } from './records.ts'
import { checksumOf, fill } from './topics.ts'

const hasTwoCores = cpus().length > 1
const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: 'json,bytes,exactly-once,at-least-once' },
    contenders: { type: 'string', default: contenders.join(',') },
    alternations: { type: 'string', default: '5' },
    records: { type: 'string', default: '4000000' },
    'kafkajs-share': { type: 'string', default: '0.125' },
    'warm-share': { type: 'string', default: '0.4' },
    parallelism: { type: 'string', default: '2' },
    'checkpoint-ms': { type: 'string', default: '1000' },
    rate: { type: 'string', default: '10000' },
    'latency-seconds': { type: 'string', default: '30' },
    port: { type: 'string', default: '22092' },
    'broker-cores': { type: 'string', default: hasTwoCores ? '0' : 'any' },
    'job-cores': { type: 'string', default: hasTwoCores ? '1' : 'any' },
    'timeout-seconds': { type: 'string', default: '300' },
    'node-options': { type: 'string', default: '' },
    bootstrap: { type: 'string' },
    out: { type: 'string' },
    built: { type: 'boolean', default: false },
  },
})

const PARTITIONS = 4
const MEASURED_TO = 0.97
const BUILD_TIMEOUT_MS = 600_000
const START_TIMEOUT_MS = 120_000
/** A job has started by then, whichever it is. */
const LATENCY_START_MS = 12_000

const wanted = flags.only.split(',')
const records = Number(flags.records)
const checkpointMs = Number(flags['checkpoint-ms'])
const parallelism = Number(flags.parallelism)
const coresOf = (flag: string): string | undefined => (flag === 'any' ? undefined : flag)
const setting = [
  `${cpus()[0]?.model.trim()} x ${cpus().length}`,
  `cores ${flags['broker-cores']} and ${flags['job-cores']}`,
  `${records} records, warm after ${flags['warm-share']}`,
  `parallelism ${parallelism}, checkpoints ${checkpointMs} ms`,
  `${flags.rate} a second for ${flags['latency-seconds']} s`,
  flags.built ? 'built' : 'sources',
].join(', ')
const lines: Line[] = flags.out === undefined ? [] : [...readLines(flags.out, setting)]
const chosen = contenders.filter((name) => flags.contenders.split(',').includes(name))

function note(line: Line): void {
  lines.push(line)
  console.log(JSON.stringify(line))
  if (flags.out !== undefined) appendLine(flags.out, { ...line, setting })
}

function has(contender: Contender, scenario: string, round: number): boolean {
  return lines.some((line) => line.broker === contender && line.scenario === scenario && line.round === round)
}

const expected = new Map<string, string>()

/** What a job of this mode must have made of so many records. */
function expectation(mode: Mode, count: number): string {
  const key = `${mode} ${count}`
  const known = expected.get(key) ?? expectedOf(mode, count)
  expected.set(key, known)
  return known
}

class Bench {
  readonly #client: LogClient
  readonly #bootstrap: string
  readonly #from = `kafka-jobs-${process.pid}`
  #isFilled = false
  #topics = 0

  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap
    this.#client = new LogClient({ bootstrap })
  }

  async close(): Promise<void> {
    if (this.#isFilled) await this.#client.admin.deleteTopics([this.#from])
    this.#client.close()
  }

  async compare(mode: Mode, round: number): Promise<void> {
    for (const contender of chosen) {
      if (has(contender, mode, round)) continue
      if (contender === 'kafkajs' && mode === 'bytes') continue
      const share = contender === 'kafkajs' ? Number(flags['kafkajs-share']) : 1
      const end = Math.floor((records * share) / PARTITIONS)
      await this.#fillOnce()
      await this.#withTopic(async (to) => {
        const work = { ...this.#work(to), mode, end }
        const window = [Number(flags['warm-share']), MEASURED_TO] as const
        const measured = await measureJob(contender, work, place(contender), this.#client, window)
        const found = await checksumOf(this.#client, to, PARTITIONS)
        const should = expectation(mode, end * PARTITIONS)
        if (found !== should) throw new Error(`${contender} has written ${found} and should have written ${should}`)
        note({ broker: contender, scenario: mode, round, figures: { ...measured } })
      })
    }
  }

  async latency(delivery: Work['delivery'], round: number): Promise<void> {
    const scenario = `latency ${delivery}`
    for (const contender of chosen) {
      if (has(contender, scenario, round) || (contender === 'kafkajs' && delivery === 'at-least-once')) continue
      await this.#withTopic(async (to) => {
        const from = `${to}-in`
        await this.#client.admin.createTopics([{ name: from, partitions: PARTITIONS }])
        const work: Work = { ...this.#work(to), from, mode: 'json', delivery, end: 0 }
        // No pinning: who writes and reads takes part in what is measured.
        const job = startJob(contender, work, { ...place(contender), cores: undefined })
        try {
          await new Promise((resolve) => setTimeout(resolve, LATENCY_START_MS))
          const figures: Figures = {
            ...(await measureLatency(this.#client, {
              from,
              to,
              partitions: PARTITIONS,
              recordsPerSecond: Number(flags.rate),
              seconds: Number(flags['latency-seconds']),
              readCommitted: delivery === 'exactly-once',
            })),
          }
          note({ broker: contender, scenario, round, figures })
        } finally {
          await job.stop()
          await this.#client.admin.deleteTopics([from])
        }
      })
    }
  }

  #work(to: string): Omit<Work, 'mode' | 'end'> {
    return { bootstrap: this.#bootstrap, from: this.#from, to, partitions: PARTITIONS, delivery: 'exactly-once', parallelism, checkpointMs }
  }

  async #withTopic(work: (topic: string) => Promise<void>): Promise<void> {
    const topic = `${this.#from}-${this.#topics++}`
    await this.#client.admin.createTopics([{ name: topic, partitions: PARTITIONS }])
    try {
      await work(topic)
    } finally {
      await this.#client.admin.deleteTopics([topic])
    }
  }

  async #fillOnce(): Promise<void> {
    if (this.#isFilled) return
    this.#isFilled = true
    await this.#client.admin.createTopics([{ name: this.#from, partitions: PARTITIONS }])
    await fill(this.#client, this.#from, PARTITIONS, [0, records])
  }
}

function place(contender: Contender): Place {
  const nodeOptions = contender === 'millrace' ? flags['node-options'].split(' ').filter(Boolean) : []
  return { cores: coresOf(flags['job-cores']), isBuilt: flags.built, timeoutMs: Number(flags['timeout-seconds']) * 1_000, nodeOptions }
}

interface Broker {
  readonly bootstrap: string
  stop(): Promise<void>
}

/** Apache Kafka at its defaults for production, unless one is named. */
async function startBroker(): Promise<Broker> {
  if (flags.bootstrap !== undefined) return { bootstrap: flags.bootstrap, stop: async () => {} }
  const script = (file: string): string => join(import.meta.dirname, '../kafka', file)
  const dir = mkdtempSync(join(tmpdir(), 'millrace-bench-kafka-'))
  const cores = coresOf(flags['broker-cores'])
  const pinned = cores === undefined ? [] : ['--cores', cores]
  const started = run(script('start.sh'), ['--port', flags.port, '--dir', dir, ...pinned], { timeoutMs: START_TIMEOUT_MS })
  const { bootstrap } = JSON.parse(await lastLine(started)) as { bootstrap: string }
  return { bootstrap, stop: async () => void (await run(script('stop.sh'), ['--dir', dir, '--purge'], { timeoutMs: START_TIMEOUT_MS })) }
}

async function measureAll(bench: Bench): Promise<void> {
  for (let round = 1; round <= Number(flags.alternations); round++) {
    for (const mode of ['json', 'bytes'] as const) if (wanted.includes(mode)) await bench.compare(mode, round)
    for (const delivery of ['exactly-once', 'at-least-once'] as const) if (wanted.includes(delivery)) await bench.latency(delivery, round)
  }
}

async function main(): Promise<void> {
  process.env['PEER_BUILD'] = buildFolder()
  if (chosen.includes('flink')) await run(...flinkBuild, { timeoutMs: BUILD_TIMEOUT_MS })
  const broker = await startBroker()
  // Kafka is a process of its own session: who interrupts this one must not leave it behind.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void broker.stop().finally(() => process.exit(1)))
  const bench = new Bench(broker.bootstrap)
  try {
    await measureAll(bench)
    for (const other of chosen) if (other !== 'millrace') for (const line of ratios(lines, other, 'millrace')) console.log(line)
    for (const line of judged(lines, checkpointMs)) console.log(line)
  } finally {
    await bench.close()
    await broker.stop()
  }
}

await main()
