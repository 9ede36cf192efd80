import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '@millrace/testkit'
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import type { Ticket } from '../../framework/index.ts'
import type { JoinResponse } from '../classic/classic-group.ts'
import { ClassicRequests } from '../classic-requests.ts'
import { isConsumerGroup, type Group } from '../group-store.ts'
import { partitionCount } from './assignment.ts'
import { classicMembersOfConsumerGroups } from './classic-members-operations.ts'
import { decodeAssignment, encodeAssignment, encodeSubscription } from './consumer-protocol.ts'
import { ConsumerClient } from './testing/consumer-client.ts'
import { GroupHarness } from './testing/group-harness.ts'
import { TopicsAtHand } from './testing/topics-at-hand.ts'

type Partitions = readonly { readonly topic: string; readonly partitions: readonly number[] }[]

/** A consumer of the classic protocol that keeps its partitions through a rebalance until it is told otherwise (cooperative). */
class ClassicConsumer {
  memberId = ''
  generationId = -1
  owned: Partitions = []
  readonly #harness: GroupHarness
  readonly #requests: ClassicRequests
  readonly #instanceId: string | null

  constructor(harness: GroupHarness, instanceId: string | null = null) {
    this.#harness = harness
    this.#instanceId = instanceId
    this.#requests = new ClassicRequests(() => harness.classicSettings, classicMembersOfConsumerGroups(harness.environment))
  }

  startJoin(protocolNames: readonly string[] = ['cooperative-sticky']): Ticket<JoinResponse> {
    const metadata = encodeSubscription({ topics: ['a'], ownedPartitions: this.owned, generationId: this.generationId }, 3)
    return this.#harness.submit(
      this.#requests.join({
        groupId: 'g',
        memberId: this.memberId,
        groupInstanceId: this.#instanceId,
        protocolType: 'consumer',
        protocols: protocolNames.map((name) => ({ name, metadata })),
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 60_000,
        clientId: 'classic',
        clientHost: '/h',
        isMemberIdRequired: false,
        canSkipAssignment: true,
      }),
    )
  }

  finishJoin(ticket: Ticket<JoinResponse>): JoinResponse {
    const response = this.#harness.reply(ticket)
    assert.ok(response !== undefined, 'the join is not answered')
    if (response.errorCode === 0) {
      this.memberId = response.memberId
      this.generationId = response.generationId ?? -1
    }
    return response
  }

  join(): JoinResponse {
    const ticket = this.startJoin()
    this.#harness.advance(1)
    return this.finishJoin(ticket)
  }

  /** @param assignments of a leader */
  sync(assignments: ApiRequest<'SyncGroup'>['assignments'] = []): number {
    const { errorCode, assignment } = this.#harness.ask(
      this.#requests.sync({
        groupId: 'g',
        memberId: this.memberId,
        generationId: this.generationId,
        groupInstanceId: this.#instanceId,
        protocolType: 'consumer',
        protocolName: 'cooperative-sticky',
        assignments,
      }),
    )
    if (errorCode === 0) this.owned = decodeAssignment(assignment).assignedPartitions
    return errorCode
  }

  /** A first generation of its own, with all partitions. */
  startGroup(partitions: readonly number[]): void {
    this.join()
    const assignment = encodeAssignment({ assignedPartitions: [{ topic: 'a', partitions }] }, 3)
    assert.equal(this.sync([{ memberId: this.memberId, assignment }]), 0)
  }

  heartbeat(): number {
    const { memberId, generationId } = this
    return this.#harness.ask(this.#requests.heartbeat({ groupId: 'g', memberId, generationId, groupInstanceId: this.#instanceId }))
  }

  leave(): number {
    const { members } = this.#harness.ask(
      this.#requests.leave('g', [{ memberId: this.memberId, groupInstanceId: this.#instanceId, reason: null }]),
    )
    return members[0]!.errorCode
  }

  get partitions(): readonly number[] {
    return this.owned.flatMap(({ partitions }) => partitions)
  }
}

function setUp(): { harness: GroupHarness; group: () => Group | undefined } {
  const harness = new GroupHarness(new TopicsAtHand({ a: 4 }), new SeededRandom(1))
  return { harness, group: () => harness.state.groups.get('g') }
}

function consumer(memberId: string, instanceId: string | null = null): ConsumerClient {
  return new ConsumerClient({ groupId: 'g', memberId, instanceId, topics: ['a'] })
}

