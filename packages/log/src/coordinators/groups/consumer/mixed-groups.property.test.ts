/**
 * Whatever clients of both protocols send, in whatever order: nothing throws, a partition has one owner, every request but a join or a sync of a classic
 * group is answered at once, and the log reads as the groups are.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { SeededRandom } from '@millrace/testkit'
import { groupRecord } from '../classic/classic-group.ts'
import { ClassicRequests } from '../classic-requests.ts'
import { isConsumerGroup, type GroupState } from '../group-store.ts'
import { union, type Assignment } from './assignment.ts'
import { classicMembersOfConsumerGroups } from './classic-members-operations.ts'
import { encodeAssignment, encodeSubscription } from './consumer-protocol.ts'
import { heartbeatProblem } from './heartbeat.ts'
import { consumerGroupHeartbeat } from './operations.ts'
import { GroupHarness } from './testing/group-harness.ts'
import { TopicsAtHand } from './testing/topics-at-hand.ts'

const TOPIC_IDS = [1, 2, 9].map((serial) => {
  const bytes = Buffer.alloc(16)
  bytes[15] = serial
  return bytes.toString('base64url')
})

const metadata = fc.oneof(
  { weight: 6, arbitrary: fc.subarray(['a', 'b', 'none']).map((topics) => encodeSubscription({ topics }, 1)) },
  {
    weight: 2,
    arbitrary: fc
      .subarray(['a', 'b'])
      .map((topics) => encodeSubscription({ topics, ownedPartitions: [{ topic: 'a', partitions: [0] }] }, 3)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) },
)
const assignment = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.subarray([0, 1, 2]).map((partitions) => encodeAssignment({ assignedPartitions: [{ topic: 'a', partitions }] }, 1)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) },
)
const owned = fc.oneof(
  fc.constant(null),
  fc
    .uniqueArray(fc.tuple(fc.constantFrom(...TOPIC_IDS), fc.subarray([-1, 0, 1, 2, 7])), { selector: ([id]) => id })
    .map((all): Assignment => new Map(all)),
)

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('modern' as const),
      who: fc.nat(3),
      epoch: fc.oneof({ weight: 3, arbitrary: fc.constant('own' as const) }, { weight: 1, arbitrary: fc.integer({ min: -3, max: 6 }) }),
      instanceId: fc.constantFrom(null, null, null, 'i'),
      topics: fc.oneof(fc.constant(null), fc.subarray(['a', 'b', 'none'])),
      regex: fc.constantFrom(null, null, '', 'a|b', '('),
      isFull: fc.boolean(),
      owned,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('join' as const),
      who: fc.nat(3),
      metadata,
      isStatic: fc.constantFrom(false, false, true),
      isNew: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('sync' as const), who: fc.nat(3), assignment }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('beat' as const), who: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), who: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 1000, 6000, 12_000, 60_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('policy' as const),
      policy: fc.constantFrom('disabled', 'upgrade', 'downgrade', 'bidirectional'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('topic' as const), count: fc.nat(5) }) },
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
type StepOf<K extends Step['kind']> = Extract<Step, { kind: K }>

class Play {
  readonly topics = new TopicsAtHand({ a: 3, b: 2 })
  readonly harness = new GroupHarness(this.topics, new SeededRandom(7))
  readonly #requests = new ClassicRequests(() => this.harness.classicSettings, classicMembersOfConsumerGroups(this.harness.environment))
  /** What each classic client believes. */
  readonly #classic = new Map<number, { memberId: string; generationId: number; ticket: { readonly id: number } | undefined }>()

  take(one: Step): void {
    switch (one.kind) {
      case 'modern':
        return this.#modern(one)
      case 'join':
        return this.#join(one)
      case 'sync':
        return this.#sync(one)
      case 'beat':
        return assert.equal(
          typeof this.harness.ask(this.#requests.heartbeat({ groupId: 'g', groupInstanceId: null, ...this.#believed(one.who) })),
          'number',
        )
      case 'leave': {
        const leavers = [{ memberId: this.#believed(one.who).memberId, groupInstanceId: null, reason: null }]
        return assert.ok(this.harness.ask(this.#requests.leave('g', leavers)))
      }
      case 'wait':
        return this.harness.advance(one.ms)
      case 'policy':
        this.harness.policy = one.policy
        return
      case 'topic':
        if (one.count === 0) this.topics.delete('b')
        else this.topics.put('b', one.count)
    }
  }

  #believed(who: number): { memberId: string; generationId: number } {
    const known = this.#classic.get(who)
    const answered = known?.ticket && this.harness.reply<{ errorCode: number; memberId: string; generationId: number }>(known.ticket)
    if (known === undefined) return { memberId: '', generationId: -1 }
    if (answered !== undefined) {
      known.ticket = undefined
      if (answered.memberId !== '') known.memberId = answered.memberId
      if (answered.errorCode === 0) known.generationId = answered.generationId
    }
    return { memberId: known.memberId, generationId: known.generationId }
  }

  #modern({ who, epoch, instanceId, topics, regex, isFull, owned: has }: StepOf<'modern'>): void {
    const memberId = `m${who}`
    const group = this.harness.state.groups.get('g')
    const known = isConsumerGroup(group) ? group.members.get(memberId)?.memberEpoch : undefined
    const memberEpoch = epoch === 'own' ? (known ?? 0) : epoch
    const isJoin = memberEpoch === 0
    const request = {
      groupId: 'g',
      memberId,
      memberEpoch,
      instanceId,
      rackId: null,
      rebalanceTimeoutMs: isFull || isJoin ? 5000 : -1,
      subscribedTopicNames: isJoin ? (topics ?? []) : topics,
      subscribedTopicRegex: regex,
      serverAssignor: null,
      owned: isJoin ? new Map() : has,
    }
    if (heartbeatProblem(request, 1, ['uniform']) !== undefined) return
    const client = { id: 'c', host: '/h', mayDescribe: () => true }
    assert.ok(this.harness.ask(consumerGroupHeartbeat(request, client, this.harness.environment)))
  }

  #join({ who, metadata: bytes, isStatic, isNew }: StepOf<'join'>): void {
    const { memberId, generationId } = isNew ? { memberId: '', generationId: -1 } : this.#believed(who)
    const ticket = this.harness.submit(
      this.#requests.join({
        groupId: 'g',
        memberId,
        groupInstanceId: isStatic ? 'i' : null,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: bytes }],
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 5000,
        clientId: 'c',
        clientHost: '/h',
        isMemberIdRequired: who % 2 === 0,
        canSkipAssignment: true,
      }),
    )
    this.#classic.set(who, { memberId, generationId, ticket })
  }

  #sync({ who, assignment: bytes }: StepOf<'sync'>): void {
    const { memberId, generationId } = this.#believed(who)
    const assignments = [{ memberId, assignment: bytes }]
    const names = { protocolType: 'consumer', protocolName: 'range' }
    this.harness.submit(this.#requests.sync({ groupId: 'g', memberId, generationId, groupInstanceId: null, ...names, assignments }))
  }

  check(): void {
    const group = this.harness.state.groups.get('g')
    if (!isConsumerGroup(group)) return
    const seen = new Set<string>()
    for (const member of group.members.values()) {
      for (const [topicId, partitions] of union(member.assigned, member.pendingRevocation)) {
        for (const partition of partitions) {
          assert.ok(!seen.has(`${topicId} ${partition}`))
          seen.add(`${topicId} ${partition}`)
          assert.equal(group.ownerOf(topicId, partition), member.memberId)
        }
      }
    }
  }
}

