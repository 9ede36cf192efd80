import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { json, string } from '../formats/plain.ts'
import { execute } from '../../../runtime/execute.ts'
import { defineJob } from '../../../api/job.ts'
import { generator } from '../../generator/generator.ts'
import { kafkaSink, type KafkaSinkOptions } from './kafka-sink.ts'

interface Reading {
  readonly id: number
  readonly celsius: number | null
}

const readings: readonly Reading[] = [
  { id: 1, celsius: 20.5 },
  { id: 2, celsius: null },
  { id: 3, celsius: -4 },
]

let log: Log
let client: LogClient
let numTopics = 0

interface Seen {
  readonly partition: number
  readonly key: string | undefined
  readonly value: string | undefined
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly timestamp: number
}

const text = (bytes: Uint8Array | null): string | undefined => (bytes === null ? undefined : Buffer.from(bytes).toString())

/** All that a reader that reads committed sees of a topic, in the order of its offsets. */
async function read(topic: string, partitions: number): Promise<readonly Seen[]> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const ends = await client.admin.listOffsets(
    all.map((at) => ({ ...at, spec: 'latest' as const })),
    'read_uncommitted',
  )
  const fetcher = client.fetcher({ isolation: 'read_committed', maxWaitMs: 5 })
  fetcher.assign(all.map((at) => ({ ...at, start: 'earliest' as const })))
  const seen: Seen[] = []
  while (!ends.every(({ offset, ...at }) => (fetcher.position(at)?.offset ?? -1) >= offset)) {
    for (const { partition, records } of await fetcher.poll({ waitMs: 5 })) {
      for (const { key, value, headers, timestamp } of records) {
        const named = Object.fromEntries(headers.map((header) => [header.key, text(header.value)]))
        seen.push({ partition, key: text(key), value: text(value), headers: named, timestamp })
      }
    }
  }
  fetcher.close()
  return seen
}

async function write(
  options: Omit<KafkaSinkOptions<Reading, string | number>, 'brokers' | 'value'> & { readonly value?: KafkaSinkOptions<Reading>['value'] },
) {
  const job = defineJob('readings', (env) => {
    env
      .fromCollection(readings)
      .sinkTo(kafkaSink<Reading, string | number>({ brokers: log.bootstrap, value: json<Reading>(), ...options }))
      .uid('out')
  })
  return await execute(job, { options: { restart: { strategy: 'none' } } })
}

async function newTopic(partitions = 2): Promise<string> {
  const name = `readings-${numTopics++}`
  await client.admin.createTopics([{ name, partitions }])
  return name
}

