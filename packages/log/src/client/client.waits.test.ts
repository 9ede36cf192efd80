// What a client says while it waits: of a cluster in memory, on a virtual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger, NetworkError, type Network } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { LogClient } from './client.ts'
import { FakeCluster, FORBIDDEN_TOPIC, TOPIC } from './testing/fake-cluster.ts'
import { SimulatedNetwork } from './testing/simulated-network.ts'

const calm = { delayMsMax: 1, breakChance: 0, refuseChance: 0 }

interface World {
  readonly clock: VirtualClock
  readonly client: LogClient
  readonly cluster: FakeCluster
  readonly network: SimulatedNetwork
  readonly lines: readonly string[]
}

function world(over?: (clock: VirtualClock) => Network): World {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const network = new SimulatedNetwork(clock, random, calm)
  const cluster = new FakeCluster(clock, random, network, { nodes: 2, partitions: 2, transactionVersion: 2, errorChance: 0 })
  const lines: string[] = []
  const logger = createLogger({ clock, level: 'warn', write: ({ message }) => void lines.push(message) })
  const ports = { clock, network: over?.(clock) ?? network, random }
  return { clock, cluster, network, lines, client: new LogClient({ bootstrap: cluster.bootstrap, logger, ports }) }
}

void test('a broker that is not there is named with what the attempts come to, and so is the end', async () => {
  const { clock, client, lines, network } = world()
  network.weather = { ...calm, refuseChance: 1 }
  await assert.rejects(clock.run(client.topic(TOPIC, { waitMs: 15_000 })), {
    code: 'CLIENT_NO_BROKER',
    who: 'operator',
    message: /simulated:9092/,
  })
  assert.deepEqual(
    lines.map((line) => /^(.* after \d+s): ./.exec(line)?.[1]),
    ['still no connection to broker simulated:9092 after 1s', 'still no connection to broker simulated:9092 after 11s'],
  )
  client.close()
})

void test('a broker that takes connections and says nothing is named as well', async () => {
  const { clock, client, lines } = world((virtual) => ({
    listen: () => Promise.reject(new Error('nobody listens here')),
    connect: () => new Promise((_, reject) => void virtual.after(10_000, () => reject(new NetworkError('timeout', 'no answer')))),
  }))
  await assert.rejects(clock.run(client.topic(TOPIC, { waitMs: 5_000 })), { code: 'CLIENT_NO_BROKER' })
  assert.match(lines[0]!, /simulated:9092 after 1s: it has not answered yet/)
  client.close()
})

void test('a partition that the topic does not have is waited for as long as room in the buffer, not as long as a delivery', async () => {
  const { clock, client } = world()
  const producer = client.producer({ maxBlockMs: 3_000 })
  const sentAtMs = clock.monotonic()
  await assert.rejects(clock.run(producer.send({ topic: TOPIC, partition: 7, value: 'x' })), {
    code: 'CLIENT_DELIVERY_TIMEOUT',
    message: /within 3000 ms \(they are not in the log\): the topic has 2 partitions/,
  })
  assert.ok(clock.monotonic() - sentAtMs < 4_000)
  await clock.run(producer.close())
  client.close()
})

