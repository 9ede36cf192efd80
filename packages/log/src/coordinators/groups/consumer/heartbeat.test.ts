import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '@millrace/testkit'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { isConsumerGroup } from '../group-store.ts'
import { assignmentFromWire, partitionCount, EMPTY_ASSIGNMENT, type Assignment } from './assignment.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { heartbeatProblem, type Heartbeat } from './heartbeat.ts'
import { consumerGroupHeartbeat, type HeartbeatResponse } from './operations.ts'
import { ConsumerClient } from './testing/consumer-client.ts'
import { GroupHarness } from './testing/group-harness.ts'
import { TopicsAtHand } from './testing/topics-at-hand.ts'

const JOIN: Heartbeat = {
  groupId: 'g',
  memberId: 'm1',
  memberEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: 60_000,
  subscribedTopicNames: ['a'],
  subscribedTopicRegex: null,
  serverAssignor: null,
  owned: EMPTY_ASSIGNMENT,
}

/** A heartbeat that changes nothing. */
const STAY: Heartbeat = { ...JOIN, rebalanceTimeoutMs: -1, subscribedTopicNames: null, owned: null }

function setUp(topics: Readonly<Record<string, number>> = { a: 4, b: 2 }): { topics: TopicsAtHand; harness: GroupHarness } {
  const atHand = new TopicsAtHand(topics)
  return { topics: atHand, harness: new GroupHarness(atHand, new SeededRandom(1)) }
}

function send(harness: GroupHarness, request: Heartbeat, mayDescribe: (topic: string) => boolean = () => true): HeartbeatResponse {
  return harness.ask(consumerGroupHeartbeat(request, { id: 'c', host: '/h', mayDescribe }, harness.environment))
}

function group(harness: GroupHarness): ConsumerGroup {
  const found = harness.state.groups.get('g')
  assert.ok(isConsumerGroup(found))
  return found
}

function given({ assignment }: HeartbeatResponse): Assignment | undefined {
  return assignment ? assignmentFromWire(assignment.topicPartitions) : undefined
}

function consumer(memberId: string, options: Partial<ConstructorParameters<typeof ConsumerClient>[0]> = {}): ConsumerClient {
  return new ConsumerClient({ groupId: 'g', memberId, topics: ['a'], ...options })
}

describe('what is wrong with a heartbeat whatever the group', () => {
  const problem = (change: Partial<Heartbeat>, version = 1): string | undefined =>
    heartbeatProblem({ ...JOIN, ...change }, version, ['uniform', 'range'])?.refused

  it('lets a join and a plain heartbeat through', () => {
    assert.equal(problem({}), undefined)
    assert.equal(heartbeatProblem({ ...STAY, memberEpoch: 3 }, 1, ['uniform']), undefined)
  })

  for (const [what, change] of Object.entries<Partial<Heartbeat>>({
    'an empty member id': { memberId: ' ' },
    'an empty group id': { groupId: '' },
    'an empty instance id': { instanceId: '' },
    'an empty rack id': { rackId: '' },
    'an epoch below -2': { memberEpoch: -3 },
    'a dynamic member that leaves for a while': { memberEpoch: -2 },
    'a join without a rebalance timeout': { rebalanceTimeoutMs: -1 },
    'a join with partitions': { owned: new Map([['x', [1]]]) },
    'a join that does not say what it owns': { owned: null },
    'a join without a subscription': { subscribedTopicNames: null },
  })) {
    it(`refuses ${what}`, () => assert.equal(problem(change), 'INVALID_REQUEST'))
  }

  it('lets a member without an id join in version 0 only', () => {
    assert.equal(problem({ memberId: '' }, 0), undefined)
    assert.equal(problem({ memberId: '' }, 1), 'INVALID_REQUEST')
  })

  it('refuses an assignor that is not configured', () => {
    assert.equal(problem({ serverAssignor: 'sticky' }), 'UNSUPPORTED_ASSIGNOR')
    assert.equal(heartbeatProblem({ ...JOIN, serverAssignor: 'range' }, 1, ['uniform'])?.refused, 'UNSUPPORTED_ASSIGNOR')
  })
})

