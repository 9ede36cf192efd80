// What a member does while the functions of its user work.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Log } from '../../broker/log.ts'
import { LogClient, type GroupConsumer, type GroupOptions } from '../index.ts'

const log = await Log.start({ memory: true })
const client = new LogClient({ bootstrap: log.bootstrap, retryBackoffMs: 5 })
after(async () => {
  client.close()
  await log.close()
})

let groups = 0

async function newGroup(options: Partial<GroupOptions> = {}): Promise<GroupOptions> {
  const number = groups++
  const topic = `topic-${number}`
  await client.admin.createTopics([{ name: topic, partitions: 2 }])
  const producer = client.producer()
  for (let record = 0; record < 6; record++) producer.append({ topic, partition: record % 2, value: `${record}` })
  await producer.close()
  return { groupId: `group-${number}`, topics: [topic], offsetReset: 'earliest', heartbeatIntervalMs: 5, ...options }
}

void test('nothing of a partition is given before onAssigned is done with it', { timeout: 60_000 }, async () => {
  const options = await newGroup()
  let polls = 0
  const enough = Promise.withResolvers<void>()
  const member: GroupConsumer = client.groupConsumer({
    ...options,
    onAssigned: async (partitions) => {
      await enough.promise
      for (const one of partitions) member.seek(one, { offset: 2 })
    },
  })
  const values: string[] = []
  while (values.length < 2) {
    for (const { records } of await member.poll({ waitMs: 20 })) values.push(...records.map(({ value }) => Buffer.from(value!).toString()))
    if (member.assignment.length > 0 && ++polls === 5) enough.resolve()
  }
  assert.deepEqual(values.toSorted(), ['4', '5'])
  await member.close()
})
