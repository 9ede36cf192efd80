// Consumer groups over a real socket, held against what Apache Kafka 4.1.1 answers to the same requests: the table was written down from it.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { assignmentFromWire, partitionCount } from '../../../coordinators/groups/consumer/assignment.ts'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { Log } from '../../log.ts'
import { GroupConversation, JOINING } from '../../testing/group-conversation.ts'
import { createTopic } from '../../testing/requests.ts'
import { WireClient } from '../../testing/wire-client.ts'

type Step = readonly [kafka: string, ask: (say: GroupConversation) => Promise<string>]

const CONVERSATIONS: Readonly<Record<string, readonly Step[]>> = {
  'what is wrong with a request': [
    ['INVALID_REQUEST', (say) => say.heartbeat('', 'm', JOINING)],
    ['INVALID_REQUEST', (say) => say.heartbeat('x', '', JOINING)],
    ['epoch 1 every 5000 new id {a:6}', (say) => say.heartbeat('x', '', JOINING, 0)],
    ['INVALID_REQUEST', (say) => say.heartbeat('x', 'm', { ...JOINING, rebalanceTimeoutMs: -1 })],
    ['INVALID_REQUEST', (say) => say.heartbeat('x', 'm', { ...JOINING, topicPartitions: null })],
    ['INVALID_REQUEST', (say) => say.heartbeat('x', 'm', { ...JOINING, subscribedTopicNames: null })],
    ['UNSUPPORTED_ASSIGNOR', (say) => say.heartbeat('x', 'm', { ...JOINING, serverAssignor: 'foo' })],
    ['INVALID_REQUEST', (say) => say.heartbeat('x', 'm', { ...JOINING, memberEpoch: -3 })],
    ['INVALID_REQUEST', (say) => say.heartbeat('x', 'm', { ...JOINING, memberEpoch: -2 })],
    ['INVALID_REQUEST', (say) => say.heartbeat('x', 'm', { ...JOINING, instanceId: '' })],
    ['INVALID_REQUEST', (say) => say.heartbeat('x', 'm', { ...JOINING, rackId: '' })],
    ['GROUP_ID_NOT_FOUND', (say) => say.heartbeat('y', 'm', { memberEpoch: 3 })],
    ['GROUP_ID_NOT_FOUND', (say) => say.heartbeat('y', 'm', { memberEpoch: -1 })],
    ['INVALID_REGULAR_EXPRESSION', (say) => say.heartbeat('y', 'm', { ...JOINING, subscribedTopicNames: null, subscribedTopicRegex: '(' })],
    ['GROUP_ID_NOT_FOUND Group y not found.', (say) => say.describe('y')],
  ],
  'members of the consumer protocol': [
    ['epoch 1 every 5000 {a:6}', (say) => say.heartbeat('g', 'm1', JOINING)],
    ['epoch 1 every 5000 {a:6}', (say) => say.heartbeat('g', 'm1', JOINING)],
    ['epoch 1 every 5000', (say) => say.heartbeat('g', 'm1', { memberEpoch: 1 })],
    ['epoch 2 every 5000 {}', (say) => say.heartbeat('g', 'm2', JOINING)],
    ['Reconciling 2/2 uniform 3400 | m1 at 1 of 1 has {a:6} of {a:3} | m2 at 2 of 1 has {} of {a:3}', (say) => say.describe('g')],
    ['epoch 1 every 5000 {a:3}', (say) => say.heartbeat('g', 'm1', { memberEpoch: 1 })],
    ['epoch 2 every 5000', (say) => say.heartbeat('g', 'm2', { memberEpoch: 2 })],
    ['Reconciling 2/2 uniform 3400 | m1 at 1 of 1 has {a:3} of {a:3} | m2 at 2 of 1 has {} of {a:3}', (say) => say.describe('g')],
    ['NONE', (say) => say.commit('g', { memberId: 'm1', epoch: 1 })],
    ['STALE_MEMBER_EPOCH', (say) => say.commit('g', { memberId: 'm1', epoch: 2 })],
    ['UNKNOWN_MEMBER_ID', (say) => say.commit('g', { memberId: 'nobody', epoch: 1 })],
    ['UNSUPPORTED_VERSION', (say) => say.commit('g', { memberId: 'm1', epoch: 1, version: 8 })],
    ['UNKNOWN_MEMBER_ID', (say) => say.commit('g', { memberId: '', epoch: -1 })],
    ['offset 3', (say) => say.committed('g', 'm1', 1)],
    ['STALE_MEMBER_EPOCH', (say) => say.committed('g', 'm1', 9)],
    ['UNKNOWN_MEMBER_ID', (say) => say.committed('g', 'x', 1)],
    ['offset 3', (say) => say.committed('g', null, -1)],
    ['epoch 2 every 5000', (say) => say.heartbeat('g', 'm1', { memberEpoch: 1, topicPartitions: say.ownedBy('m1') })],
    ['epoch 2 every 5000 {a:3}', (say) => say.heartbeat('g', 'm2', { memberEpoch: 2 })],
    ['epoch 2 every 5000', (say) => say.heartbeat('g', 'm1', { memberEpoch: 1, topicPartitions: say.ownedBy('m1') })],
    ['FENCED_MEMBER_EPOCH', (say) => say.heartbeat('g', 'm1', { memberEpoch: 1 })],
    ['FENCED_MEMBER_EPOCH', (say) => say.heartbeat('g', 'm1', { memberEpoch: 5 })],
    ['Stable 2/2 uniform 3400 | m1 at 2 of 1 has {a:3} of {a:3} | m2 at 2 of 1 has {a:3} of {a:3}', (say) => say.describe('g')],
    ['epoch 2 every 5000 {a:1}', (say) => say.heartbeat('g', 'm1', { memberEpoch: 2, subscribedTopicNames: ['a', 'b'] })],
    ['epoch 3 every 5000', (say) => say.heartbeat('g', 'm2', { memberEpoch: 2 })],
    ['epoch 3 every 5000', (say) => say.heartbeat('g', 'm2', { memberEpoch: 3, subscribedTopicNames: ['a'] })],
    ['epoch 3 every 5000', (say) => say.heartbeat('g', 'm2', { memberEpoch: 3, serverAssignor: 'range' })],
    ['Reconciling 3/3 range 3400 | m1 at 2 of 2 has {a:1} of {a:1 b:4} | m2 at 3 of 1 has {a:3} of {a:5}', (say) => say.describe('g')],
    ['UNKNOWN_MEMBER_ID', (say) => say.heartbeat('g', 'm9', { memberEpoch: 3 })],
    ['epoch -1 every 0', (say) => say.heartbeat('g', 'm2', { memberEpoch: -1 })],
    ['FENCED_MEMBER_EPOCH', (say) => say.heartbeat('g', 'm1', { memberEpoch: 3 })],
    ['epoch -1 every 0', (say) => say.heartbeat('g', 'm1', { memberEpoch: -1 })],
    ['Empty 5/3 uniform 3400', (say) => say.describe('g')],
    ['UNKNOWN_MEMBER_ID', (say) => say.commit('g', { memberId: 'm1', epoch: 4 })],
    ['NONE', (say) => say.commit('g', { memberId: '', epoch: -1 })],
    ['epoch 6 every 5000 {a:6}', (say) => say.heartbeat('g', 'm1', JOINING)],
  ],
  'static members': [
    ['epoch 1 every 5000 {a:6}', (say) => say.heartbeat('s', 's1', { ...JOINING, instanceId: 'i' })],
    ['UNRELEASED_INSTANCE_ID', (say) => say.heartbeat('s', 's2', { ...JOINING, instanceId: 'i' })],
    ['FENCED_INSTANCE_ID', (say) => say.heartbeat('s', 's2', { memberEpoch: 1, instanceId: 'i' })],
    ['UNKNOWN_MEMBER_ID', (say) => say.heartbeat('s', 's2', { memberEpoch: 1, instanceId: 'other' })],
    ['epoch -2 every 0', (say) => say.heartbeat('s', 's1', { memberEpoch: -2, instanceId: 'i' })],
    ['Reconciling 1/1 uniform 3400 | i at -2 of 1 has {a:6} of {a:6}', (say) => say.describe('s')],
    ['epoch 1 every 5000 {a:6}', (say) => say.heartbeat('s', 's3', { ...JOINING, instanceId: 'i' })],
    ['Stable 1/1 uniform 3400 | i at 1 of 1 has {a:6} of {a:6}', (say) => say.describe('s')],
    ['FENCED_INSTANCE_ID', (say) => say.heartbeat('s', 's1', { memberEpoch: 1, instanceId: 'i' })],
    ['FENCED_INSTANCE_ID', (say) => say.heartbeat('s', 's1', { memberEpoch: -1, instanceId: 'i' })],
    ['epoch -1 every 0', (say) => say.heartbeat('s', 's3', { memberEpoch: -1, instanceId: 'i' })],
    ['Empty 2/1 uniform 3400', (say) => say.describe('s')],
  ],
  'members of both protocols, and conversion both ways': [
    ['epoch 1 every 5000 {a:6}', (say) => say.heartbeat('m', 'm1', JOINING)],
    ['MEMBER_ID_REQUIRED with an id', (say) => say.join('m')],
    ['generation 2 of cooperative-sticky without a leader of 0', (say) => say.join('m')],
    ['{}', (say) => say.sync('m')],
    ['NONE', (say) => say.beat('m')],
    ['ILLEGAL_GENERATION', (say) => say.beat('m', say.memberId, 77)],
    ['UNKNOWN_MEMBER_ID', (say) => say.beat('m', 'm1', 1)],
    ['INCONSISTENT_GROUP_PROTOCOL', (say) => say.join('m', { memberId: '', protocols: [{ name: 'zzz', metadata: new Uint8Array(0) }] })],
    ['INCONSISTENT_GROUP_PROTOCOL', (say) => say.join('m', { memberId: '', protocolType: 'connect' })],
    ['Reconciling 2/2 uniform 3400 | classic at 2 of 1 has {} of {a:3} | m1 at 1 of 1 has {a:6} of {a:3}', (say) => say.describe('m')],
    ['epoch 1 every 5000 {a:3}', (say) => say.heartbeat('m', 'm1', { memberEpoch: 1 })],
    ['Reconciling 2/2 uniform 3400 | classic at 2 of 1 has {} of {a:3} | m1 at 1 of 1 has {a:3} of {a:3}', (say) => say.describe('m')],
    ['epoch 2 every 5000', (say) => say.heartbeat('m', 'm1', { memberEpoch: 1, topicPartitions: say.ownedBy('m1') })],
    ['REBALANCE_IN_PROGRESS', (say) => say.beat('m')],
    ['generation 2 of cooperative-sticky without a leader of 0', (say) => say.join('m')],
    ['{a:3}', (say) => say.sync('m')],
    ['NONE', (say) => say.beat('m')],
    ['Stable 2/2 uniform 3400 | classic at 2 of 1 has {a:3} of {a:3} | m1 at 2 of 1 has {a:3} of {a:3}', (say) => say.describe('m')],
    ['NONE', (say) => say.commit('m', { memberId: say.memberId, epoch: 2 })],
    ['NONE', (say) => say.commit('m', { memberId: say.memberId, epoch: 2, version: 7 })],
    ['ILLEGAL_GENERATION', (say) => say.commit('m', { memberId: say.memberId, epoch: 99 })],
    ['GROUP_ID_NOT_FOUND Dead Group m is not a classic group.', (say) => say.describeClassic('m')],
    ['NON_EMPTY_GROUP', (say) => say.delete('m')],
    ['epoch -1 every 0', (say) => say.heartbeat('m', 'm1', { memberEpoch: -1 })],
    [
      'g consumer Stable consumer | m consumer PreparingRebalance classic | s consumer Empty consumer | x consumer Stable consumer',
      (say) => say.list(),
    ],
    ['GROUP_ID_NOT_FOUND Group m is not a consumer group.', (say) => say.describe('m')],
    ['REBALANCE_IN_PROGRESS', (say) => say.beat('m')],
    ['generation 3 of cooperative-sticky as leader of 1', (say) => say.join('m')],
    ['{}', (say) => say.sync('m', true)],
    ['epoch 4 every 5000 {a:3}', (say) => say.heartbeat('m', 'm5', JOINING)],
    ['Reconciling 4/4 uniform 3400 | classic at 3 of 1 has {} of {a:3} | m5 at 4 of 1 has {a:3} of {a:3}', (say) => say.describe('m')],
    ['REBALANCE_IN_PROGRESS', (say) => say.beat('m')],
    [
      'NONE NONE UNKNOWN_MEMBER_ID UNKNOWN_MEMBER_ID',
      (say) => say.leave('m', [{ memberId: say.memberId }, { memberId: 'nobody' }, { memberId: '', groupInstanceId: 'none' }]),
    ],
    ['Assigning 5/4 uniform 3400 | m5 at 4 of 1 has {a:3} of {a:3}', (say) => say.describe('m')],
    ['epoch -1 every 0', (say) => say.heartbeat('m', 'm5', { memberEpoch: -1 })],
    ['NONE', (say) => say.delete('m')],
    ['GROUP_ID_NOT_FOUND Group m not found.', (say) => say.describe('m')],
  ],
}