describe('joining', () => {
  it('gives the first member everything at once', () => {
    const { harness } = setUp()
    const response = send(harness, JOIN)
    assert.equal(response.errorCode, 0)
    assert.equal(response.memberEpoch, 1)
    assert.equal(response.heartbeatIntervalMs, 5000)
    assert.equal(partitionCount(given(response)!), 4)
    assert.equal(group(harness).state, 'Stable')
  })

  it('gives an id to one that has none', () => {
    const { harness } = setUp()
    const { memberId } = send(harness, { ...JOIN, memberId: '' })
    assert.equal(memberId?.length, 22)
    assert.deepEqual([...group(harness).members.keys()], [memberId])
  })

  it('answers a join that is sent again as the first time', () => {
    const { harness } = setUp()
    const first = send(harness, JOIN)
    const records = harness.log.length
    assert.deepEqual(send(harness, JOIN), first)
    assert.equal(harness.log.length, records)
  })

  it('is refused when the group is full, not to those inside', () => {
    const { harness } = setUp()
    harness.config = { ...harness.config, maxSize: 1 }
    send(harness, JOIN)
    assert.equal(send(harness, { ...JOIN, memberId: 'm2' }).errorCode, ERROR_CODE.GROUP_MAX_SIZE_REACHED)
    assert.equal(send(harness, { ...STAY, memberEpoch: 1 }).errorCode, 0)
  })

  it('is refused to one that is not at the beginning, where there is no such group or member', () => {
    const { harness } = setUp()
    assert.equal(send(harness, { ...STAY, memberEpoch: 1 }).errorCode, ERROR_CODE.GROUP_ID_NOT_FOUND)
    send(harness, JOIN)
    assert.equal(send(harness, { ...STAY, memberId: 'm2', memberEpoch: 1 }).errorCode, ERROR_CODE.UNKNOWN_MEMBER_ID)
  })

  it('takes a subscription to nothing', () => {
    const { harness } = setUp()
    assert.equal(partitionCount(given(send(harness, { ...JOIN, subscribedTopicNames: [] }))!), 0)
    assert.equal(group(harness).state, 'Stable')
  })

  it('takes a topic that comes later', () => {
    const { harness, topics } = setUp()
    assert.equal(partitionCount(given(send(harness, { ...JOIN, subscribedTopicNames: ['late'] }))!), 0)
    topics.put('late', 3)
    assert.equal(partitionCount(given(send(harness, { ...STAY, memberEpoch: 1 }))!), 3)
  })
})

describe('moving partitions', () => {
  it('takes from the one before it gives to the other', () => {
    const { harness } = setUp()
    const one = consumer('m1')
    const two = consumer('m2')
    one.heartbeat(harness)
    one.reconcile()
    assert.equal(partitionCount(given(two.heartbeat(harness))!), 0)
    assert.equal(group(harness).state, 'Reconciling')
    one.heartbeat(harness)
    assert.ok(one.isRevoking)
    two.heartbeat(harness)
    two.reconcile()
    assert.equal(partitionCount(two.using), 0, 'given while the other still has it')
    one.reconcile()
    one.heartbeat(harness)
    two.heartbeat(harness)
    two.reconcile()
    assert.equal(partitionCount(two.using), 2)
    assert.equal(group(harness).state, 'Stable')
  })

  it('takes out a member that does not revoke in time', () => {
    const { harness } = setUp()
    const one = consumer('m1', { rebalanceTimeoutMs: 20_000 })
    one.heartbeat(harness)
    one.reconcile()
    consumer('m2').heartbeat(harness)
    one.heartbeat(harness)
    harness.advance(19_999)
    assert.ok(group(harness).members.has('m1'))
    harness.advance(1)
    assert.ok(!group(harness).members.has('m1'))
  })

  it('does not hold the rebalance timeout against one that revoked', () => {
    const { harness } = setUp()
    const one = consumer('m1', { rebalanceTimeoutMs: 20_000 })
    one.heartbeat(harness)
    one.reconcile()
    consumer('m2').heartbeat(harness)
    one.heartbeat(harness)
    one.reconcile()
    one.heartbeat(harness)
    harness.advance(30_000)
    assert.ok(group(harness).members.has('m1'))
  })

  it('follows a topic that grows and one that goes', () => {
    const { harness, topics } = setUp()
    const one = consumer('m1', { topics: ['a', 'b'] })
    one.heartbeat(harness)
    assert.equal(one.epoch, 1)
    topics.put('a', 6)
    topics.delete('b')
    one.heartbeat(harness)
    one.reconcile()
    one.heartbeat(harness)
    one.heartbeat(harness)
    one.reconcile()
    assert.equal(partitionCount(one.using), 6)
    assert.equal(group(harness).state, 'Stable')
  })

  it('tells of nothing where nothing has changed, and writes nothing', () => {
    const { harness } = setUp()
    send(harness, JOIN)
    const records = harness.log.length
    const response = send(harness, { ...STAY, memberEpoch: 1 })
    assert.equal(response.assignment, null)
    assert.equal(harness.log.length, records)
  })

  it('uses the assignor that most members ask for', () => {
    const { harness } = setUp({ a: 3, b: 3 })
    for (const memberId of ['m1', 'm2']) consumer(memberId, { topics: ['a', 'b'], assignor: 'range' }).heartbeat(harness)
    assert.deepEqual(
      [...group(harness).targets.values()].map((target) => [...target.values()]),
      [
        [
          [0, 1],
          [0, 1],
        ],
        [[2], [2]],
      ],
    )
  })
})