describe('kafkaSink', () => {
  before(async () => {
    log = await Log.start({ memory: true })
    client = new LogClient({ bootstrap: log.bootstrap })
  })
  after(async () => {
    client.close()
    await log.close()
  })

  for (const delivery of ['exactly-once', 'at-least-once', 'none'] as const) {
    it(`writes keys, headers, time stamps, partitions and tombstones: ${delivery}`, async () => {
      const topic = await newTopic()
      const result = await write({
        topic,
        delivery,
        compression: 'gzip',
        key: ({ id }) => id,
        value: (reading) => (reading.celsius === null ? null : Buffer.from(String(reading.celsius))),
        headers: ({ id }) => ({ unit: 'celsius', id: String(id) }),
        timestamp: ({ id }) => 1_000 + id,
        partition: ({ id }) => (id === 3 ? 1 : 0),
      })
      assert.equal(result.state, 'finished')
      const expected = [
        { partition: 0, key: '1', value: '20.5', headers: { unit: 'celsius', id: '1' }, timestamp: 1_001 },
        { partition: 0, key: '2', value: undefined, headers: { unit: 'celsius', id: '2' }, timestamp: 1_002 },
        { partition: 1, key: '3', value: '-4', headers: { unit: 'celsius', id: '3' }, timestamp: 1_003 },
      ]
      let seen = await read(topic, 2)
      // Nothing waits for these.
      for (let tries = 0; tries < 100 && seen.length < expected.length; tries++) seen = await read(topic, 2)
      assert.deepEqual(
        seen.toSorted((a, b) => a.timestamp - b.timestamp),
        expected,
      )
    })
  }

  it('takes the topic from the record, and keys by a format', async () => {
    const [warm, cold] = [await newTopic(1), await newTopic(1)]
    await write({ topicOf: ({ celsius }) => ((celsius ?? 0) < 0 ? cold : warm), key: ({ id }) => `k${id}`, keyFormat: string() })
    assert.deepEqual(
      (await read(warm, 1)).map(({ key, value }) => [key, JSON.parse(value!).id]),
      [
        ['k1', 1],
        ['k2', 2],
      ],
    )
    assert.deepEqual(
      (await read(cold, 1)).map(({ key }) => key),
      ['k3'],
    )
  })

  it('names what is wrong with options and records', async () => {
    const brokers = 'localhost:1'
    const value = json<Reading>()
    const code = { code: 'CONNECTOR_OPTION_INVALID' }
    assert.throws(() => kafkaSink({ brokers, value }), code)
    assert.throws(() => kafkaSink({ brokers, value, topic: 'a', topicOf: () => 'b' }), code)
    assert.throws(() => kafkaSink({ brokers: '', value, topic: 'a' }), code)
    assert.throws(() => kafkaSink({ brokers, value, topic: 'a', transactionTimeout: 'soon' as never }), code)
    assert.throws(() => kafkaSink({ brokers, value, topic: 'a', config: { 'sasl.mechnism': 'PLAIN' } }), /perhaps be sasl.mechanism/)
    await assert.rejects(write({ topic: await newTopic(), partition: () => -1 }), /partition answers -1 \[SINK_FORMAT_FAILED\]/)
    const wrong = /headers, for a, answers 5: bytes, or null for none \[SINK_FORMAT_FAILED\]/
    await assert.rejects(write({ topic: await newTopic(), headers: () => ({ a: 5 }) as never }), wrong)
    await assert.rejects(write({ topic: await newTopic(), headers: () => [{ value: 'a' }] as never }), /whose key is undefined/)
    await assert.rejects(write({ topic: await newTopic(), value: (() => undefined) as never }), /value answers undefined: bytes/)
    await assert.rejects(write({ topic: await newTopic(), key: () => 1, keyFormat: () => 1 as never }), /keyFormat answers 1: bytes/)
  })

  it('tells what was lost without a delivery guarantee, also what is lost at the end', async () => {
    const topic = `readings-${numTopics++}`
    await client.admin.createTopics([{ name: topic, partitions: 1, configs: { 'max.message.bytes': '200' } }])
    const told: string[] = []
    const job = defineJob('lossy', (env) => {
      const sink = kafkaSink<string>({ brokers: log.bootstrap, topic, value: string(), delivery: 'none', linger: 0 })
      env
        .fromCollection(['x'.repeat(300)])
        .sinkTo(sink)
        .uid('out')
    })
    await execute(job, {
      onEvent: (event) => void (event.kind === 'log' && told.push(`${String(event.record.fields['code'])} ${event.record.message}`)),
    })
    assert.match(told.join(), /KAFKA_SINK_DROPPED kafkaSink: .*MESSAGE_TOO_LARGE/)
  })

  it('aborts what is open when the job fails, so that readers do not wait for it', async () => {
    const [topic, prefix] = [await newTopic(1), 'fails-for-good']
    let isEnough = false
    const job = defineJob('fails', (env) => {
      env
        .fromSource(generator({ ratePerSecond: 2_000, generate: (n) => n }))
        .map((n) => {
          if (isEnough) throw new Error('on purpose')
          return n
        })
        .sinkTo(kafkaSink<number>({ brokers: log.bootstrap, topic, value: json(), transactionalIdPrefix: prefix }))
        .uid('out')
    })
    const options = { checkpointing: { interval: '1m' }, restart: { strategy: 'none' } } as const
    const failed = assert.rejects(execute(job, { options }), /on purpose/)
    const written = async (): Promise<number> =>
      (await client.admin.listOffsets([{ topic, partition: 0, spec: 'latest' }], 'read_uncommitted'))[0]!.offset
    while ((await written()) < 2) await sleep(2)
    isEnough = true
    await failed
    assert.deepEqual(await client.transactions.list({ prefix, states: ['Ongoing'] }), [])
    assert.deepEqual(await read(topic, 1), [])
  })

  it('says that it was fenced, whatever it does at the time, and not that a record could not be written', async () => {
    const [topic, prefix] = [await newTopic(1), 'fenced']
    const job = defineJob('fenced', (env) => {
      env
        .fromSource(generator({ ratePerSecond: 2_000, generate: (n) => n }))
        .sinkTo(kafkaSink<number>({ brokers: log.bootstrap, topic, value: json(), transactionalIdPrefix: prefix }))
        .uid('out')
    })
    const failed = assert.rejects(execute(job, { options: { restart: { strategy: 'none' } } }), {
      code: 'KAFKA_SINK_FENCED',
      message: /kafkaSink: .*open for too long, or another job has the same transactionalIdPrefix\. Nothing is lost/,
    })
    const open = async (): Promise<readonly string[]> =>
      (await client.transactions.list({ prefix, states: ['Ongoing'] })).map(({ transactionalId }) => transactionalId)
    while ((await open()).length === 0) await sleep(2)
    for (const id of await open()) await client.transactions.fence(id)
    await failed
  })

  it('refuses to start with a time-out that is too short, or longer than the cluster allows', async () => {
    const topic = await newTopic()
    await assert.rejects(write({ topic, transactionTimeout: '5m' }), { code: 'KAFKA_SINK_TIMEOUT_TOO_SHORT' })
    await assert.rejects(write({ topic, transactionTimeout: '1h' }), /INVALID_TRANSACTION_TIMEOUT.*\[KAFKA_SINK_REFUSED\]/)
  })
})
