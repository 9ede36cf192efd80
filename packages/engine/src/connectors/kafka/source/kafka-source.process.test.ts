// The source in real jobs against a broker of our own over real sockets. The same was tried by hand against Apache Kafka 4.1.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom } from '@millrace/core'
import { Log } from '@millrace/log'
import { LogClient, type ProducerRecord } from '@millrace/log/client'
import { collect } from '../../../runtime/execute.ts'
import { type } from '../../../api/types.ts'
import { watermarks } from '../../../api/watermarks.ts'
import type { Source } from '../../source.ts'
import { json, string } from '../formats/plain.ts'
import { NotReady, nullable, type Format } from '../formats/format.ts'
import { avro } from '../formats/registry/avro.ts'
import { RegistryServer } from '../formats/registry/testing/registry-server.ts'
import { KafkaEnumerator } from './enumerator.ts'
import type { KafkaSplit } from './split.ts'
import { kafkaSource } from './kafka-source.ts'
import { sourceSettings, type EndAt, type StartAt } from './options.ts'
import { isPoison } from './poison.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-kafka-source-'))
const log = await Log.start({ dir, config: { 'group.initial.rebalance.delay.ms': '0' } })
const brokers = log.bootstrap
const client = new LogClient({ bootstrap: brokers })
after(async () => {
  client.close()
  await log.close()
  rmSync(dir, { recursive: true })
})

let topics = 0
async function newTopic(partitions: number): Promise<string> {
  const topic = `topic-${topics++}`
  await client.admin.createTopics([{ name: topic, partitions }])
  return topic
}

async function produce(records: readonly ProducerRecord[]): Promise<void> {
  const producer = client.producer()
  await Promise.all(records.map((record) => producer.send(record)))
  await producer.close()
}

/** Values `from` to `to` - 1, one record each, with time stamps a second apart. */
async function produceNumbers(topic: string, partition: number, from: number, to: number): Promise<void> {
  const numbers = Array.from({ length: to - from }, (_, index) => from + index)
  await produce(numbers.map((n) => ({ topic, partition, value: String(n), timestamp: 1_000 * (n + 1) })))
}

/** What the source emits: all of it, or the first `count`, after which the job is cancelled. */
async function read<T>(source: Source<T>, options: { readonly parallelism?: number; readonly count?: number } = {}): Promise<T[]> {
  const { count = Infinity, parallelism = 1 } = options
  const seen: T[] = []
  for await (const value of collect((env) => env.fromSource(source), { parallelism, options: noRestart })) {
    seen.push(value)
    if (seen.length >= count) break
  }
  return seen
}

const noRestart = { restart: { strategy: 'none' } } as const
const sorted = (values: readonly string[]): string[] => values.toSorted((a, b) => Number(a) - Number(b))

void test('a bounded job reads every record once, in the order of each partition', async () => {
  const topic = await newTopic(3)
  const values = Array.from({ length: 3_000 }, (_, n) => ({ n, partition: n % 3 }))
  await produce(values.map((value) => ({ topic, partition: value.partition, value: JSON.stringify(value) })))
  const source = kafkaSource({ brokers, topics: topic, value: json<{ n: number; partition: number }>(), endAt: 'latest' })
  const seen = await read(source, { parallelism: 4 })
  assert.equal(seen.length, values.length)
  for (const partition of [0, 1, 2]) {
    const of = (list: readonly { n: number; partition: number }[]): number[] =>
      list.filter((each) => each.partition === partition).map(({ n }) => n)
    assert.deepEqual(of(seen), of(values))
  }
})