describe('epochs', () => {
  it('lets one through that lost the last answer, and no one else', () => {
    const { harness, topics } = setUp()
    send(harness, JOIN)
    topics.put('a', 5)
    assert.equal(send(harness, { ...STAY, memberEpoch: 1 }).memberEpoch, 2)
    const owned = group(harness).members.get('m1')!.assigned
    assert.equal(send(harness, { ...STAY, memberEpoch: 1, owned }).memberEpoch, 2)
    const foreign = new Map([...owned, ['AAAA', [1]] as const])
    for (const wrong of [
      { memberEpoch: 1, owned: foreign },
      { memberEpoch: 1, owned: null },
      { memberEpoch: 3, owned },
    ]) {
      assert.equal(send(harness, { ...STAY, ...wrong }).errorCode, ERROR_CODE.FENCED_MEMBER_EPOCH)
    }
    topics.put('a', 6)
    send(harness, { ...STAY, memberEpoch: 2 })
    assert.equal(send(harness, { ...STAY, memberEpoch: 1, owned }).errorCode, ERROR_CODE.FENCED_MEMBER_EPOCH)
  })

  it('takes out a member that is silent for too long, and gives its partitions to the others', () => {
    const { harness } = setUp()
    const [one, two] = [consumer('m1'), consumer('m2')]
    one.heartbeat(harness)
    harness.advance(40_000)
    two.heartbeat(harness)
    harness.advance(5_000)
    assert.deepEqual([...group(harness).members.keys()], ['m2'])
    two.heartbeat(harness)
    two.reconcile()
    assert.equal(partitionCount(two.using), 4)
    one.heartbeat(harness)
    assert.equal(one.errorCode, ERROR_CODE.UNKNOWN_MEMBER_ID)
  })
})

describe('leaving', () => {
  it('leaves an empty group behind, whose epoch goes on', () => {
    const { harness } = setUp()
    const one = consumer('m1')
    one.heartbeat(harness)
    assert.equal(one.leave(harness).memberEpoch, -1)
    assert.equal(group(harness).state, 'Empty')
    assert.equal(harness.timerCount, 0)
    one.heartbeat(harness)
    assert.equal(one.epoch, 3)
  })

  it('is refused to one that is not there', () => {
    const { harness } = setUp()
    assert.equal(send(harness, { ...STAY, memberEpoch: -1 }).errorCode, ERROR_CODE.GROUP_ID_NOT_FOUND)
    send(harness, JOIN)
    assert.equal(send(harness, { ...STAY, memberId: 'm2', memberEpoch: -1 }).errorCode, ERROR_CODE.UNKNOWN_MEMBER_ID)
    assert.equal(send(harness, { ...STAY, instanceId: 'i', memberEpoch: -2 }).errorCode, ERROR_CODE.UNKNOWN_MEMBER_ID)
  })
})

