// kcat (librdkafka, C) against a broker: node main.ts BOOTSTRAP RUN CLIENT SCENARIO…
// kcat makes no topics; another client does so where one partition will not do.
import kafkajs from 'kafkajs'
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import * as harness from '../node/harness.ts'
import { compressible, numbers, prefix, sample, skip, until, type Codec } from '../node/harness.ts'

const kcat = process.env['MATRIX_KCAT'] ?? 'kcat'

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function start(args: readonly string[], input?: string): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(kcat, ['-b', harness.bootstrap, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  child.stdin.end(input ?? '')
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code: code ?? -1, ...said }))
  })
  return { child, ended }
}

async function run(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await start(args, input).ended
  assert.equal(code, 0, `kcat ${args.join(' ')}: ${stderr}`)
  return stdout
}

interface Received {
  readonly partition: number
  readonly offset: number
  readonly ts: number
  readonly headers?: readonly string[]
  readonly key: string | null
  readonly payload: string | null
}

function recordsOf(lines: string): readonly Received[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Received)
}

/** Reads to the end of a topic. */
async function read(topic: string, ...options: readonly string[]): Promise<readonly Received[]> {
  return recordsOf(await run(['-C', '-t', topic, '-p', '0', '-J', '-e', '-q', '-o', 'beginning', ...options]))
}

function lines(count: number, value: (i: number) => string = (i) => `value-${i}`): string {
  return numbers(count)
    .map((i) => `key-${i}=${value(i)}\n`)
    .join('')
}

async function send(topic: string, input: string, ...options: readonly string[]): Promise<void> {
  await run(['-P', '-t', topic, '-K=', '-p', '0', '-X', 'linger.ms=20', ...options], input)
}

async function sendSamples(topic: string): Promise<void> {
  // One header list a run of kcat: the records come in three.
  for (const [from, count] of [
    [0, 50],
    [50, 1],
    [51, 49],
  ] as const) {
    const input = numbers(count, from)
      .map((i) => `${sample(i).key ?? ''}=${sample(i).value ?? ''}\n`)
      .join('')
    await send(topic, input, '-Z', '-H', `from=${from}`, '-H', 'empty=')
  }
}

async function produce(): Promise<void> {
  const topic = `${prefix}produce`
  await sendSamples(topic)
  for (const acks of ['1', '0']) await send(topic, 'a=b\n', '-X', `acks=${acks}`)
  await until(async () => (await run(['-Q', '-t', `${topic}:0:-1`])).includes('offset 102'), 'the end offset 102')
}

async function consume(): Promise<void> {
  const topic = `${prefix}consume`
  const before = Date.now()
  await sendSamples(topic)
  const records = await read(topic)
  assert.deepEqual(
    records.map(({ offset, key, payload, headers }) => [offset, key, payload, headers]),
    numbers(100).map((i) => {
      const from = i < 50 ? 0 : i === 50 ? 50 : 51
      return [i, sample(i).key, sample(i).value, ['from', String(from), 'empty', '']]
    }),
  )
  assert.ok(records.every(({ ts }) => ts >= before && ts <= Date.now()))
  assert.equal((await read(topic, '-o', '40'))[0]?.offset, 40)
  const second = records.find(({ ts }) => ts > records[0]!.ts)!
  assert.equal((await read(topic, '-o', `s@${second.ts}`))[0]?.offset, second.offset)
  assert.match(await run(['-Q', '-t', `${topic}:0:${second.ts}`]), new RegExp(`offset ${second.offset}\\b`))
}

async function idempotence(): Promise<void> {
  const topic = `${prefix}idempotence`
  await send(topic, lines(2_000), '-X', 'enable.idempotence=true', '-X', 'batch.num.messages=20')
  assert.deepEqual(
    (await read(topic)).map(({ offset, payload }) => [offset, payload]),
    numbers(2_000).map((i) => [i, `value-${i}`]),
  )
}

async function write(topic: string, codec: Codec): Promise<void> {
  await send(topic, lines(200, compressible), '-z', codec, '-H', `codec=${codec}`)
}

async function check(topic: string, codec: Codec): Promise<void> {
  assert.deepEqual(
    (await read(topic)).map(({ key, payload, headers }) => [key, payload, headers]),
    numbers(200).map((i) => [`key-${i}`, compressible(i), ['codec', codec]]),
    topic,
  )
}

function compressed(codec: Codec): () => Promise<void> {
  return async () => {
    await write(prefix + codec, codec)
    await check(prefix + codec, codec)
  }
}

/** A member of a group; it commits on its own and when it is stopped. */
class Member {
  readonly #child: ChildProcess
  readonly #ended: Promise<Ended>
  #said = ''