void test('reading begins and ends where it is told to', async () => {
  const topic = await newTopic(2)
  await produceNumbers(topic, 0, 0, 10)
  await produceNumbers(topic, 1, 100, 110)
  let groups = 0
  const between = async (startAt: StartAt, endAt: EndAt): Promise<string> => {
    const groupId = `places-${groups++}`
    await client.admin.groups.commitOffsets(groupId, [{ topic, partition: 0, offset: 8 }])
    const source = kafkaSource({ brokers, topics: topic, value: string(), groupId, startAt, endAt })
    return sorted(await read(source)).join(' ')
  }
  const all = [0, 100].flatMap((first) => Array.from({ length: 10 }, (_, n) => first + n))
  const behind = (first: number, second: number): string => [...all.slice(first, 10), ...all.slice(10 + second)].join(' ')
  assert.equal(await between('earliest', 'latest'), all.join(' '))
  assert.equal(await between('latest', 'latest'), '')
  assert.equal(await between('committed', 'latest'), behind(8, 0))
  assert.equal(await between({ committedOr: 'latest' }, 'latest'), '8 9')
  await assert.rejects(between({ committedOr: 'fail' }, 'latest'), {
    code: 'KAFKA_NOT_COMMITTED',
    message: new RegExp(`group places-\\d .* ${topic}-1 `),
  })
  assert.equal(await between({ timestampMs: 6_000 }, 'latest'), behind(5, 0))
  assert.equal(await between('earliest', { timestampMs: 3_001 }), '0 1 2')
  assert.equal(await between({ offsets: { [topic]: [7] } }, 'latest'), behind(7, 0))
  assert.equal(await between({ offsets: { [topic]: { 1: 9 } }, otherwise: 'latest' }, 'latest'), '109')
  assert.equal(await between('earliest', { offsets: { [topic]: [2, 1] } }), '0 1 100')
  await assert.rejects(between('earliest', { offsets: { [topic]: [2] } }), { code: 'KAFKA_NO_END' })
  await assert.rejects(between({ offsets: { [topic]: { 0: 1, 2: 1 } } }, 'latest'), {
    message: /startAt\.offsets names partition 2 of topic-\d+, which has 2/,
  })
  await assert.rejects(between('earliest', { offsets: { [topic]: [1, 1, 1] } }), { message: /endAt\.offsets names partition 2/ })
})

void test('whole records: key, headers, time stamp, place; null for a tombstone where that is taken', async () => {
  const topic = await newTopic(1)
  await produce([
    { topic, key: 'k', value: '{"a":1}', headers: [{ key: 'h', value: 'x' }], timestamp: 5_000 },
    { topic, key: null, value: null, timestamp: 6_000 },
  ])
  const value = nullable(json<{ a: number }>())
  const seen = await read(kafkaSource({ brokers, topics: [topic], value, key: string(), metadata: true, endAt: 'latest' }))
  assert.deepEqual(
    seen.map(({ headers, ...rest }) => ({ ...rest, headers: headers.map((each) => `${each.key}=${Buffer.from(each.value!).toString()}`) })),
    [
      { key: 'k', value: { a: 1 }, headers: ['h=x'], timestampMs: 5_000, topic, partition: 0, offset: 0 },
      { key: null, value: null, headers: [], timestampMs: 6_000, topic, partition: 0, offset: 1 },
    ],
  )
})

void test('poison records fail the job by name, are null, are left out, or are emitted', async () => {
  const topic = await newTopic(1)
  await produce(['1', '{', '3'].map((value) => ({ topic, value })))
  const options = { brokers, topics: topic, value: json<number>(), endAt: 'latest' } as const
  await assert.rejects(read(kafkaSource(options)), {
    code: 'KAFKA_POISON',
    message: new RegExp(`the value of ${topic}-0 at offset 1 cannot be read: .*JSON`),
  })
  assert.deepEqual(await read(kafkaSource({ ...options, onPoison: 'null' })), [1, null, 3])
  assert.deepEqual(await read(kafkaSource({ ...options, onPoison: 'skip' })), [1, 3])
  const [one, poison, three] = await read(kafkaSource({ ...options, onPoison: 'emit' }))
  assert.deepEqual([one, three, isPoison(one)], [1, 3, false])
  assert.ok(isPoison(poison))
  assert.deepEqual([poison.topic, poison.partition, poison.offset, Buffer.from(poison.value!).toString()], [topic, 0, 1, '{'])
  const [whole] = await read(
    kafkaSource({ ...options, metadata: true, key: json(), startAt: { offsets: { [topic]: [1] } }, onPoison: 'null' }),
  )
  assert.deepEqual([whole?.value, whole?.offset], [null, 1])
})

void test('records of aborted and open transactions are not seen, unless asked for', async () => {
  const topic = await newTopic(1)
  const producer = client.transactionalProducer({ transactionalId: topic })
  await producer.init()
  for (const [value, isKept] of [
    ['a', true],
    ['b', false],
    ['c', true],
  ] as const) {
    await producer.begin()
    await producer.send({ topic, value })
    if (isKept) await producer.commit()
    else await producer.abort()
  }
  await producer.begin()
  await producer.send({ topic, value: 'd' })
  const options = { brokers, topics: topic, value: string(), endAt: 'latest' } as const
  assert.deepEqual(await read(kafkaSource(options)), ['a', 'c'])
  assert.deepEqual(await read(kafkaSource({ ...options, isolation: 'read-uncommitted' })), ['a', 'b', 'c', 'd'])
  await producer.abort()
  assert.deepEqual(await read(kafkaSource(options)), ['a', 'c'])
  producer.close()
})