describe('static members', () => {
  it('keep their partitions while they are away, and find them again under another id', () => {
    const { harness } = setUp()
    const before = consumer('m1', { instanceId: 'i' })
    const other = consumer('m2')
    for (const client of [before, other, before, before, other]) {
      client.heartbeat(harness)
      client.reconcile()
    }
    const { using } = before
    assert.equal(partitionCount(using), 2)
    assert.equal(before.leave(harness, -2).memberEpoch, -2)
    other.heartbeat(harness)
    other.reconcile()
    assert.equal(partitionCount(other.using), 2)
    const epoch = group(harness).groupEpoch
    const after = consumer('m3', { instanceId: 'i' })
    after.heartbeat(harness)
    after.reconcile()
    assert.deepEqual(after.using, using)
    assert.equal(group(harness).groupEpoch, epoch, 'a rebalance')
    assert.deepEqual([...group(harness).members.keys()].sort(), ['m2', 'm3'])
  })

  it('are out when they stay away for longer than a session', () => {
    const { harness } = setUp()
    const one = consumer('m1', { instanceId: 'i' })
    one.heartbeat(harness)
    one.leave(harness, -2)
    harness.advance(45_000)
    assert.equal(group(harness).members.size, 0)
  })

  it('are not replaced while they are there', () => {
    const { harness } = setUp()
    consumer('m1', { instanceId: 'i' }).heartbeat(harness)
    const twin = consumer('m2', { instanceId: 'i' })
    twin.heartbeat(harness)
    assert.equal(twin.errorCode, ERROR_CODE.UNRELEASED_INSTANCE_ID)
    assert.equal(send(harness, { ...STAY, memberId: 'm2', instanceId: 'i', memberEpoch: 1 }).errorCode, ERROR_CODE.FENCED_INSTANCE_ID)
    assert.equal(send(harness, { ...STAY, memberId: 'm2', instanceId: 'i', memberEpoch: -1 }).errorCode, ERROR_CODE.FENCED_INSTANCE_ID)
  })

  it('may send their first heartbeat again', () => {
    const { harness } = setUp()
    const first = send(harness, { ...JOIN, instanceId: 'i' })
    assert.deepEqual(send(harness, { ...JOIN, instanceId: 'i' }), first)
  })
})

describe('subscriptions by regular expression', () => {
  it('match whole names, and take up topics that come later', () => {
    const { harness, topics } = setUp({ 'orders-1': 2, 'my-orders-1': 3, clicks: 1 })
    const one = consumer('m1', { topics: [], regex: 'orders-[0-9]+' })
    one.heartbeat(harness)
    one.reconcile()
    assert.equal(partitionCount(one.using), 2)
    topics.put('orders-2', 5)
    harness.advance(11_000)
    one.heartbeat(harness)
    one.reconcile()
    assert.equal(partitionCount(one.using), 7)
    assert.deepEqual(group(harness).regexes.get('orders-[0-9]+')?.topics, ['orders-1', 'orders-2'])
  })

  it('make one rebalance of topics that come one after the other', () => {
    const { harness, topics } = setUp({ 'orders-1': 2 })
    const one = consumer('m1', { topics: [], regex: 'orders-.*' })
    one.heartbeat(harness)
    const epoch = group(harness).groupEpoch
    for (const name of ['orders-2', 'orders-3', 'orders-4']) {
      topics.put(name, 1)
      harness.advance(3000)
      one.heartbeat(harness)
    }
    harness.advance(5000)
    one.heartbeat(harness)
    assert.equal(group(harness).groupEpoch, epoch + 1)
  })

  it('leave out what the client may not know of', () => {
    const { harness } = setUp({ open: 1, secret: 1 })
    const response = send(harness, { ...JOIN, subscribedTopicNames: null, subscribedTopicRegex: '.*' }, (topic) => topic !== 'secret')
    assert.equal(partitionCount(given(response)!), 1)
  })

  it('are refused when RE2 does not take them', () => {
    const { harness } = setUp()
    for (const regex of ['(', '(?<=a)b', '(a)\\1', 'a'.repeat(5000)]) {
      const response = send(harness, { ...JOIN, subscribedTopicNames: null, subscribedTopicRegex: regex })
      assert.equal(response.errorCode, ERROR_CODE.INVALID_REGULAR_EXPRESSION, regex)
    }
    assert.equal(harness.state.groups.size, 0)
  })

  it('are forgotten with their last member, and when it asks for something else', () => {
    const { harness } = setUp({ a: 1, b: 1 })
    const one = consumer('m1', { topics: [], regex: 'a|b' })
    one.heartbeat(harness)
    assert.equal(group(harness).regexes.size, 1)
    send(harness, { ...JOIN, memberEpoch: 1, subscribedTopicNames: null, subscribedTopicRegex: 'b' })
    assert.deepEqual([...group(harness).regexes.keys()], ['b'])
    assert.deepEqual([...group(harness).subscribedTopicNames], ['b'])
    send(harness, { ...STAY, memberEpoch: -1 })
    assert.equal(group(harness).regexes.size, 0)
  })

  it('take time linear to the names, whatever the expression', () => {
    const { harness } = setUp({ ['a'.repeat(240)]: 1 })
    const response = send(harness, { ...JOIN, subscribedTopicNames: null, subscribedTopicRegex: '(a+)+b' })
    assert.equal(response.errorCode, 0)
  })
})
