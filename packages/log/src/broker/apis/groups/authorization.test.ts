// What group APIs answer to clients that may not do what they ask for, as Kafka does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODE, type ApiName, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { Reply, RequestContext } from '../../handler.ts'
import { deleteGroups } from './delete-groups.ts'
import { describeGroups } from './describe-groups.ts'
import { findCoordinator } from './find-coordinator.ts'
import { heartbeat } from './heartbeat.ts'
import { joinGroup } from './join-group.ts'
import { leaveGroup } from './leave-group.ts'
import { offsetCommit } from './offset-commit.ts'
import { offsetDelete } from './offset-delete.ts'
import { offsetFetch } from './offset-fetch.ts'
import { syncGroup } from './sync-group.ts'

const { GROUP_AUTHORIZATION_FAILED, TOPIC_AUTHORIZATION_FAILED, NONE } = ERROR_CODE
const ID = new Uint8Array(16)

interface Asked {
  readonly context: RequestContext
  /** What was asked of the authoriser. */
  readonly asked: string[]
  /** What came through to the coordinator. */
  readonly done: unknown[]
}

/** Everything is allowed but what is named; the topics `t` and `u` exist. */
function asker(version: number, ...refused: readonly string[]): Asked {
  const asked: string[] = []
  const done: unknown[] = []
  const reached = async (reply: unknown, what: unknown): Promise<unknown> => {
    done.push(what)
    return reply
  }
  const topics = ['t', 'u'].map((name) => ({ name, id: ID, partitionCount: 3 }))
  const coordinator = {
    commit: ({ offsets }: { offsets: readonly { topic: string }[] }) =>
      reached(
        offsets.map(() => NONE),
        offsets.map(({ topic }) => topic),
      ),
    submit: () => reached({ errorCode: NONE, topics: [{ topic: 'u', partitions: [] }], codes: [NONE] }, 'submit'),
    delete: () => reached(NONE, 'delete'),
  }
  const context = {
    version,
    broker: { groups: { coordinator }, topics: { named: (name: string) => topics.find((topic) => topic.name === name) } },
    allows: (operation: string, resource: string, name: string) => {
      asked.push(`${operation} ${resource} ${name}`)
      return !refused.includes(`${operation} ${resource} ${name}`)
    },
    signal: new AbortController().signal,
  }
  return { context: context as unknown as RequestContext, asked, done }
}

async function answered<N extends ApiName>(reply: Reply<N> | Promise<Reply<N>>): Promise<ApiResponseToSend<N>> {
  const answer = await reply
  assert.ok(typeof answer === 'object')
  return answer
}

const codesOf = (list: readonly { readonly errorCode: number }[] | undefined): number[] => (list ?? []).map(({ errorCode }) => errorCode)

test('members need Read on their group', async () => {
  const { context, asked, done } = asker(5, 'Read Group g')
  const request = { groupId: 'g', memberId: 'm', generationId: 1, groupInstanceId: null }
  const join = { ...request, sessionTimeoutMs: 1, rebalanceTimeoutMs: 1, protocolType: '', protocols: [], reason: null }
  const replies = await Promise.all([
    answered(joinGroup.handle(join, context)),
    answered(syncGroup.handle({ ...request, protocolType: null, protocolName: null, assignments: [] }, context)),
    answered(heartbeat.handle(request, context)),
    answered(leaveGroup.handle({ ...request, members: [] }, context)),
  ])
  for (const { errorCode } of replies) assert.equal(errorCode, GROUP_AUTHORIZATION_FAILED)
  assert.deepEqual(
    asked,
    Array.from({ length: 4 }, () => 'Read Group g'),
  )
  assert.deepEqual(done, [])
})

test('finding and describing needs Describe, deleting Delete', async () => {
  const found = await answered(
    findCoordinator.handle({ key: '', keyType: 0, coordinatorKeys: ['g'] }, asker(4, 'Describe Group g').context),
  )
  assert.deepEqual(codesOf(found.coordinators), [GROUP_AUTHORIZATION_FAILED])
  const wanted = { groups: ['g'], includeAuthorizedOperations: true }
  const described = await answered(describeGroups.handle(wanted, asker(5, 'Describe Group g').context))
  assert.deepEqual(codesOf(described.groups), [GROUP_AUTHORIZATION_FAILED])
  const { context, done } = asker(2, 'Delete Group g')
  const deleted = await answered(deleteGroups.handle({ groupsNames: ['g', 'h'] }, context))
  assert.deepEqual(codesOf(deleted.results), [GROUP_AUTHORIZATION_FAILED, NONE])
  assert.deepEqual(done, ['delete'])
})

test('a commit needs Read on the group and on each topic; a topic that may not be read is not told to exist or not', async () => {
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: null }]
  const topics = ['t', 'u', 'missing', 'hidden'].map((name) => ({ name, topicId: ID, partitions }))
  const request = { groupId: 'g', generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null, retentionTimeMs: -1, topics }
  const commit = async ({ context }: Asked): Promise<number[]> =>
    (await answered(offsetCommit.handle(request, context))).topics.flatMap((topic) => codesOf(topic.partitions))
  const some = asker(8, 'Read Topic t', 'Read Topic hidden')
  const expected = [TOPIC_AUTHORIZATION_FAILED, NONE, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION, TOPIC_AUTHORIZATION_FAILED]
  assert.deepEqual(await commit(some), expected)
  assert.deepEqual(some.done, [['u']])
  const none = asker(8, 'Read Group g')
  assert.deepEqual(
    await commit(none),
    Array.from({ length: 4 }, () => GROUP_AUTHORIZATION_FAILED),
  )
  assert.deepEqual(none.done, [])
})

test('a fetch needs Describe on the group and on each topic', async () => {
  const topics = ['t', 'u'].map((name) => ({ name, topicId: ID, partitionIndexes: [0] }))
  const request = { groupId: '', topics: [], groups: [{ groupId: 'g', memberId: null, memberEpoch: -1, topics }], requireStable: false }
  const some = await answered(offsetFetch.handle(request, asker(8, 'Describe Topic t').context))
  assert.deepEqual(
    some.groups?.[0]?.topics.map(({ partitions }) => codesOf(partitions)),
    [[TOPIC_AUTHORIZATION_FAILED], []],
  )
  const none = asker(8, 'Describe Group g')
  assert.deepEqual(codesOf((await answered(offsetFetch.handle(request, none.context))).groups), [GROUP_AUTHORIZATION_FAILED])
  assert.deepEqual(none.done, [])
})

test('deleting offsets needs Delete on the group and Read on each topic', async () => {
  const topics = ['t', 'u'].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] }))
  const some = await answered(offsetDelete.handle({ groupId: 'g', topics }, asker(0, 'Read Topic t').context))
  assert.deepEqual(
    some.topics.flatMap(({ partitions }) => codesOf(partitions)),
    [TOPIC_AUTHORIZATION_FAILED, NONE],
  )
  const none = asker(0, 'Delete Group g')
  assert.equal((await answered(offsetDelete.handle({ groupId: 'g', topics }, none.context))).errorCode, GROUP_AUTHORIZATION_FAILED)
  assert.deepEqual(none.done, [])
})
