/**
 * npm run bench:log -- [--only REGEX] [--rounds 3] [--scale 1] [--broker-cores 0] [--client-cores 1] [--tie] [--list] [--port 21092]
 *
 * Our broker and Apache Kafka in turn, scenario by scenario, with Kafka's own clients; one JSON line a measurement, then the ratios of the medians.
 * `--tie` holds Kafka against itself instead: how far apart equals come out on this machine, now. Needs Java 17 and Maven; the first run fetches the jars.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { usageOf } from '../process-usage.ts'
import { startKafka, startMillrace, type RunningBroker } from './brokers.ts'
import { lastLine, run } from './processes.ts'
import { ratios, type Line } from './ratios.ts'
import { Bench, scenarios, type Figures, type Scenario } from './scenarios.ts'

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    port: { type: 'string', default: '21092' },
    'broker-cores': { type: 'string' },
    'client-cores': { type: 'string' },
    'timeout-seconds': { type: 'string', default: '120' },
    tie: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})

const JARS_TIMEOUT_MS = 600_000
const PEAK_INTERVAL_MS = 200

const cache = process.env['KAFKA_PEER_CACHE'] ?? join(tmpdir(), 'kafka-peer')
const version = process.env['KAFKA_PEER_VERSION'] ?? '4.1.1'
const wanted = scenarios(Number(flags.scale)).filter(({ name }) => new RegExp(flags.only).test(name))

/** What a broker uses while something is done. */
async function observed({ pid }: RunningBroker, { records, recordBytes }: Scenario, work: () => Promise<Figures>): Promise<Figures> {
  const before = usageOf(pid)
  let peakMb = 0
  const timer = setInterval(() => (peakMb = Math.max(peakMb, usageOf(pid)?.rssMb ?? 0)), PEAK_INTERVAL_MS)
  try {
    const figures = await work()
    const after = usageOf(pid)
    const cpuSeconds = (after?.cpuSeconds ?? Number.NaN) - (before?.cpuSeconds ?? Number.NaN)
    const perGb = records === 0 ? {} : { brokerCpuSecondsAGb: (cpuSeconds * 1e9) / (records * recordBytes) }
    return { ...figures, brokerCpuSeconds: cpuSeconds, ...perGb, brokerPeakRssMb: Math.max(peakMb, after?.rssMb ?? 0) }
  } finally {
    clearInterval(timer)
  }
}

async function measure(broker: RunningBroker, scenario: Scenario, topic: string, bench: Bench): Promise<Figures> {
  const work = await scenario.prepare(topic, bench)
  try {
    return await observed(broker, scenario, work)
  } finally {
    await bench.deleteTopic(topic)
  }
}

async function measureAll(brokers: readonly RunningBroker[], benches: ReadonlyMap<RunningBroker, Bench>): Promise<Line[]> {
  const lines: Line[] = []
  for (const scenario of wanted) {
    for (let round = 1; round <= Number(flags.rounds); round++) {
      for (const broker of brokers) {
        const figures = await measure(broker, scenario, `bench-${process.pid}-${lines.length}`, benches.get(broker)!)
        const line: Line = { broker: broker.name, scenario: scenario.name, round, figures }
        lines.push(line)
        console.log(JSON.stringify(line))
      }
    }
  }
  return lines
}

async function main(): Promise<void> {
  const place = { port: Number(flags.port), cores: flags['broker-cores'] }
  const timeoutMs = Number(flags['timeout-seconds']) * 1000
  const classPath = await lastLine(run(join(import.meta.dirname, 'jars.sh'), [], { timeoutMs: JARS_TIMEOUT_MS }))
  const brokers: RunningBroker[] = []
  try {
    brokers.push(await startKafka('kafka', place))
    const other = { ...place, port: place.port + 10 }
    brokers.push(flags.tie ? await startKafka('kafka-again', other) : await startMillrace('millrace', other))
    const benches = new Map(
      brokers.map((broker) => {
        const { bootstrap } = broker
        const logConfig = join(cache, version, 'log4j2-tools.xml')
        return [broker, new Bench({ bootstrap, cores: flags['client-cores'], timeoutMs, cache, classPath, logConfig })]
      }),
    )
    for (const line of ratios(await measureAll(brokers, benches), brokers[0]!.name, brokers[1]!.name)) console.log(line)
  } finally {
    for (const broker of brokers) await broker.stop()
  }
}

if (flags.list) for (const { name } of wanted) console.log(name)
else await main()
