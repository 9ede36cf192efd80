// Members whose readers are slow, are thrown out, or go away while others are waited for.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { nodeNetwork, type MillraceError, type Network } from '@millrace/core'
import { Log } from '../../broker/log.ts'
import { LogClient, type GroupConsumer, type GroupOptions, type OwnedPartition } from '../index.ts'

const log = await Log.start({ memory: true, config: { 'group.min.session.timeout.ms': '1' } })
const client = new LogClient({ bootstrap: log.bootstrap, retryBackoffMs: 5 })
after(async () => {
  client.close()
  await log.close()
})

let groups = 0

async function newGroup(options: Partial<GroupOptions> = {}): Promise<GroupOptions> {
  const topic = `topic-${groups}`
  await client.admin.createTopics([{ name: topic, partitions: 2 }])
  const producer = client.producer()
  for (let number = 0; number < 4; number++) producer.append({ topic, partition: number % 2, value: `${number}` })
  await producer.close()
  return { groupId: `group-${groups++}`, topics: [topic], offsetReset: 'earliest', heartbeatIntervalMs: 10, autoCommit: false, ...options }
}

/** Everything that its partitions have. */
async function readAll(member: GroupConsumer, count: number): Promise<void> {
  for (let seen = 0; seen < count;) for (const { records } of await member.poll({ waitMs: 50 })) seen += records.length
}

/** Polls all of them until each has so many partitions. */
async function until(members: readonly GroupConsumer[], counts: readonly number[]): Promise<void> {
  while (members.some(({ assignment }, index) => assignment.length !== counts[index]))
    await Promise.all(members.map((member) => member.poll({ waitMs: 5 })))
}

void test('members of one client do not wait behind each other', async () => {
  const options = await newGroup()
  const first = client.groupConsumer(options)
  await until([first], [2])
  const second = client.groupConsumer(options)
  await until([first, second], [1, 1])
  await Promise.all([first.close(), second.close()])
})

void test('a member that waits for others leaves at once', async () => {
  const options = await newGroup()
  const busy = client.groupConsumer(options)
  await until([busy], [2])
  const waiting = client.groupConsumer(options)
  while ((await client.admin.groups.describe(options.groupId))?.state !== 'PreparingRebalance') await waiting.poll({ waitMs: 5 })
  await waiting.close()
  const described = await client.admin.groups.describe(options.groupId)
  assert.equal(described?.members.length, 1)
  await until([busy], [2])
  const offsets = [{ ...busy.assignment[0]!, offset: 1 }]
  await assert.rejects(
    client.admin.groups.commitOffsets(options.groupId, offsets),
    /UNKNOWN_MEMBER_ID \(the group has members, and they alone commit\)/,
  )
  await busy.close()
})

for (const [name, more] of [
  ['range', { assignors: ['range'] }],
  ['cooperative-sticky', { assignors: ['cooperative-sticky'] }],
  ['static', { assignors: ['range'], instanceId: 'slow', sessionTimeoutMs: 200 }],
] as const) {
  void test(`a member whose reader is away for too long has nothing until it is back (${name})`, async () => {
    const options = await newGroup({ rebalanceTimeoutMs: 100 })
    const lost: OwnedPartition[] = []
    const slow = client.groupConsumer({ ...options, ...more, onRevoked: (partitions) => void lost.push(...partitions) })
    await readAll(slow, 4)
    const other = client.groupConsumer({ ...options, assignors: more.assignors })
    // All of it comes again: the slow one has committed nothing.
    await readAll(other, 4)
    await until([other], [2])
    // It hears of it by its next heartbeat.
    while (slow.assignment.length > 0) await other.poll({ waitMs: 5 })
    assert.equal(lost.length, 2)
    await until([slow, other], [1, 1])
    await Promise.all([slow.close(), other.close()])
  })
}

void test('a member that another has taken the place of says so, and closes', async () => {
  const options = await newGroup({ instanceId: 'one' })
  const former = client.groupConsumer(options)
  await until([former], [2])
  const later = client.groupConsumer(options)
  await until([later], [2])
  const isOut = { code: 'CLIENT_GROUP_MEMBER' }
  await assert.rejects(async () => {
    for (;;) await former.poll({ waitMs: 5 })
  }, isOut)
  await assert.rejects(former.poll(), isOut)
  assert.deepEqual(former.assignment, [])
  await Promise.all([former.close(), later.close()])
})

/** Where a byte of what is read has changed on the way. */
const damaging: Network = {
  ...nodeNetwork,
  connect: async (options) => {
    const connection = await nodeNetwork.connect(options)
    const onData = connection.onData.bind(connection)
    connection.onData = (handler) =>
      onData((bytes) => {
        const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('damaged')
        if (at >= 0) bytes[at] = 0
        handler(bytes)
      })
    return connection
  },
}

/** What `poll` throws in the end. */
async function problemOf(member: GroupConsumer): Promise<MillraceError> {
  for (;;) {
    try {
      await member.poll({ waitMs: 50 })
    } catch (error) {
      return error as MillraceError
    }
  }
}

void test('a partition that cannot be read on says so by each poll that has nothing else, until the member goes on behind it', async () => {
  const options = await newGroup()
  const topic = options.topics[0]!
  const producer = client.producer()
  await producer.send({ topic, partition: 1, value: 'damaged' })
  await producer.send({ topic, partition: 1, value: 'whole' })
  await producer.close()
  const reading = new LogClient({ bootstrap: log.bootstrap, ports: { network: damaging } })
  const member = reading.groupConsumer(options)
  const isCorrupt = { code: 'CLIENT_RECORD_CORRUPT', message: new RegExp(`${topic}-1 cannot be read at offset 2 `) }
  await readAll(member, 4)
  const { details } = await problemOf(member)
  for (let time = 0; time < 2; time++) await assert.rejects(member.poll({ waitMs: 1 }), isCorrupt)
  // The other partition goes on.
  const later = client.producer()
  await later.send({ topic, partition: 0, value: 'more' })
  await later.close()
  const read = async (): Promise<readonly string[]> => {
    for (;;) {
      const fetched = await member.poll({ waitMs: 50 }).catch(() => [])
      if (fetched.length > 0) return fetched.flatMap(({ records }) => records.map(({ value }) => Buffer.from(value!).toString()))
    }
  }
  assert.deepEqual(await read(), ['more'])
  member.seek({ topic, partition: 1 }, { offset: details['nextOffset'] as number })
  assert.deepEqual(await read(), ['whole'])
  assert.deepEqual(await member.poll(), [])
  assert.throws(() => member.seek({ topic, partition: 7 }, 'earliest'), { code: 'CLIENT_OPTION', message: /topic-\d+-7/ })
  await member.close()
  reading.close()
})
