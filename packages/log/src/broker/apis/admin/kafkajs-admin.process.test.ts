import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import { Log } from '../../log.ts'

const { ConfigResourceTypes, ConfigSource, Kafka, logLevel } = kafkajs

test('the admin client of kafkajs: topics, partitions, configurations, offsets, records, the cluster', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-kafkajs-'))
  const log = await Log.start({ dir })
  const kafka = new Kafka({ brokers: [log.bootstrap], logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  try {
    const configEntries = [{ name: 'retention.ms', value: '123456' }]
    assert.ok(await admin.createTopics({ topics: [{ topic: 't', numPartitions: 2, configEntries }], waitForLeaders: true }))
    assert.equal(await admin.createTopics({ topics: [{ topic: 't' }] }), false)
    await admin.createPartitions({ topicPartitions: [{ topic: 't', count: 3 }] })
    assert.deepEqual(await admin.listTopics(), ['t'])
    const { topics } = await admin.fetchTopicMetadata({ topics: ['t'] })
    assert.deepEqual(
      topics[0]!.partitions.map(({ partitionId, leader, isr }) => [partitionId, leader, isr]).toSorted(([a], [b]) => Number(a) - Number(b)),
      [0, 1, 2].map((partition) => [partition, 1, [1]]),
    )

    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: 't', configEntries: [{ name: 'retention.ms', value: '654321' }] }],
    })
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: 't', configNames: ['retention.ms'] }],
    })
    const [entry] = resources[0]!.configEntries
    assert.deepEqual([entry!.configValue, entry!.configSource], ['654321', ConfigSource.TOPIC_CONFIG])

    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 't', messages: ['a', 'b', 'c'].map((value) => ({ value, partition: 0 })) })
    await producer.disconnect()
    await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset: '2' }] })
    const offsets = await admin.fetchTopicOffsets('t')
    const first = offsets.find(({ partition }) => partition === 0)!
    assert.deepEqual([first.low, first.high], ['2', '3'])

    const { brokers, controller } = await admin.describeCluster()
    assert.deepEqual([brokers, controller], [[{ nodeId: 1, host: log.host, port: log.port }], 1])
    assert.deepEqual((await admin.listPartitionReassignments({})).topics, [])
    await admin.deleteTopics({ topics: ['t'] })
    assert.deepEqual(await admin.listTopics(), [])
  } finally {
    await admin.disconnect()
    await log.close()
    await rm(dir, { recursive: true })
  }
})
