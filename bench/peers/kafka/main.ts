/**
 * npm run bench:log -- [--only REGEX] [--rounds 3] [--scale 1] [--broker-cores 0] [--client-cores 1] [--tie] [--built] [--out FILE] [--list] [--port 21092]
 *
 * Our broker and Apache Kafka in turn, scenario by scenario, with Kafka's own clients; the broker on one core and the clients on another ('any' for no such rule).
 * One JSON line a measurement, then the ratios of the medians and what is asked of them. With `--out` the lines are kept: what is there is not measured again.
 * `--tie` holds Kafka against itself instead: how far apart equals come out on this machine, now. Needs Java 17 and Maven; the first run fetches the jars.
 */
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { usageOf } from '../process-usage.ts'
import { median } from '../../statistics.ts'
import { startKafka, startMillrace, type RunningBroker } from './brokers.ts'
import { judged } from './criteria.ts'
import { lastLine, run } from './processes.ts'
import { ratios, type Line } from './ratios.ts'
import { appendLine, readLines } from './results.ts'
import { Bench, loadedLatencies, SATURATION, scenarios, type Figures, type Scenario } from './scenarios.ts'
import { writeTlsFiles } from './tls.ts'

const hasTwoCores = cpus().length > 1
const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    port: { type: 'string', default: '21092' },
    'broker-cores': { type: 'string', default: hasTwoCores ? '0' : 'any' },
    'client-cores': { type: 'string', default: hasTwoCores ? '1' : 'any' },
    'timeout-seconds': { type: 'string', default: '180' },
    'tie-band': { type: 'string', default: '0.1' },
    out: { type: 'string' },
    built: { type: 'boolean', default: false },
    tie: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
})

const JARS_TIMEOUT_MS = 600_000
const PEAK_INTERVAL_MS = 200
const START = 'start'

const cache = process.env['KAFKA_PEER_CACHE'] ?? join(tmpdir(), 'kafka-peer')
const version = process.env['KAFKA_PEER_VERSION'] ?? '4.1.1'
const scale = Number(flags.scale)
const isWanted = ({ name }: Pick<Scenario, 'name'>): boolean => new RegExp(flags.only).test(name)
const coresOf = (flag: string): string | undefined => (flag === 'any' ? undefined : flag)
const place = `cores ${flags['broker-cores']} and ${flags['client-cores']}`
const setting = `${cpus()[0]?.model.trim()} x ${cpus().length}, ${place}, scale ${flags.scale}, ${flags.built ? 'built' : 'sources'}${flags.tie ? ', tie' : ''}`

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

/** The lines that are there, and what is still to be measured of each scenario. */
class Session {
  readonly lines: Line[]
  #benches: ReadonlyMap<RunningBroker, Bench> = new Map()

  constructor() {
    this.lines = flags.out === undefined ? [] : [...readLines(flags.out, setting)]
  }

  note(line: Line): void {
    this.lines.push(line)
    console.log(JSON.stringify(line))
    if (flags.out !== undefined) appendLine(flags.out, { ...line, setting })
  }

  /** The brokers that stay, and what measures them. */
  use(benches: ReadonlyMap<RunningBroker, Bench>): void {
    this.#benches = benches
  }

  async measureAll(wanted: readonly Scenario[]): Promise<void> {
    for (const scenario of wanted) {
      for (let round = 1; round <= Number(flags.rounds); round++) {
        for (const [broker, bench] of this.#benches) {
          if (scenario.isOursAlone === true && broker.metricsUrl === undefined) continue
          if (this.#has(broker.name, scenario.name, round)) continue
          const figures = await measure(broker, scenario, `bench-${process.pid}-${this.lines.length}`, bench)
          this.note({ broker: broker.name, scenario: scenario.name, round, figures })
        }
      }
    }
  }

  /** Starts and stops each of them alone, round by round. */
  async measureStarts(starts: readonly (() => Promise<RunningBroker>)[]): Promise<void> {
    for (let round = 1; round <= Number(flags.rounds); round++) {
      if (this.lines.some((line) => line.scenario === START && line.round === round)) continue
      for (const start of starts) {
        const broker = await start()
        await broker.stop()
        const { name, startToProduceMs, idleMb } = broker
        this.note({ broker: name, scenario: START, round, figures: { startToProduceMs, idleMb } })
      }
    }
  }

  /** What the slower broker can take, in records a second; undefined if it was not measured. */
  get saturation(): number | undefined {
    const found = [...this.#benches.keys()].map(({ name }) =>
      median(this.lines.flatMap((line) => (line.broker === name && line.scenario === SATURATION ? line.figures['recordsPerSecond']! : []))),
    )
    return found.some(Number.isNaN) ? undefined : Math.min(...found)
  }

  #has(broker: string, scenario: string, round: number): boolean {
    return this.lines.some((line) => line.broker === broker && line.scenario === scenario && line.round === round)
  }
}

async function measureWanted(session: Session): Promise<void> {
  const all = scenarios(scale)
  const latencies = loadedLatencies(1, scale)
  const needsSaturation = latencies.some(isWanted)
  await session.measureAll(all.filter((scenario) => isWanted(scenario) || (needsSaturation && scenario.name === SATURATION)))
  if (session.saturation !== undefined) await session.measureAll(loadedLatencies(session.saturation, scale).filter(isWanted))
}

async function main(): Promise<void> {
  const tls = writeTlsFiles(join(cache, 'tls'))
  const at = { port: Number(flags.port), cores: coresOf(flags['broker-cores']), keyStore: tls.keyStore }
  const timeoutMs = Number(flags['timeout-seconds']) * 1000
  const classPath = await lastLine(run(join(import.meta.dirname, 'jars.sh'), [], { timeoutMs: JARS_TIMEOUT_MS }))
  const brokers: RunningBroker[] = []
  // Kafka is a process of its own session: who interrupts this one must not leave it behind.
  const stopAll = async (): Promise<void> => void (await Promise.all(brokers.splice(0).map((broker) => broker.stop())))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stopAll().finally(() => process.exit(1)))
  try {
    const other = { ...at, port: at.port + 10 }
    const startFirst = (): Promise<RunningBroker> => startKafka('kafka', at)
    const startSecond = (): Promise<RunningBroker> =>
      flags.tie ? startKafka('kafka-again', other) : startMillrace('millrace', other, flags.built)
    const session = new Session()
    if (isWanted({ name: START })) await session.measureStarts([startFirst, startSecond])
    brokers.push(await startFirst())
    brokers.push(await startSecond())
    const logConfig = join(cache, version, 'log4j2-tools.xml')
    const shared = { tls, cores: coresOf(flags['client-cores']), timeoutMs, cache, classPath, logConfig }
    session.use(new Map(brokers.map((broker) => [broker, new Bench({ ...broker, ...shared })])))
    await measureWanted(session)
    const [first, second] = [brokers[0]!.name, brokers[1]!.name]
    for (const line of ratios(session.lines, first, second)) console.log(line)
    if (!flags.tie) for (const line of judged(session.lines, first, second, Number(flags['tie-band']))) console.log(line)
  } finally {
    await stopAll()
  }
}

const names = [{ name: START }, ...scenarios(scale), ...loadedLatencies(1, scale)]
if (flags.list) for (const { name } of names.filter(isWanted)) console.log(name)
else await main()