void test('offsets are committed to the group once their checkpoint is complete', async () => {
  const topic = await newTopic(2)
  await produceNumbers(topic, 0, 0, 10)
  await produceNumbers(topic, 1, 0, 5)
  const groupId = `${topic}-readers`
  const source = kafkaSource({ brokers, topics: topic, value: string(), groupId, endAt: 'latest' })
  assert.equal((await read(source)).length, 15)
  const committed = await client.admin.groups.offsets(groupId)
  assert.deepEqual(
    committed.map(({ partition, offset }) => [partition, offset]).toSorted((a, b) => a[0]! - b[0]!),
    [
      [0, 10],
      [1, 5],
    ],
  )
})

void test('new partitions, and new topics that match, are found and read from their beginnings', async () => {
  const prefix = `grows-${topics++}`
  const first = `${prefix}.a`
  await client.admin.createTopics([{ name: first, partitions: 1 }])
  await produceNumbers(first, 0, 0, 2)
  const seen: string[] = []
  const startAt = { offsets: { [first]: [1] }, otherwise: 'latest' } as const
  const source = kafkaSource({ brokers, topicPattern: `${prefix}\\..`, value: string(), startAt, discoverEvery: 20 })
  for await (const value of collect((env) => env.fromSource(source), { parallelism: 2, options: noRestart })) {
    if (seen.push(value) === 3) break
    if (seen.length === 1) {
      await client.admin.createPartitions(first, 2)
      await produceNumbers(first, 1, 10, 11)
    } else {
      await client.admin.createTopics([
        { name: `${prefix}.b`, partitions: 1 },
        { name: `not-${prefix}.b`, partitions: 1 },
      ])
      await produceNumbers(`${prefix}.b`, 0, 20, 21)
    }
  }
  assert.deepEqual(seen, ['1', '10', '20'])
})

void test('an offset that is gone fails the job by name, or reading goes on where it is told to', async () => {
  const topic = await newTopic(1)
  await produceNumbers(topic, 0, 0, 10)
  await client.admin.deleteRecords(topic, 0, 4)
  const options = { brokers, topics: topic, value: string(), startAt: { offsets: { [topic]: [2] } } } as const
  const error = { code: 'KAFKA_OFFSET_LOST', message: new RegExp(`${topic}-0 cannot go on at offset 2: `) }
  await assert.rejects(read(kafkaSource(options), { count: 1 }), error)
  assert.deepEqual(await read(kafkaSource({ ...options, onOffsetLost: 'earliest' }), { count: 2 }), ['4', '5'])
  assert.deepEqual(await read(kafkaSource({ ...options, onOffsetLost: 'latest', endAt: 'latest' })), [])
})

void test('a topic that is deleted, or made anew, fails the job by name, or the new one is read from its beginning', async () => {
  const lose = async (topic: string, isMadeAnew: boolean): Promise<void> => {
    await client.admin.deleteTopics([topic])
    if (!isMadeAnew) return
    await client.admin.createTopics([{ name: topic, partitions: 2 }])
    await produceNumbers(topic, 1, 100, 103)
  }
  for (const isMadeAnew of [false, true]) {
    const [topic, other] = [await newTopic(1), await newTopic(1)]
    await produceNumbers(topic, 0, 0, 2)
    const failing = kafkaSource({ brokers, topics: [topic, other], value: string(), discoverEvery: 20 })
    const job = (async () => {
      let count = 0
      for await (const _ of collect((env) => env.fromSource(failing), { parallelism: 2, options: noRestart }))
        if (++count === 2) await lose(topic, isMadeAnew)
    })()
    await assert.rejects(job, {
      code: isMadeAnew ? 'KAFKA_TOPIC_RECREATED' : 'KAFKA_TOPIC_DELETED',
      message: new RegExp(`topic ${topic} `),
    })
  }
  const topic = await newTopic(1)
  await produceNumbers(topic, 0, 0, 2)
  const seen: string[] = []
  const source = kafkaSource({ brokers, topics: topic, value: string(), discoverEvery: 20, onTopicLost: 'skip' })
  for await (const value of collect((env) => env.fromSource(source), { parallelism: 2, options: noRestart })) {
    if (seen.push(value) === 5) break
    if (seen.length === 2) await lose(topic, true)
  }
  assert.deepEqual(seen, ['0', '1', '100', '101', '102'])
})