describe('from classic to consumer', () => {
  it('keeps what classic members have, moves what balance wants, and goes back when the last consumer leaves', () => {
    const { harness, group } = setUp()
    const classic = new ClassicConsumer(harness)
    classic.startGroup([0, 1, 2, 3])
    const modern = consumer('m')
    modern.heartbeat(harness)
    assert.equal(modern.errorCode, 0)
    assert.ok(isConsumerGroup(group()))
    assert.equal(partitionCount(modern.using), 0)

    assert.equal(classic.heartbeat(), ERROR_CODE.REBALANCE_IN_PROGRESS)
    assert.equal(classic.join().errorCode, 0)
    assert.equal(classic.sync(), 0)
    assert.equal(classic.partitions.length, 2)
    modern.heartbeat(harness)
    modern.reconcile()
    assert.equal(partitionCount(modern.using), 0, 'given before the classic member said that it has revoked')

    assert.equal(classic.heartbeat(), ERROR_CODE.REBALANCE_IN_PROGRESS)
    assert.equal(classic.join().errorCode, 0)
    assert.equal(classic.sync(), 0)
    assert.equal(classic.heartbeat(), 0)
    modern.heartbeat(harness)
    modern.reconcile()
    assert.equal(partitionCount(modern.using), 2)
    assert.deepEqual([...classic.partitions, ...[...modern.using.values()].flat()].map(String).sort(), ['0', '1', '2', '3'])

    modern.leave(harness)
    assert.equal(isConsumerGroup(group()), false)
    assert.equal(classic.heartbeat(), ERROR_CODE.REBALANCE_IN_PROGRESS)
    classic.startGroup([0, 1, 2, 3])
    assert.equal(group()!.state, 'Stable')
    assert.equal(classic.heartbeat(), 0)
  })

  it('answers those who wait in the classic group', () => {
    const { harness, group } = setUp()
    const [one, two] = [new ClassicConsumer(harness), new ClassicConsumer(harness)]
    one.startGroup([0, 1, 2, 3])
    const waiting = two.startJoin()
    assert.equal(harness.reply(waiting), undefined)
    consumer('m').heartbeat(harness)
    assert.ok(isConsumerGroup(group()))
    assert.equal(harness.reply(waiting)?.errorCode, ERROR_CODE.REBALANCE_IN_PROGRESS)
  })

  it('takes a classic member that is silent out of the consumer group', () => {
    const { harness, group } = setUp()
    new ClassicConsumer(harness).startGroup([0, 1, 2, 3])
    const modern = consumer('m')
    modern.heartbeat(harness)
    harness.advance(10_000)
    modern.heartbeat(harness)
    modern.reconcile()
    assert.equal(partitionCount(modern.using), 4)
    assert.ok(isConsumerGroup(group()))
  })

  it('takes out a classic member that does not join again in time, and one that does not sync', () => {
    const { harness, group } = setUp()
    const [late, lazy] = [new ClassicConsumer(harness), new ClassicConsumer(harness)]
    late.startGroup([0, 1, 2, 3])
    const modern = consumer('m')
    modern.heartbeat(harness)
    lazy.join()
    const members = (): number => {
      const found = group()
      return isConsumerGroup(found) ? found.members.size : -1
    }
    assert.equal(members(), 3)
    for (let at = 0; at < 60_000; at += 5000) {
      late.heartbeat()
      lazy.heartbeat()
      modern.heartbeat(harness)
      harness.advance(5000)
    }
    assert.equal(late.heartbeat(), ERROR_CODE.UNKNOWN_MEMBER_ID)
    assert.equal(lazy.heartbeat(), ERROR_CODE.UNKNOWN_MEMBER_ID)
  })

  it('is refused where the policy does not allow it, and where members are no consumers', () => {
    for (const policy of ['disabled', 'downgrade']) {
      const { harness, group } = setUp()
      harness.policy = policy
      new ClassicConsumer(harness).startGroup([0])
      const modern = consumer('m')
      modern.heartbeat(harness)
      assert.equal(modern.errorCode, ERROR_CODE.GROUP_ID_NOT_FOUND)
      assert.equal(isConsumerGroup(group()), false)
    }
  })

  it('is refused where two members have the same partition, as some assignors want it', () => {
    const { harness, group } = setUp()
    const [one, two] = [new ClassicConsumer(harness), new ClassicConsumer(harness)]
    one.startGroup([0, 1, 2, 3])
    const joins = [two.startJoin(), one.startJoin()] as const
    two.finishJoin(joins[0])
    one.finishJoin(joins[1])
    const assignment = encodeAssignment({ assignedPartitions: [{ topic: 'a', partitions: [0, 1] }] }, 3)
    assert.equal(one.sync([one, two].map(({ memberId }) => ({ memberId, assignment }))), 0)
    const modern = consumer('m')
    modern.heartbeat(harness)
    assert.equal(modern.errorCode, ERROR_CODE.GROUP_ID_NOT_FOUND)
    assert.equal(isConsumerGroup(group()), false)
  })

  it('is without conditions for an empty classic group, whatever the policy', () => {
    const { harness, group } = setUp()
    harness.policy = 'disabled'
    const classic = new ClassicConsumer(harness)
    classic.startGroup([0, 1, 2, 3])
    assert.equal(classic.leave(), 0)
    const modern = consumer('m')
    modern.heartbeat(harness)
    assert.equal(modern.errorCode, 0)
    assert.ok(isConsumerGroup(group()))
    modern.leave(harness)
    classic.memberId = ''
    classic.startGroup([0])
    assert.equal(isConsumerGroup(group()), false)
  })

  it('changes nothing when the heartbeat is refused in the end', () => {
    const { harness, group } = setUp()
    const [one, two] = [new ClassicConsumer(harness), new ClassicConsumer(harness)]
    one.startGroup([0, 1, 2, 3])
    const waiting = two.startJoin()
    const before = group()
    const modern = new ConsumerClient({ groupId: 'g', memberId: 'm', regex: '(' })
    modern.heartbeat(harness)
    assert.equal(modern.errorCode, ERROR_CODE.INVALID_REGULAR_EXPRESSION)
    assert.equal(group(), before)
    assert.equal(harness.reply(waiting), undefined)
  })
})

