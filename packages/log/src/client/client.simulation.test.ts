import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { records as recordsOf, viewBatch, type LogRecord } from '../records/index.ts'
import type { Fetcher } from './fetcher/fetcher.ts'
import type { RecordMetadata } from './producer/record.ts'
import { LogClient } from './client.ts'
import { FakeCluster, TOPIC, type FakeClusterOptions } from './testing/fake-cluster.ts'
import { SimulatedNetwork } from './testing/simulated-network.ts'

/** More of them find more; a share runs among the tests. */
const SEEDS = Number(process.env['MILLRACE_CLIENT_SEEDS'] ?? 6)

class World {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly network: SimulatedNetwork
  readonly cluster: FakeCluster
  readonly #clients: LogClient[] = []

  constructor(seed: number, options: Partial<FakeClusterOptions> = {}) {
    this.random = new SeededRandom(seed)
    this.network = new SimulatedNetwork(this.clock, this.random.fork(), { delayMsMax: 20, breakChance: 0.01, refuseChance: 0.05 })
    this.cluster = new FakeCluster(this.clock, this.random.fork(), this.network, {
      nodes: 3,
      partitions: 4,
      transactionVersion: 2,
      errorChance: 0.05,
      ...options,
    })
  }

  client(): LogClient {
    const { clock, network } = this
    const made = new LogClient({
      bootstrap: this.cluster.bootstrap,
      requestTimeoutMs: 3000,
      apiTimeoutMs: 600_000,
      ports: { clock, network, random: this.random.fork() },
    })
    this.#clients.push(made)
    return made
  }

  /** Leaders move and sessions are forgotten for as long as `isOn`. */
  async trouble(isOn: () => boolean): Promise<void> {
    while (isOn()) {
      await this.sleep(this.random.between(20, 400))
      if (this.random.chance(0.6)) this.cluster.moveLeader()
      if (this.random.chance(0.2)) this.cluster.forgetSessions()
    }
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve))
  }

  /** What stands in the logs, without markers. */
  logs(): string[][] {
    return this.cluster.partitions.map(({ batches }) =>
      batches.map(({ bytes }) => viewBatch(bytes)).flatMap((batch) => (batch.isControl ? [] : [...recordsOf(batch)].map(textOf))),
    )
  }

  close(): void {
    for (const client of this.#clients) client.close()
  }
}

function textOf({ value }: LogRecord): string {
  return Buffer.from(value!).toString()
}

/** Reads until all partitions have been read to their ends. */
async function readAll(world: World, fetcher: Fetcher, isDone: () => boolean): Promise<string[][]> {
  const seen: string[][] = world.cluster.partitions.map(() => [])
  fetcher.assign(world.cluster.partitions.map((_, partition) => ({ topic: TOPIC, partition, start: 'earliest' as const })))
  const isAtEnd = (): boolean =>
    world.cluster.partitions.every((log, partition) => (fetcher.position({ topic: TOPIC, partition })?.offset ?? 0) >= log.end)
  while (!isDone() || !isAtEnd()) {
    for (const { partition, records } of await fetcher.poll({ waitMs: 300, maxRecords: world.random.between(1, 50) })) {
      for (const record of records) seen[partition]!.push(textOf(record))
    }
    if (world.random.chance(0.05)) fetcher.pause([{ topic: TOPIC, partition: 0 }])
    else if (world.random.chance(0.5)) fetcher.resume([{ topic: TOPIC, partition: 0 }])
  }
  return seen
}

const hit = { duplicates: 0, leaderMoves: 0, errors: 0, refused: 0, breaks: 0 }

async function produceAndFetch(seed: number): Promise<void> {
  const world = new World(seed)
  const client = world.client()
  const producer = client.producer({
    batchBytes: 300,
    lingerMs: world.random.between(0, 20),
    deliveryTimeoutMs: 600_000,
    compression: 'gzip',
  })
  const sent: string[][] = world.cluster.partitions.map(() => [])
  const acknowledged: { readonly text: string; readonly at: RecordMetadata }[] = []
  let isOver = false
  const trouble = world.trouble(() => !isOver)
  const write = async (): Promise<void> => {
    const waiting: Promise<void>[] = []
    for (let number = 0; number < 150; number++) {
      const partition = world.random.between(0, 3)
      const text = `${number}`
      sent[partition]!.push(text)
      waiting.push(producer.send({ topic: TOPIC, partition, value: text }).then((at) => void acknowledged.push({ text, at })))
      if (world.random.chance(0.2)) await world.sleep(world.random.between(0, 60))
    }
    await Promise.all(waiting)
    isOver = true
  }
  const [, seen] = await world.clock.run(Promise.all([write(), readAll(world, client.fetcher({ maxWaitMs: 100 }), () => isOver), trouble]))
  const logs = world.logs()
  assert.deepEqual(logs, sent, 'everything once, in the order it was sent')
  assert.deepEqual(seen, sent, 'and it is read so')
  for (const { text, at } of acknowledged)
    assert.ok(at.offset >= 0 && logs[at.partition]![at.offset] === text, `record ${text} is where it was said to be`)
  assert.equal(acknowledged.length, 150)
  for (const [name, count] of Object.entries(world.cluster.counts)) hit[name as keyof typeof hit] += count
  hit.breaks += world.network.breaks
  world.close()
}

void test('producer and fetcher lose and double nothing and keep the order, whatever the network and the brokers do', async () => {
  for (let seed = 1; seed <= SEEDS * 2; seed++) {
    try {
      await produceAndFetch(seed)
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
    }
  }
  for (const [name, count] of Object.entries(hit)) assert.ok(count >= 10, `${name} happened ${count} times only`)
})

