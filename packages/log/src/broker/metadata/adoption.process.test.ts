import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Log } from '../log.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from '../testing/requests.ts'
import { WireClient } from '../testing/wire-client.ts'

const JOURNAL = 'coordination.journal'
let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-adoption-'))
})

afterEach(() => rm(dir, { recursive: true }))

async function withLog<T>(config: Readonly<Record<string, string>>, work: (client: WireClient) => Promise<T>): Promise<T> {
  const log = await Log.start({ dir, config })
  const client = await WireClient.connect(log)
  try {
    return await work(client)
  } finally {
    await client.close()
    await log.close()
  }
}

test('the directory of another broker is taken over: its number, topics, ids and records, with default configurations', async () => {
  const id = await withLog({ 'node.id': '7' }, async (client) => {
    const made = await createTopic(client, 'kept', { 'retention.ms': '1234567' }, 2)
    await produceTo(client, 'kept', batchOf(['a', 'b']))
    await produceTo(client, 'kept', batchOf(['c']), { partition: 1 })
    await client.ask('Metadata', 12, { topics: [{ name: '__consumer_offsets' }] })
    return made
  })
  await rm(join(dir, JOURNAL))
  // What Kafka's own controller leaves there, and a log of a time before ids.
  await mkdir(join(dir, '__cluster_metadata-0'))
  await writeFile(join(dir, '__cluster_metadata-0', 'quorum-state'), '{}')
  await rm(join(dir, 'kept-1', 'partition.metadata'))

  for (const _ of ['first', 'second']) {
    await withLog({}, async (client) => {
      const { brokers, topics } = await client.ask('Metadata', 12, { topics: null })
      assert.equal(brokers[0]!.nodeId, 7)
      assert.deepEqual(
        topics.map(({ name, partitions }) => [name, partitions.length]).toSorted(([a], [b]) => (a! < b! ? -1 : 1)),
        [
          ['__consumer_offsets', 50],
          ['kept', 2],
        ],
      )
      const kept = topics.find(({ name }) => name === 'kept')!
      assert.deepEqual(kept.topicId, id)
      assert.deepEqual((await fetchFrom(client, 'kept')).values, ['a', 'b'])
      const { results } = await client.ask('DescribeConfigs', 4, {
        resources: [
          { resourceType: 2, resourceName: 'kept', configurationKeys: ['retention.ms'] },
          { resourceType: 2, resourceName: '__consumer_offsets', configurationKeys: ['cleanup.policy'] },
        ],
        includeSynonyms: false,
      })
      assert.deepEqual(
        results.map(({ configs }) => configs[0]!.value),
        ['604800000', 'compact'],
      )
    })
  }
  assert.match(await readFile(join(dir, 'kept-1', 'partition.metadata'), 'utf8'), new RegExp(Buffer.from(id).toString('base64url')))
})

test('a topic of which a partition is missing, and a log of no topic, stop the start', async () => {
  await withLog({}, (client) => createTopic(client, 'whole', {}, 3))
  await mkdir(join(dir, 'stray-0'))
  await assert.rejects(Log.start({ dir }), { code: 'BROKER_STRAY_LOGS', message: /stray-0/ })
  await rm(join(dir, 'stray-0'), { recursive: true })
  await rm(join(dir, 'whole-1'), { recursive: true })
  await rm(join(dir, JOURNAL))
  await assert.rejects(Log.start({ dir }), { code: 'BROKER_DIRECTORY_INCOMPLETE', message: /whole/ })
})

test('a journal that is damaged stops the start', async () => {
  await withLog({}, (client) => createTopic(client, 't'))
  const journal = await readFile(join(dir, JOURNAL))
  journal[20]! ^= 1
  await writeFile(join(dir, JOURNAL), journal)
  await assert.rejects(Log.start({ dir }), { code: 'COORDINATION_CORRUPT', who: 'operator' })
})