void test('event time is that of the partition that is furthest behind; a reader without partitions, and one that is idle, hold nobody back', async () => {
  const topic = await newTopic(2)
  await produceNumbers(topic, 0, 0, 100)
  await produceNumbers(topic, 1, 50, 52)
  const timesAt = async (startAt: StartAt, idleAfter: number | undefined): Promise<number> => {
    const source = kafkaSource({ brokers, topics: topic, value: json<number>(), startAt, metadata: true })
    const strategy = watermarks.monotonous<{ timestampMs: number }>(
      ({ timestampMs }) => timestampMs,
      idleAfter === undefined ? {} : { idleAfter },
    )
    const fired = collect(
      (env) =>
        env
          .fromSource(source, { watermarks: strategy })
          .keyBy(() => 'all')
          .process({
            emits: type<number>(),
            onElement: ({ timestampMs }, ctx) => ctx.eventTimers.at(timestampMs),
            onEventTimer: (time, ctx) => ctx.emit(time),
          }),
      { parallelism: 3, options: noRestart },
    )
    let last = -1
    for await (const time of fired) {
      last = Math.max(last, time)
      if (time >= (idleAfter === undefined ? 51_000 : 99_000)) break
    }
    return last
  }
  assert.equal(await timesAt('earliest', undefined), 51_000)
  assert.ok((await timesAt({ offsets: { [topic]: [0, 2] } }, 100)) >= 99_000)
})

/** The bytes of values, once the format has what it waits for. */
async function encoded<T>(format: Format<T>, topic: string, value: T): Promise<Uint8Array> {
  await format.open?.({ isKey: false, topics: [topic] })
  return format.serialize(value, { topic, isKey: false })!
}

void test('records wait for their schemas, and keep their order', async () => {
  const registry = await RegistryServer.start()
  const topic = await newTopic(1)
  const field = (type: string): object => ({ type: 'record', name: 'R', fields: [{ name: 'n', type }] })
  const options = { registry: { url: registry.url } }
  const formats = [avro<{ n: number }>({ ...options, schema: field('int') }), avro<{ n: number }>({ ...options, schema: field('double') })]
  const numbers = Array.from({ length: 700 }, (_, n) => n)
  const values = await Promise.all(numbers.map((n) => encoded(formats[n % 2]!, topic, { n })))
  await produce(values.map((value) => ({ topic, value })))
  const source = kafkaSource({ brokers, topics: topic, value: avro<{ n: number }>(options), endAt: 'latest' })
  assert.deepEqual(
    (await read(source)).map(({ n }) => n),
    numbers,
  )
  const failing: Format<never> = {
    deserialize: () => {
      throw new NotReady(Promise.reject(new Error('the registry is gone')))
    },
    serialize: () => null,
  }
  await assert.rejects(read(kafkaSource({ brokers, topics: topic, value: failing, endAt: 'latest' })), /the registry is gone/)
  await registry.close()
})

void test('a restored job follows its options: topics that are not chosen any more are left, ends are found or forgotten', async () => {
  const [kept, left] = [await newTopic(1), await newTopic(1)]
  await produceNumbers(kept, 0, 0, 5)
  const splits = async (
    endAt: EndAt | undefined,
    restored: unknown,
    back: readonly KafkaSplit[],
  ): Promise<{ given: KafkaSplit[]; state: unknown; notices: string[] }> => {
    const given: KafkaSplit[] = []
    const notices: string[] = []
    const settings = sourceSettings({
      brokers,
      topics: kept,
      value: string(),
      ...(endAt === undefined ? {} : { endAt }),
      discoverEvery: false,
    })
    const enumerator = new KafkaEnumerator(
      {
        parallelism: 1,
        clock: nodeClock,
        disk: nodeDisk,
        network: nodeNetwork,
        random: nodeRandom,
        assign: (_subtask, list) => void given.push(...(list as KafkaSplit[])),
        noMoreSplits: () => {},
        fail: (error) => assert.fail(String(error)),
        report: ({ code }) => void notices.push(code),
      },
      settings,
    )
    await enumerator.start(restored)
    enumerator.addSplitsBack(back)
    enumerator.addReader(0)
    const state = enumerator.snapshot()
    await enumerator.close()
    return { given, state, notices }
  }
  const first = await splits(undefined, undefined, [])
  assert.deepEqual([first.given[0]!.offset, first.given[0]!.endOffset], [0, undefined])
  const back = [
    { ...first.given[0]!, offset: 3 },
    { ...first.given[0]!, id: `${left}-0`, topic: left },
  ]
  const bounded = await splits('latest', first.state, back)
  assert.deepEqual(
    bounded.given.map(({ id, offset, endOffset }) => [id, offset, endOffset]),
    [[`${kept}-0`, 3, 5]],
  )
  assert.deepEqual(bounded.notices, ['KAFKA_TOPIC_LEFT'])
  await produceNumbers(kept, 0, 5, 9)
  assert.equal((await splits('latest', bounded.state, bounded.given)).given[0]!.endOffset, 5)
  assert.equal((await splits(undefined, bounded.state, bounded.given)).given[0]!.endOffset, undefined)
})