test('consumer groups answer as those of Kafka', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-consumer-groups-'))
  const log = await Log.start({ dir })
  const client = await WireClient.connect(log)
  const topicIds = new Map([
    ['a', await createTopic(client, 'a', {}, 6)],
    ['b', await createTopic(client, 'b', {}, 4)],
  ])
  await client.ask('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['g'] })
  const say = new GroupConversation(client, topicIds)
  for (const [what, steps] of Object.entries(CONVERSATIONS)) {
    for (const [index, [kafka, ask]] of steps.entries()) assert.equal(await ask(say), kafka, `${what}, step ${index + 1}`)
  }
  await client.close()
  await log.close()
  rmSync(dir, { recursive: true })
})

test('a broker that starts anew goes on with its consumer groups, and ends the sessions of those who do not come back', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-consumer-groups-'))
  const config = { 'group.consumer.session.timeout.ms': '300', 'group.consumer.heartbeat.interval.ms': '50' }
  let log = await Log.start({ dir, config })
  let client = await WireClient.connect(log)
  const topicId = await createTopic(client, 'a', {}, 6)
  await client.ask('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['g'] })
  const first = await client.ask('ConsumerGroupHeartbeat', 1, { ...JOINING, groupId: 'g', memberId: 'm1' })
  assert.equal(partitionCount(assignmentFromWire(first.assignment!.topicPartitions)), 6)
  await client.ask('ConsumerGroupHeartbeat', 1, { ...JOINING, groupId: 'g', memberId: 'm2' })
  await client.close()
  await log.close()

  log = await Log.start({ dir, config })
  client = await WireClient.connect(log)
  const say = new GroupConversation(client, new Map([['a', topicId]]))
  const heartbeat = { groupId: 'g', memberId: 'm2', rebalanceTimeoutMs: -1, subscribedTopicNames: null, topicPartitions: null } as const
  let memberEpoch = 2
  for (let round = 0; round < 200; round++) {
    const answer = await client.ask('ConsumerGroupHeartbeat', 1, { ...heartbeat, memberEpoch })
    if (answer.errorCode === ERROR_CODE.NONE) memberEpoch = answer.memberEpoch
    if (answer.assignment?.topicPartitions[0]?.partitions.length === 6) break
    await delay(10)
  }
  assert.equal(await say.describe('g'), 'Stable 3/3 uniform 3400 | m2 at 3 of 1 has {a:6} of {a:6}')
  await client.close()
  await log.close()
  rmSync(dir, { recursive: true })
})