describe('classic members of a consumer group', () => {
  function mixed(): { harness: GroupHarness; group: () => Group | undefined; modern: ConsumerClient; classic: ClassicConsumer } {
    const { harness, group } = setUp()
    const modern = consumer('m')
    modern.heartbeat(harness)
    modern.reconcile()
    const classic = new ClassicConsumer(harness)
    assert.equal(classic.join().errorCode, 0)
    assert.equal(classic.sync(), 0)
    modern.heartbeat(harness)
    modern.reconcile()
    modern.heartbeat(harness)
    return { harness, group, modern, classic }
  }

  it('join a group of consumers, and are told to join again when what they wait for is free', () => {
    const { classic } = mixed()
    assert.deepEqual(classic.partitions, [])
    assert.equal(classic.heartbeat(), ERROR_CODE.REBALANCE_IN_PROGRESS)
    assert.equal(classic.join().errorCode, 0)
    assert.equal(classic.sync(), 0)
    assert.equal(classic.partitions.length, 2)
    assert.equal(classic.heartbeat(), 0)
  })

  it('are refused with other protocols, generations and ids', () => {
    const { harness, classic } = mixed()
    const stranger = new ClassicConsumer(harness)
    assert.equal(stranger.finishJoin(stranger.startJoin(['range'])).errorCode, ERROR_CODE.INCONSISTENT_GROUP_PROTOCOL)
    classic.generationId += 7
    assert.equal(classic.heartbeat(), ERROR_CODE.ILLEGAL_GENERATION)
    assert.equal(classic.sync(), ERROR_CODE.ILLEGAL_GENERATION)
    classic.memberId = 'm'
    assert.equal(classic.heartbeat(), ERROR_CODE.UNKNOWN_MEMBER_ID)
    classic.memberId = 'nobody'
    assert.equal(classic.leave(), ERROR_CODE.UNKNOWN_MEMBER_ID)
  })

  it('leave as others do', () => {
    const { harness, group, modern, classic } = mixed()
    assert.equal(classic.leave(), 0)
    modern.heartbeat(harness)
    modern.reconcile()
    assert.equal(partitionCount(modern.using), 4)
    assert.ok(isConsumerGroup(group()))
  })

  it('stay members of a consumer group where it may not go back', () => {
    const { harness, group, modern } = mixed()
    harness.policy = 'upgrade'
    modern.leave(harness)
    assert.ok(isConsumerGroup(group()))
  })

  it('take the place of a static consumer, and the group goes back with the last one', () => {
    const { harness, group } = setUp()
    const modern = consumer('m', 'i')
    modern.heartbeat(harness)
    modern.reconcile()
    const classic = new ClassicConsumer(harness, 'i')
    const response = classic.join()
    assert.equal(response.errorCode, 0)
    assert.equal(isConsumerGroup(group()), false)
    assert.equal(group()!.state, 'Stable')
    assert.equal(classic.sync(), 0)
    assert.deepEqual(classic.partitions, [0, 1, 2, 3])
    assert.equal(classic.heartbeat(), 0)
    modern.heartbeat(harness)
    assert.notEqual(modern.errorCode, 0)
  })
})

it('a broker that starts in the middle of a migration finds it as it was', () => {
  const { harness } = setUp()
  const classic = new ClassicConsumer(harness)
  classic.startGroup([0, 1, 2, 3])
  const modern = consumer('m')
  modern.heartbeat(harness)
  const loaded = harness.replayed().groups.get('g')
  assert.ok(isConsumerGroup(loaded))
  const member = loaded.members.get(classic.memberId)!
  assert.equal(member.classic?.sessionTimeoutMs, 10_000)
  assert.equal(member.classic?.supportedProtocols[0]?.name, 'cooperative-sticky')
  assert.equal(loaded.members.get('m')!.classic, null)
  assert.equal(partitionCount(member.assigned), 4)
  modern.leave(harness)
  const back = harness.replayed().groups.get('g')
  assert.equal(isConsumerGroup(back), false)
  assert.equal(back!.state, 'Stable')
})