async function transactions(seed: number, transactionVersion: 1 | 2): Promise<{ readonly byHandle: number; readonly fenced: number }> {
  const world = new World(seed, { transactionVersion, errorChance: 0.03 })
  const [reader, other] = [world.client(), world.client()]
  const committed = world.cluster.partitions.map((): string[] => [])
  let isOver = false
  const counts = { byHandle: 0, fenced: 0 }
  const begin = async () => {
    const made = world.client().transactionalProducer({ transactionalId: 'id', batchBytes: 300, lingerMs: 0 })
    await made.init()
    return made
  }
  const write = async (): Promise<void> => {
    let producer = await begin()
    for (let number = 0; number < 12; number++) {
      await producer.begin()
      const records = Array.from({ length: world.random.between(1, 12) }, (_, index) => ({
        partition: world.random.between(0, 3),
        text: `${number}.${index}`,
      }))
      for (const { partition, text } of records) producer.append({ topic: TOPIC, partition, value: text })
      const outcome = world.random.pick(['commit', 'commit', 'abort', 'handle', 'crash', 'prepared-crash'] as const)
      if (outcome === 'commit') await producer.commit()
      if (outcome === 'abort') await producer.abort()
      if (outcome === 'crash') {
        const old = producer
        producer = await begin()
        await assert.rejects(old.commit(), { code: 'CLIENT_FENCED' })
        counts.fenced++
      }
      if (outcome === 'handle' || outcome === 'prepared-crash') {
        const handle = JSON.parse(JSON.stringify(await producer.prepare())) as NonNullable<Awaited<ReturnType<typeof producer.prepare>>>
        producer.close()
        assert.equal(handle.transactionVersion, transactionVersion)
        counts.byHandle++
        await other.transactions.commit(handle)
        await other.transactions.commit(handle)
        await assert.rejects(other.transactions.abort(handle), { code: 'CLIENT_TRANSACTION_ENDED' })
        producer = await begin()
        // The epoch has moved on: an old handle ends no later transaction.
        await producer.begin()
        producer.append({ topic: TOPIC, partition: 0, value: `${number}.aborted` })
        await producer.flush()
        await assert.rejects(other.transactions.commit(handle), { code: 'CLIENT_FENCED' })
        await producer.abort()
      }
      if (outcome !== 'abort' && outcome !== 'crash') for (const { partition, text } of records) committed[partition]!.push(text)
    }
    isOver = true
  }
  const [, seen] = await world.clock.run(
    Promise.all([write(), readAll(world, reader.fetcher({ maxWaitMs: 100 }), () => isOver), world.trouble(() => !isOver)]),
  )
  assert.deepEqual(seen, committed, 'what was committed is read once and in order, nothing else is')
  world.close()
  return counts
}

for (const version of [1, 2] as const) {
  void test(`transactions of version ${version} are atomic, also when they are ended by handle from elsewhere`, async () => {
    const all = { byHandle: 0, fenced: 0 }
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        const { byHandle, fenced } = await transactions(seed, version)
        all.byHandle += byHandle
        all.fenced += fenced
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
      }
    }
    assert.ok(all.byHandle >= 5 && all.fenced >= 3, JSON.stringify(all))
  })
}

void test('a log that an election has cut back is noticed before more is read of it', async () => {
  for (const offsetReset of ['none', 'earliest'] as const) {
    const world = new World(7, { partitions: 1, errorChance: 0 })
    const producer = world.client().producer({ lingerMs: 0 })
    const at = { topic: TOPIC, partition: 0 }
    await world.clock.run(
      (async () => {
        for (const value of ['a', 'b', 'lost']) await producer.send({ ...at, value })
        const fetcher = world.client().fetcher({ offsetReset, maxWaitMs: 100 })
        fetcher.assign([{ ...at, start: 'earliest' }])
        const seen: string[] = []
        const read = async (count: number): Promise<void> => {
          while (seen.length < count) for (const { records } of await fetcher.poll({ waitMs: 1000 })) seen.push(...records.map(textOf))
        }
        await read(3)
        world.cluster.partitions[0]!.truncate(2)
        world.cluster.moveLeader()
        for (const value of ['c', 'd'])
          await world
            .client()
            .producer({ lingerMs: 0 })
            .send({ ...at, value })
        if (offsetReset === 'none') {
          const isTruncation = (error: unknown): boolean => {
            const { code, details } = error as { readonly code: string; readonly details: Record<string, unknown> }
            return code === 'CLIENT_LOG_TRUNCATED' && details['offset'] === 2 && details['endOffset'] === 2
          }
          await assert.rejects(read(4), isTruncation)
          fetcher.seek(at, { offset: 2 })
        }
        await read(5)
        assert.deepEqual(seen, ['a', 'b', 'lost', 'c', 'd'])
        fetcher.close()
      })(),
    )
    world.close()
  }
})

void test('a producer whose records the brokers lost begins a new epoch, and goes on', async () => {
  const world = new World(8, { partitions: 1, errorChance: 0 })
  const producer = world.client().producer({ lingerMs: 0 })
  await world.clock.run(
    (async () => {
      for (const value of ['a', 'b', 'c']) await producer.send({ topic: TOPIC, partition: 0, value })
      world.cluster.partitions[0]!.truncate(2)
      const again = await Promise.all(['d', 'e'].map((value) => producer.send({ topic: TOPIC, partition: 0, value })))
      assert.deepEqual(
        again.map(({ offset }) => offset),
        [2, 3],
      )
    })(),
  )
  assert.deepEqual(world.logs(), [['a', 'b', 'd', 'e']])
  world.close()
})
