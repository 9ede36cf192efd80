// Groups and offsets over a real socket and a real disk: every API in every version, and what is kept over a restart.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ERROR_CODE, type ApiResponse } from '../../../protocol/index.ts'
import { Log } from '../../log.ts'
import { createTopic } from '../../testing/requests.ts'
import { WireClient } from '../../testing/wire-client.ts'

const dir = mkdtempSync(join(tmpdir(), 'millrace-groups-'))
let log: Log
let client: WireClient
let topicId: Uint8Array

before(async () => {
  log = await Log.start({ dir })
  client = await WireClient.connect(log)
  topicId = await createTopic(client, 't', {}, 3)
})

after(async () => {
  await client.close()
  await log.close()
  rmSync(dir, { recursive: true })
})

const METADATA = Buffer.from([0, 0, 0, 0, 0, 1, 0, 1, 116, 255, 255, 255, 255])
const versions = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

test('the coordinator is found in every version, and its topic is made', async () => {
  for (const version of versions(0, 3)) {
    const { errorCode, nodeId, port } = await client.ask('FindCoordinator', version, { key: 'g', keyType: 0 })
    assert.deepEqual([errorCode, nodeId, port], [0, 1, log.port])
  }
  for (const version of versions(4, 6)) {
    const { coordinators } = await client.ask('FindCoordinator', version, { keyType: 0, coordinatorKeys: ['g', 'h'] })
    assert.deepEqual(
      coordinators.map(({ key, errorCode, port }) => [key, errorCode, port]),
      [
        ['g', 0, log.port],
        ['h', 0, log.port],
      ],
    )
  }
  assert.equal((await client.ask('FindCoordinator', 2, { key: 'g', keyType: 9 })).errorCode, ERROR_CODE.INVALID_REQUEST)
  const { topics } = await client.ask('Metadata', 12, { topics: [{ name: '__consumer_offsets', topicId: new Uint8Array(16) }] })
  assert.deepEqual([topics[0]!.partitions.length, topics[0]!.isInternal], [50, true])
})

async function join_(version: number, groupId: string, memberId = ''): Promise<ApiResponse<'JoinGroup'>> {
  const response = await client.ask('JoinGroup', version, {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: METADATA }],
  })
  return response.errorCode === ERROR_CODE.MEMBER_ID_REQUIRED && memberId === ''
    ? await join_(version, groupId, response.memberId)
    : response
}

test('a member joins, syncs, sends heartbeats and leaves in every version', async () => {
  for (const version of versions(0, 9)) {
    const groupId = `life-${version}`
    const joined = await join_(version, groupId)
    assert.deepEqual(
      [joined.errorCode, joined.generationId, joined.leader, joined.members.length],
      [0, 1, joined.memberId, 1],
      `JoinGroup ${version}`,
    )
    const member = { groupId, generationId: 1, memberId: joined.memberId }
    const assignments = [{ memberId: joined.memberId, assignment: Buffer.from('mine') }]
    const named = version >= 5 ? { protocolType: 'consumer', protocolName: 'range' } : {}
    const synced = await client.ask('SyncGroup', Math.min(version, 5), { ...member, ...named, assignments })
    assert.deepEqual([synced.errorCode, Buffer.from(synced.assignment).toString()], [0, 'mine'], `SyncGroup ${version}`)
    assert.equal((await client.ask('Heartbeat', Math.min(version, 4), member)).errorCode, 0)
    const { groups } = await client.ask('DescribeGroups', Math.min(version, 6), { groups: [groupId, 'none'] })
    assert.deepEqual(
      groups.map((group) => [group.groupState, group.errorCode, group.protocolData, group.members.length]),
      [
        ['Stable', 0, 'range', 1],
        ['Dead', version >= 6 ? ERROR_CODE.GROUP_ID_NOT_FOUND : 0, '', 0],
      ],
    )
    assert.match(groups[0]!.members[0]!.clientHost, /^\/127\.0\.0\.1$/)
    const leaveVersion = Math.min(version, 5)
    const leaving = leaveVersion < 3 ? { groupId, memberId: joined.memberId } : { groupId, members: [{ memberId: joined.memberId }] }
    assert.equal((await client.ask('LeaveGroup', leaveVersion, leaving)).errorCode, 0)
    assert.equal((await client.ask('Heartbeat', 3, member)).errorCode, ERROR_CODE.UNKNOWN_MEMBER_ID)
  }
})

test('what is wrong with a JoinGroup is said', async () => {
  const request = {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: METADATA }],
  }
  const codes = await Promise.all(
    [{ groupId: '' }, { sessionTimeoutMs: 5999 }, { sessionTimeoutMs: 1_800_001 }, { memberId: 'x' }, { protocols: [] }].map(
      async (change) => (await client.ask('JoinGroup', 5, { ...request, ...change })).errorCode,
    ),
  )
  const { INVALID_GROUP_ID, INVALID_SESSION_TIMEOUT, UNKNOWN_MEMBER_ID, INCONSISTENT_GROUP_PROTOCOL } = ERROR_CODE
  assert.deepEqual(codes, [
    INVALID_GROUP_ID,
    INVALID_SESSION_TIMEOUT,
    INVALID_SESSION_TIMEOUT,
    UNKNOWN_MEMBER_ID,
    INCONSISTENT_GROUP_PROTOCOL,
  ])
})