test('a group has settings of its own, and takes up topics by a regular expression', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-consumer-groups-'))
  const log = await Log.start({ dir })
  const client = await WireClient.connect(log)
  const topicIds = new Map([
    ['orders-1', await createTopic(client, 'orders-1', {}, 2)],
    ['my-orders-2', await createTopic(client, 'my-orders-2', {}, 2)],
  ])
  await client.ask('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['g'] })
  const say = new GroupConversation(client, topicIds)
  const set = async (value: string): Promise<number> => {
    const configs = [{ name: 'consumer.heartbeat.interval.ms', configOperation: 0, value }]
    const resources = [{ resourceType: 32, resourceName: 'g', configs }]
    const { responses } = await client.ask('IncrementalAlterConfigs', 1, { resources, validateOnly: false })
    return responses[0]!.errorCode
  }
  assert.equal(await set('7000'), ERROR_CODE.NONE)
  assert.equal(await set('70'), ERROR_CODE.INVALID_CONFIG)
  const joining = { ...JOINING, subscribedTopicNames: null, subscribedTopicRegex: 'orders-[0-9]' }
  assert.equal(await say.heartbeat('g', 'm1', joining), 'epoch 1 every 7000 {orders-1:2}')
  await client.close()
  await log.close()
  rmSync(dir, { recursive: true })
})