  constructor(topic: string, group: string, ...options: readonly string[]) {
    const config = [
      'session.timeout.ms=6000',
      'heartbeat.interval.ms=300',
      'auto.offset.reset=earliest',
      'auto.commit.interval.ms=100',
      ...options,
    ]
    const flags = config.flatMap((setting) => ['-X', setting])
    const { child, ended } = start(['-G', group, '-J', '-u', ...flags, topic])
    this.#child = child
    this.#ended = ended
    child.stderr!.on('data', (text: string) => (this.#said += text))
    child.stdout!.on('data', (text: string) => (this.#records += text))
  }

  #records = ''

  /** What kcat last said was assigned. */
  get assigned(): number {
    const last = /.*Group .* rebalanced .*: (assigned|revoked): ?(.*)\n$/.exec(
      this.#said.split(/(?<=\n)/).findLast((line) => line.includes('rebalanced')) ?? '',
    )
    return last?.[1] === 'assigned' ? (last[2]!.match(/\[\d+\]/g) ?? []).length : 0
  }

  get records(): readonly string[] {
    return recordsOf(this.#records.slice(0, this.#records.lastIndexOf('\n') + 1)).map(({ partition, offset }) => `${partition}:${offset}`)
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#ended
  }
}

async function groups(): Promise<void> {
  const [topic, group] = [`${prefix}groups`, `${prefix}groups`]
  const admin = new kafkajs.Kafka({ brokers: [harness.bootstrap], logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 4, replicationFactor: 1 }] })
  await admin.disconnect()
  for (const partition of numbers(4)) await send(topic, lines(10), '-p', String(partition))
  const first = new Member(topic, group)
  await until(() => first.assigned === 4, 'all partitions at the first member')
  const second = new Member(topic, group)
  await until(() => first.assigned === 2 && second.assigned === 2, 'two partitions each')
  await until(() => new Set([...first.records, ...second.records]).size === 40, 'all records')
  await second.stop()
  await until(() => first.assigned === 4, 'all partitions back at the first member')
  await first.stop()
  for (const partition of numbers(4)) await send(topic, lines(2), '-p', String(partition))
  const third = new Member(topic, group)
  await until(() => third.records.length >= 8, 'the records after the committed offsets')
  await third.stop()
  assert.deepEqual(
    third.records.toSorted(),
    numbers(4).flatMap((partition) => [`${partition}:10`, `${partition}:11`]),
  )
}

async function unknownTopic(): Promise<void> {
  const listed = await run(['-L', '-t', `${prefix}nowhere`, '-X', 'allow.auto.create.topics=false'])
  assert.match(listed, /Unknown topic or partition/)
}

async function invalidTopic(): Promise<void> {
  assert.match(await run(['-L', '-t', 'not/a topic']), /Invalid topic/)
}

async function tooLarge(): Promise<void> {
  const topic = `${prefix}too-large`
  const { stderr } = await start(['-P', '-t', topic, '-p', '0', '-X', 'message.max.bytes=5000000'], 'x'.repeat(2_000_000)).ended
  assert.match(stderr, /Message size too large/)
  await send(topic, 'a=b\n')
}

async function offsetOutOfRange(): Promise<void> {
  const topic = `${prefix}out-of-range`
  await send(topic, lines(10))
  const { stderr } = await start(['-C', '-t', topic, '-p', '0', '-o', '1000', '-c', '1', '-X', 'topic.auto.offset.reset=error']).ended
  assert.match(stderr, /out of range/i)
}

const none = skip('kcat has no command for it')
const noTransactions = skip('kcat has no transactions')
await harness.runScenarios({
  produce,
  consume,
  idempotence,
  gzip: compressed('gzip'),
  snappy: compressed('snappy'),
  lz4: compressed('lz4'),
  zstd: compressed('zstd'),
  'across-write': async () => {
    for (const codec of harness.codecs) await write(`${prefix}across-${codec}`, codec)
  },
  'across-read': async () => {
    for (const [topic, codec] of harness.topicsAcross()) await check(topic, codec)
  },
  groups,
  'groups-cooperative': skip('the same library as confluent-kafka, which shows it'),
  'groups-static': skip('the same library as confluent-kafka, which shows it'),
  'groups-kip848': skip('librdkafka has it from 2.6'),
  'transactions-commit': noTransactions,
  'transactions-abort': noTransactions,
  'transactions-offsets': noTransactions,
  'transactions-fencing': noTransactions,
  'admin-topics': none,
  'admin-configs': none,
  'admin-partitions': none,
  'admin-groups': none,
  'admin-delete-records': none,
  'admin-acls': none,
  'errors-unknown-topic': unknownTopic,
  'errors-invalid-topic': invalidTopic,
  'errors-too-large': tooLarge,
  'errors-offset-out-of-range': offsetOutOfRange,
})
