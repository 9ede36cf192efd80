/** What is measured: each scenario prepares a topic of its own, and gives what to measure. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TlsFiles } from './tls.ts'
import { writePayloads } from './payloads.ts'
import { lastLine, run } from './processes.ts'

/** Figures by name; of those that end in `PerSecond` more is better, of all others less. */
export type Figures = { readonly [name: string]: number }

export interface Scenario {
  readonly name: string
  /** Records that are sent or received while it is measured, and their size. */
  readonly records: number
  readonly recordBytes: number
  /** Whether only ours has what is measured. */
  readonly isOursAlone?: boolean
  prepare(topic: string, bench: Bench): Promise<() => Promise<Figures>>
}

const PARTITIONS = 6
const RECORDS: { readonly [recordBytes: number]: number } = { 100: 3_000_000, 1024: 800_000 }
/** More than is consumed: a consumer stops at the number it was asked for, not at the end. */
const SPARE_RECORDS = 1000
const BATCH_64K = ['linger.ms=5', 'batch.size=65536']

export interface BenchOptions {
  readonly bootstrap: string
  readonly tlsBootstrap: string
  readonly tls: TlsFiles
  readonly metricsUrl: string | undefined
  /** Where clients run. */
  readonly cores: string | undefined
  readonly timeoutMs: number
  readonly cache: string
  /** The jars, as Java's class path. */
  readonly classPath: string
  readonly logConfig: string
}

/** Kafka's own tools against one broker. */
export class Bench {
  readonly #options: BenchOptions

  constructor(options: BenchOptions) {
    this.#options = options
  }

