import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '@millrace/testkit'
import { GroupHarness } from '../../../coordinators/groups/consumer/testing/group-harness.ts'
import { TopicsAtHand } from '../../../coordinators/groups/consumer/testing/topics-at-hand.ts'
import type { GroupOperation } from '../../../coordinators/groups/group-store.ts'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { BrokerConfig } from '../../config/index.ts'
import type { RequestContext } from '../../handler.ts'
import { consumerGroupDescribe } from './consumer-group-describe.ts'
import { consumerGroupHeartbeat } from './consumer-group-heartbeat.ts'

const JOIN: ApiRequest<'ConsumerGroupHeartbeat'> = {
  groupId: 'g',
  memberId: 'm',
  memberEpoch: 0,
  instanceId: null,
  rackId: null,
  rebalanceTimeoutMs: 1000,
  subscribedTopicNames: ['open'],
  subscribedTopicRegex: null,
  serverAssignor: null,
  topicPartitions: [],
}

/** Clients that may do everything but what is listed, of one broker. */
class Office {
  readonly #harness = new GroupHarness(new TopicsAtHand({ open: 1, secret: 1 }), new SeededRandom(1))
  readonly #config: BrokerConfig

  constructor(texts: Readonly<Record<string, string>> = {}) {
    this.#config = new BrokerConfig(texts)
  }

  #context(denied: readonly string[]): RequestContext {
    const { environment } = this.#harness
    const submit = (_: string, operation: GroupOperation<unknown>): Promise<unknown> => Promise.resolve(this.#harness.ask(operation))
    return {
      broker: { config: this.#config, groups: { coordinator: { submit }, environment } },
      version: 1,
      client: { id: 'c', host: 'h' },
      allows: (operation: string, resource: string, name: string) => !denied.includes(`${operation} ${resource} ${name}`),
      signal: new AbortController().signal,
    } as unknown as RequestContext
  }

  async heartbeat(
    change: Partial<ApiRequest<'ConsumerGroupHeartbeat'>>,
    ...denied: string[]
  ): Promise<ApiResponseToSend<'ConsumerGroupHeartbeat'>> {
    const reply = await consumerGroupHeartbeat.handle({ ...JOIN, ...change }, this.#context(denied))
    assert.ok(typeof reply === 'object')
    return reply
  }

  async describe(groupId: string, ...denied: string[]): Promise<ApiResponseToSend<'ConsumerGroupDescribe'>['groups'][number]> {
    const reply = await consumerGroupDescribe.handle({ groupIds: [groupId], includeAuthorizedOperations: true }, this.#context(denied))
    assert.ok(typeof reply === 'object')
    return reply.groups[0]!
  }
}

describe('heartbeats', () => {
  it('need to read the group', async () => {
    assert.equal((await new Office().heartbeat({}, 'Read Group g')).errorCode, ERROR_CODE.GROUP_AUTHORIZATION_FAILED)
  })

  it('need to describe every topic that is named', async () => {
    const denied = 'Describe Topic secret'
    const office = new Office()
    assert.equal(
      (await office.heartbeat({ subscribedTopicNames: ['open', 'secret'] }, denied)).errorCode,
      ERROR_CODE.TOPIC_AUTHORIZATION_FAILED,
    )
    assert.equal((await office.heartbeat({}, denied)).errorCode, ERROR_CODE.NONE)
  })

  it('are given nothing of hidden topics by an expression', async () => {
    const change = { subscribedTopicNames: null, subscribedTopicRegex: '.*' }
    const { assignment } = await new Office().heartbeat(change, 'Describe Topic secret')
    assert.equal(assignment?.topicPartitions.length, 1)
  })

  it('are not for a broker that has the protocol switched off', async () => {
    const office = new Office({ 'group.coordinator.rebalance.protocols': 'classic' })
    assert.equal((await office.heartbeat({})).errorCode, ERROR_CODE.UNSUPPORTED_VERSION)
  })
})

describe('descriptions', () => {
  it('need to describe the group', async () => {
    assert.equal((await new Office().describe('g', 'Describe Group g')).errorCode, ERROR_CODE.GROUP_AUTHORIZATION_FAILED)
  })

  it('need to describe every topic that a member has', async () => {
    const office = new Office()
    await office.heartbeat({ subscribedTopicNames: ['secret'] })
    const hidden = await office.describe('g', 'Describe Topic secret')
    assert.deepEqual([hidden.errorCode, hidden.members.length], [ERROR_CODE.TOPIC_AUTHORIZATION_FAILED, 0])
    assert.equal((await office.describe('g')).members.length, 1)
  })

  it('tell what else the client may do', async () => {
    const office = new Office()
    await office.heartbeat({})
    const all = (await office.describe('g')).authorizedOperations!
    assert.equal((await office.describe('g', 'Delete Group g')).authorizedOperations, all & ~(1 << 6))
  })

  it('of no group are refused', async () => {
    assert.equal((await new Office().describe('')).errorCode, ERROR_CODE.INVALID_GROUP_ID)
    assert.equal((await new Office().describe('g')).errorCode, ERROR_CODE.GROUP_ID_NOT_FOUND)
  })
})