/** What of a group is to survive. Of a classic one that is what it wrote last. */
function picture({ groups }: GroupState): unknown {
  const group = groups.get('g')
  if (!isConsumerGroup(group)) return group === undefined ? 'none' : 'classic'
  const { groupEpoch, assignmentEpoch, members, targets, regexes, staticMembers } = group
  return {
    groupEpoch,
    assignmentEpoch,
    members: new Map(members),
    targets: new Map(targets),
    regexes: new Map(regexes),
    staticMembers: new Map(staticMembers),
  }
}

it('groups take whatever comes', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      const play = new Play()
      for (const one of steps) {
        play.take(one)
        play.check()
      }
      const { state } = play.harness
      if (isConsumerGroup(state.groups.get('g'))) assert.deepEqual(picture(play.harness.replayed()), picture(state))
      else assert.equal(isConsumerGroup(play.harness.replayed().groups.get('g')), false)
      // Everyone is silent: sessions end, and nothing is left that could run.
      play.harness.advance(3_600_000)
      const group = state.groups.get('g')
      if (group !== undefined) assert.equal(group.members.size, 0)
      assert.equal(play.harness.timerCount, 0)
      if (group !== undefined && !isConsumerGroup(group)) assert.ok(groupRecord(group))
    }),
    { numRuns: 100 },
  )
})