  java(...args: readonly string[]): Promise<string> {
    const { classPath, logConfig } = this.#options
    const machine = ['-Xms512m', '-Xmx512m', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', `-Dlog4j2.configurationFile=${logConfig}`]
    return run('java', [...machine, '-cp', classPath, ...args], this.#options)
  }

  node(file: string, ...args: readonly string[]): Promise<string> {
    const flags = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']
    return run(process.execPath, [...flags, join(import.meta.dirname, file), this.#options.bootstrap, ...args], this.#options)
  }

  get metricsUrl(): string {
    return this.#options.metricsUrl ?? ''
  }

  async createTopic(topic: string, partitions: number = PARTITIONS): Promise<void> {
    const counts = ['--partitions', String(partitions), '--replication-factor', '1']
    await this.#tool('TopicCommand', '--bootstrap-server', this.#options.bootstrap, '--create', '--topic', topic, ...counts)
  }

  async deleteTopic(topic: string): Promise<void> {
    await this.#tool('TopicCommand', '--bootstrap-server', this.#options.bootstrap, '--delete', '--topic', topic)
  }

  /** @param rate records a second; -1 for as many as go */
  async produce(
    topic: string,
    recordBytes: number,
    count: number,
    rate: number,
    properties: readonly string[],
    isTls = false,
  ): Promise<Figures> {
    const { bootstrap, tlsBootstrap, tls } = this.#options
    const payloads = join(this.#options.cache, `payload-${recordBytes}.txt`)
    if (!existsSync(payloads)) writePayloads(payloads, recordBytes)
    const counts = ['--num-records', String(count), '--payload-file', payloads, '--throughput', String(rate)]
    const secured = isTls ? tls.clientProperties : []
    const props = ['--producer-props', `bootstrap.servers=${isTls ? tlsBootstrap : bootstrap}`, ...secured, ...properties]
    const line = await lastLine(this.#tool('ProducerPerformance', '--topic', topic, ...counts, ...props))
    const found = /^(\d+) records sent, ([\d.]+) records\/sec .*?([\d.]+) ms avg latency.*?(\d+) ms 50th.*?(\d+) ms 99th/.exec(line)
    if (found === null || Number(found[1]) < count) throw new Error(`unexpected: ${line}`)
    return { recordsPerSecond: Math.round(Number(found[2])), averageMs: Number(found[3]), p50Ms: Number(found[4]), p99Ms: Number(found[5]) }
  }

  async consume(topic: string, count: number, isTls = false): Promise<Figures> {
    const { bootstrap, tlsBootstrap, tls } = this.#options
    const wanted = ['--topic', topic, '--messages', String(count), '--hide-header', '--timeout', '20000']
    const at = ['--bootstrap-server', isTls ? tlsBootstrap : bootstrap, ...(isTls ? ['--consumer.config', tls.clientConfig] : [])]
    const line = await lastLine(this.#tool('ConsumerPerformance', ...at, ...wanted))
    const fields = line.split(',').map((field) => Number(field.trim()))
    if (!(fields[4]! >= count)) throw new Error(`consumed ${fields[4]} of ${count}`)
    return { recordsPerSecond: Math.round(fields[9]!), joinMs: fields[6]! }
  }

  /** Open loop at a fixed rate, to the microsecond. */
  async latency(topic: string, rate: number, seconds: number, properties: readonly string[]): Promise<Figures> {
    const program = join(import.meta.dirname, 'Latency.java')
    const line = await lastLine(
      this.java(program, this.#options.bootstrap, topic, String(rate), String(seconds), '1024', 'all', ...properties),
    )
    const { ackP50Us, ackP99Us, e2eP50Us, e2eP99Us } = JSON.parse(line) as Figures
    return { ackP50Us: ackP50Us!, ackP99Us: ackP99Us!, e2eP50Us: e2eP50Us!, e2eP99Us: e2eP99Us! }
  }

  #tool(name: string, ...args: readonly string[]): Promise<string> {
    return this.java(`org.apache.kafka.tools.${name}`, ...args)
  }
}

type Batching = 'default' | 'batch64k'

function produce(acks: string, recordBytes: number, compression: string, batching: Batching, scale: number, isTls = false): Scenario {
  const records = Math.round(RECORDS[recordBytes]! * scale)
  const properties = [`acks=${acks}`, `compression.type=${compression}`, ...(batching === 'batch64k' ? BATCH_64K : [])]
  return {
    name: `produce${isTls ? ' TLS' : ''} acks=${acks} ${recordBytes}B ${batching} ${compression}`,
    records,
    recordBytes,
    async prepare(topic, bench) {
      await bench.createTopic(topic)
      return () => bench.produce(topic, recordBytes, records, -1, properties, isTls)
    },
  }
}

function consume(recordBytes: number, compression: string, scale: number, isTls = false): Scenario {
  const records = Math.round(RECORDS[recordBytes]! * scale)
  return {
    name: `consume${isTls ? ' TLS' : ''} ${recordBytes}B ${compression}`,
    records,
    recordBytes,
    async prepare(topic, bench) {
      await bench.createTopic(topic)
      await bench.produce(topic, recordBytes, records + SPARE_RECORDS, -1, ['acks=1', `compression.type=${compression}`, ...BATCH_64K])
      return () => bench.consume(topic, records, isTls)
    },
  }
}

function fixedRate(rate: number, scale: number): Scenario {
  const records = Math.max(2 * rate, Math.round(10 * rate * scale))
  return {
    name: `produce fixed ${rate}/s 1024B acks=all`,
    records,
    recordBytes: 1024,
    async prepare(topic, bench) {
      await bench.createTopic(topic)
      return () => bench.produce(topic, 1024, records, rate, ['acks=all'])
    },
  }
}

function latency(rate: number, seconds: number, properties: readonly string[], scale: number): Scenario {
  const duration = Math.max(4, Math.round(seconds * scale))
  return {
    name: `latency ${rate}/s 1024B acks=all ${properties.join(' ') || 'linger.ms=0'}`,
    records: rate * duration,
    recordBytes: 1024,
    async prepare(topic, bench) {
      await bench.createTopic(topic)
      return () => bench.latency(topic, rate, duration, properties)
    },
  }
}

function connections(count: number, scale: number): Scenario {
  const seconds = Math.max(3, Math.round(10 * scale))
  return {
    name: `${count} connections, one record a request`,
    records: 0,
    recordBytes: 100,
    async prepare(topic, bench) {
      await bench.createTopic(topic, 1)
      return async () => JSON.parse(await lastLine(bench.node('connections.ts', topic, String(count), String(seconds)))) as Figures
    },
  }
}

/** What the broker with the least of it can take is measured by this one. */
export const SATURATION = 'produce acks=all 1024B default none'

/** Latency of an open loop at shares of what the slower broker can take, in records a second. */
export function loadedLatencies(saturation: number, scale: number): readonly Scenario[] {
  return [25, 50, 80].map((percent) => {
    const rate = Math.max(1, Math.round((saturation * percent) / 100))
    return { ...latency(rate, 16, ['linger.ms=0'], scale), name: `latency at ${percent} % of saturation 1024B acks=all` }
  })
}

function eventLoop(scale: number): Scenario {
  const seconds = Math.max(20, Math.round(60 * scale))
  return {
    name: 'event loop through compaction, roll and rebalance',
    records: 0,
    recordBytes: 0,
    isOursAlone: true,
    async prepare(topic, bench) {
      await bench.createTopic(topic, 1)
      return async () => JSON.parse(await lastLine(bench.node('event-loop.ts', topic, bench.metricsUrl, String(seconds)))) as Figures
    },
  }
}

/** @param scale of the numbers of records and seconds: 1 for figures that are to be quoted */
export function scenarios(scale: number): readonly Scenario[] {
  const produced = ['none', 'lz4'].flatMap((compression) =>
    [100, 1024].flatMap((recordBytes) =>
      (['default', 'batch64k'] as const).map((batching) => produce('all', recordBytes, compression, batching, scale)),
    ),
  )
  const consumed = ['none', 'lz4'].flatMap((compression) => [100, 1024].map((recordBytes) => consume(recordBytes, compression, scale)))
  return [
    ...produced,
    produce('1', 1024, 'none', 'batch64k', scale),
    ...consumed,
    ...[100, 1024].map((recordBytes) => produce('all', recordBytes, 'none', 'default', scale, true)),
    ...[100, 1024].map((recordBytes) => consume(recordBytes, 'none', scale, true)),
    connections(50, scale),
    fixedRate(20_000, scale),
    latency(500, 16, [], scale),
    latency(20_000, 12, ['linger.ms=5'], scale),
    eventLoop(scale),
  ]
}