test('offsets are committed and fetched in every version, by names and by ids', async () => {
  for (const version of versions(2, 10)) {
    const partitions = [{ partitionIndex: 0, committedOffset: version, committedMetadata: `v${version}` }]
    const byId = version >= 10
    const { topics } = await client.ask('OffsetCommit', version, {
      groupId: 'simple',
      topics: [
        { ...(byId ? { topicId } : { name: 't' }), partitions },
        { ...(byId ? { topicId: Buffer.alloc(16, 7) } : { name: 'missing' }), partitions },
      ],
    })
    const missing = byId ? ERROR_CODE.UNKNOWN_TOPIC_ID : ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION
    assert.deepEqual(
      topics.map((topic) => topic.partitions[0]!.errorCode),
      [0, missing],
      `OffsetCommit ${version}`,
    )
    assert.deepEqual(
      await fetched(version, byId),
      [
        [version, `v${version}`, 0],
        [-1, '', 0],
      ],
      `OffsetFetch ${version}`,
    )
  }
  const all = await client.ask('OffsetFetch', 10, {
    groups: [
      { groupId: 'simple', topics: null },
      { groupId: 'none', topics: null },
    ],
  })
  assert.deepEqual(
    all.groups.map(({ topics }) => topics.map((topic) => [Buffer.from(topic.topicId).equals(topicId), topic.partitions.length])),
    [[[true, 1]], []],
  )
})

async function fetched(version: number, byId: boolean): Promise<unknown[]> {
  const partitionIndexes = [0, 1]
  if (version < 8) {
    const { topics } = await client.ask('OffsetFetch', version, { groupId: 'simple', topics: [{ name: 't', partitionIndexes }] })
    return topics[0]!.partitions.map((partition) => [partition.committedOffset, partition.metadata, partition.errorCode])
  }
  const topic = { ...(byId ? { topicId } : { name: 't' }), partitionIndexes }
  const { groups } = await client.ask('OffsetFetch', version, { groups: [{ groupId: 'simple', topics: [topic] }] })
  return groups[0]!.topics[0]!.partitions.map((partition) => [partition.committedOffset, partition.metadata, partition.errorCode])
}

test('groups are listed by state and type, their offsets and they themselves deleted', async () => {
  const listed = async (filter: object): Promise<string[]> =>
    (await client.ask('ListGroups', 5, filter)).groups.map(({ groupId }) => groupId).toSorted()
  const joined = await join_(7, 'living')
  assert.ok((await listed({})).includes('living'))
  assert.deepEqual(await listed({ statesFilter: ['completingrebalance'] }), ['living'])
  assert.deepEqual(await listed({ typesFilter: ['Consumer'] }), [])
  for (const version of versions(0, 4)) assert.ok((await client.ask('ListGroups', version, {})).groups.length > 1)
  const offsets = { groupId: 'simple', topics: [{ name: 't', partitions: [{ partitionIndex: 0 }, { partitionIndex: 2 }] }] }
  const { topics } = await client.ask('OffsetDelete', 0, offsets)
  assert.deepEqual(
    topics[0]!.partitions.map(({ errorCode }) => errorCode),
    [0, 0],
  )
  assert.deepEqual(await fetched(7, false), [
    [-1, '', 0],
    [-1, '', 0],
  ])
  assert.equal((await client.ask('OffsetDelete', 0, { ...offsets, groupId: 'none' })).errorCode, ERROR_CODE.GROUP_ID_NOT_FOUND)
  for (const version of versions(0, 2)) {
    const { results } = await client.ask('DeleteGroups', version, { groupsNames: ['living', `life-${version}`, 'none'] })
    assert.deepEqual(
      results.map(({ errorCode }) => errorCode),
      [ERROR_CODE.NON_EMPTY_GROUP, 0, ERROR_CODE.GROUP_ID_NOT_FOUND],
    )
  }
  await client.ask('LeaveGroup', 3, { groupId: 'living', members: [{ memberId: joined.memberId }] })
})

test('offsets and members are there after a restart; a request that waits does not hold up the end', async () => {
  const partitions = [{ partitionIndex: 1, committedOffset: 42, committedMetadata: null }]
  await client.ask('OffsetCommit', 8, { groupId: 'kept', topics: [{ name: 't', partitions }] })
  const joined = await join_(7, 'stays')
  const member = { groupId: 'stays', generationId: 1, memberId: joined.memberId }
  await client.ask('SyncGroup', 3, { ...member, assignments: [] })
  const other = await WireClient.connect(log)
  const waiting = other.ask('JoinGroup', 3, {
    groupId: 'stays',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: METADATA }],
  })
  waiting.catch(() => undefined)
  while ((await client.ask('Heartbeat', 3, member)).errorCode === 0);
  await client.close()
  const begin = performance.now()
  await log.close()
  assert.ok(performance.now() - begin < 8_000, 'closing waited for a member')
  await assert.rejects(waiting)

  log = await Log.start({ dir })
  client = await WireClient.connect(log)
  await client.ask('FindCoordinator', 4, { keyType: 0, coordinatorKeys: ['kept', 'stays'] })
  const { topics } = await client.ask('OffsetFetch', 7, { groupId: 'kept', topics: [{ name: 't', partitionIndexes: [1] }] })
  assert.equal(topics[0]!.partitions[0]!.committedOffset, 42)
  assert.equal((await client.ask('Heartbeat', 3, member)).errorCode, 0)
})

test('offsets of a topic that is deleted are forgotten', async () => {
  await createTopic(client, 'gone')
  const partitions = [{ partitionIndex: 0, committedOffset: 7, committedMetadata: null }]
  await client.ask('OffsetCommit', 8, { groupId: 'kept', topics: [{ name: 'gone', partitions }] })
  await client.ask('DeleteTopics', 5, { topicNames: ['gone'], timeoutMs: 5000 })
  const { topics } = await client.ask('OffsetFetch', 7, { groupId: 'kept', topics: [{ name: 'gone', partitionIndexes: [0] }] })
  assert.equal(topics[0]!.partitions[0]!.committedOffset, -1)
})
