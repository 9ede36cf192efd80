// What a member does while the functions of its user work, or others hold it up.
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

/** Resolves when a member has sent three heartbeats more: the named one, or anyone of the group. Gives its id. */
function heartbeats(groupId: string, of?: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let left = 3
  const fault = log.faults.delay({
    api: 'Heartbeat',
    delayMs: 0,
    where: ({ groupId: group, memberId }) => {
      if (group === groupId && (of ?? memberId) === memberId && --left === 0) resolve(memberId)
      return false
    },
  })
  return promise.finally(() => fault.remove())
}

async function until(members: readonly GroupConsumer[], counts: readonly number[]): Promise<void> {
  while (members.some(({ assignment }, index) => assignment.length !== counts[index]))
    await Promise.all(members.map((member) => member.poll({ waitMs: 5 })))
}

for (const assignor of ['range', 'cooperative-sticky'] as const) {
  void test(`heartbeats go on while a function of the user works (${assignor})`, { timeout: 60_000 }, async () => {
    const options = await newGroup({ assignors: [assignor] })
    const assigned = Promise.withResolvers<string>()
    let isRevoked = false
    const first = client.groupConsumer({
      ...options,
      onAssigned: async () => assigned.resolve(await heartbeats(options.groupId)),
      onRevoked: async () => {
        await heartbeats(options.groupId, await assigned.promise)
        isRevoked = true
      },
    })
    await until([first], [2])
    await assigned.promise
    const second = client.groupConsumer(options)
    await until([first, second], [1, 1])
    assert.ok(isRevoked)
    await Promise.all([first.close(), second.close()])
  })
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

void test('heartbeats go on while a transaction that commits offsets of the group is open', { timeout: 60_000 }, async () => {
  const options = await newGroup()
  const producer = client.transactionalProducer({ transactionalId: options.groupId })
  await producer.init()
  await producer.begin()
  await producer.sendOffsets({ group: { groupId: options.groupId }, offsets: [{ topic: options.topics[0]!, partition: 0, offset: 2 }] })
  const member = client.groupConsumer(options)
  const read = until([member], [2])
  await heartbeats(options.groupId)
  assert.deepEqual(member.assignment, [])
  await producer.commit()
  await read
  producer.close()
  await member.close()
})