void test('a topic, a partition that is not there: who writes and who reads says so; what is found is not told again', async () => {
  const { clock, client, lines } = world()
  await assert.rejects(clock.run(client.topic('nope', { waitMs: 3_000 })), { code: 'CLIENT_TOPIC_UNKNOWN', who: 'user' })
  assert.match(lines.join(), /^still no topic nope after 1s: the cluster does not have it \(UNKNOWN_TOPIC_OR_PARTITION\): make it/)

  const producer = client.producer({ deliveryTimeoutMs: 5_000 })
  producer.append({ topic: 'gone', value: 'x' })
  producer.append({ topic: TOPIC, partition: 7, value: 'x' })
  await clock.run(client.topic(TOPIC))
  await clock.advance(2_000)
  assert.deepEqual(lines.slice(1).toSorted(), [
    `still no leader of ${TOPIC}-7 after 1s: the topic has 2 partitions`,
    'still no topic gone after 1s: the cluster does not have it (UNKNOWN_TOPIC_OR_PARTITION): make it, or correct its name',
  ])
  await assert.rejects(clock.run(producer.flush()), { code: 'CLIENT_DELIVERY_TIMEOUT' })
  await clock.run(producer.close())
  await clock.advance(100_000)
  assert.equal(lines.length, 3, 'nobody waits for them any more')

  const fetcher = client.fetcher()
  fetcher.assign([{ topic: TOPIC, partition: 5, start: { offset: 0 } }])
  await clock.advance(2_000)
  assert.equal(lines[3], `still no leader of ${TOPIC}-5 after 1s: the topic has 2 partitions`)
  fetcher.unassign([{ topic: TOPIC, partition: 5 }])
  await clock.advance(100_000)
  assert.equal(lines.length, 4)
  client.close()
})

void test('a broker that refuses for now is named with its reason, until it takes what it is given', async () => {
  const { clock, client, cluster, lines } = world()
  cluster.errorChance = 1
  const producer = client.producer({ idempotent: false, acks: 1 })
  producer.append({ topic: TOPIC, partition: 0, value: 'x' })
  await clock.advance(5_000)
  assert.match(lines.join(), /still no (leader of|acknowledgement for) topic-0 after 1s/)
  cluster.errorChance = 0
  await clock.run(producer.flush())
  const { length } = lines
  await clock.advance(100_000)
  assert.equal(lines.length, length)
  client.close()
})

void test('a topic that the client may not see is an error at once, for its records alone', async () => {
  const { clock, client } = world()
  const producer = client.producer()
  const refused = assert.rejects(producer.send({ topic: FORBIDDEN_TOPIC, value: 'x' }), {
    code: 'CLIENT_REFUSED',
    retry: false,
    message: /topic forbidden was refused by broker .*TOPIC_AUTHORIZATION_FAILED/,
  })
  await clock.run(Promise.all([refused, producer.send({ topic: TOPIC, value: 'y' })]))
  assert.ok(clock.monotonic() < 10_000)
  assert.equal(producer.bufferedBytes, 0)
  await clock.run(producer.close())
  client.close()
})

void test('who waits for a topic that is not there keeps nobody else from asking', async () => {
  const { clock, client, lines } = world()
  const fetcher = client.fetcher()
  fetcher.assign([{ topic: 'nope', partition: 0, start: { offset: 0 } }])
  await clock.run(client.topic(TOPIC))
  await clock.advance(1_500)
  assert.match(lines.join(), /^still no leader of nope-0 after 1s: the cluster does not have it /)
  const sinceMs = clock.monotonic()
  await clock.run(client.admin.describeTopic(TOPIC))
  await clock.run(client.admin.describeCluster())
  await clock.run(Promise.all([client.admin.describeTopic(TOPIC), client.admin.describeCluster()]))
  assert.ok(clock.monotonic() - sinceMs < 2_000, `${clock.monotonic() - sinceMs} ms`)
  client.close()
})

void test('a topic that may not be read is an error to who reads it, not waited for', async () => {
  const { clock, client } = world()
  const fetcher = client.fetcher()
  const at = { topic: FORBIDDEN_TOPIC, partition: 0 }
  fetcher.assign([{ ...at, start: { offset: 0 } }])
  const refused = { code: 'CLIENT_REFUSED', message: /TOPIC_AUTHORIZATION_FAILED/ }
  await assert.rejects(clock.run(fetcher.poll({ waitMs: 5_000 })), refused)
  assert.ok(clock.monotonic() < 5_000)
  // With a seek the cluster is asked again.
  fetcher.seek(at, { offset: 0 })
  assert.deepEqual(fetcher.take(), [])
  await assert.rejects(clock.run(fetcher.poll({ waitMs: 5_000 })), refused)
  client.close()
})
