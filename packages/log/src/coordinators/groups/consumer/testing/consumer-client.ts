/**
 * A consumer as KIP-848 wants it: it uses what it was given, revokes what it no longer has before it uses what is new, and says what it has when that
 * has changed, or when an answer may have been lost.
 */
import type { SeededRandom } from '@millrace/testkit'
import { ERROR_CODE } from '../../../../protocol/index.ts'
import { assignmentFromWire, difference, sameAssignment, EMPTY_ASSIGNMENT, type Assignment } from '../assignment.ts'
import type { Heartbeat } from '../heartbeat.ts'
import { consumerGroupHeartbeat, type HeartbeatResponse } from '../operations.ts'
import type { GroupHarness } from './group-harness.ts'

export interface ConsumerClientOptions {
  readonly groupId: string
  readonly memberId: string
  readonly instanceId?: string | null
  readonly topics?: readonly string[] | null
  readonly regex?: string | null
  readonly assignor?: string | null
  readonly rebalanceTimeoutMs?: number
}

export class ConsumerClient {
  readonly memberId: string
  readonly instanceId: string | null
  epoch = 0
  /** What it reads from at this moment. */
  using: Assignment = EMPTY_ASSIGNMENT
  errorCode = 0
  topics: readonly string[] | null
  readonly #options: ConsumerClientOptions
  #given: Assignment = EMPTY_ASSIGNMENT
  /** What the broker surely knows that it has; undefined when it has to be told everything. */
  #told: Assignment | undefined
  #toldTopics: readonly string[] | null = null

  constructor(options: ConsumerClientOptions) {
    this.memberId = options.memberId
    this.instanceId = options.instanceId ?? null
    this.topics = options.topics ?? null
    this.#options = options
  }

  get isRevoking(): boolean {
    return difference(this.using, this.#given).size > 0
  }

  /** Gives up what it no longer has, then takes up what is new. */
  reconcile(): void {
    this.using = this.#given
  }

  heartbeat(harness: GroupHarness): HeartbeatResponse {
    const request = this.#request()
    const response = harness.ask(this.#operation(request, harness))
    this.#receive(request, response)
    return response
  }

  /** A heartbeat in bad weather: the request or the answer may be lost, or the request arrive twice. */
  heartbeatInWeather(harness: GroupHarness, random: SeededRandom, lossChance: number): void {
    const request = this.#request()
    const isLost = random.chance(lossChance)
    const response = isLost ? undefined : harness.ask(this.#operation(request, harness))
    if (!isLost && random.chance(lossChance)) harness.ask(this.#operation(request, harness))
    if (response === undefined || random.chance(lossChance)) this.#told = undefined
    else this.#receive(request, response)
  }

  leave(harness: GroupHarness, epoch: -1 | -2 = -1): HeartbeatResponse {
    const response = harness.ask(this.#operation({ ...this.#request(), memberEpoch: epoch }, harness))
    this.#abandon()
    return response
  }

  #operation(request: Heartbeat, harness: GroupHarness): ReturnType<typeof consumerGroupHeartbeat> {
    return consumerGroupHeartbeat(request, { id: 'client', host: '/127.0.0.1', mayDescribe: () => true }, harness.environment)
  }

  #request(): Heartbeat {
    const { groupId, regex = null, assignor = null, rebalanceTimeoutMs = 60_000 } = this.#options
    const isFull = this.epoch === 0 || this.#told === undefined
    const tellsOwned = isFull || !sameAssignment(this.#told!, this.using)
    return {
      groupId,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      instanceId: this.instanceId,
      rackId: null,
      rebalanceTimeoutMs: isFull ? rebalanceTimeoutMs : -1,
      subscribedTopicNames: isFull || this.topics !== this.#toldTopics ? this.topics : null,
      subscribedTopicRegex: isFull ? regex : null,
      serverAssignor: isFull ? assignor : null,
      owned: tellsOwned ? (this.epoch === 0 ? EMPTY_ASSIGNMENT : this.using) : null,
    }
  }

  #receive(request: Heartbeat, response: HeartbeatResponse): void {
    this.errorCode = response.errorCode
    if (response.errorCode !== 0) {
      const isOut = response.errorCode === ERROR_CODE.FENCED_MEMBER_EPOCH || response.errorCode === ERROR_CODE.UNKNOWN_MEMBER_ID
      if (isOut) this.#abandon()
      else this.#told = undefined
      return
    }
    this.epoch = response.memberEpoch
    this.#told = request.owned ?? this.#told
    this.#toldTopics = request.subscribedTopicNames ?? this.#toldTopics
    if (response.assignment) this.#given = assignmentFromWire(response.assignment.topicPartitions)
  }

  #abandon(): void {
    this.epoch = 0
    this.using = EMPTY_ASSIGNMENT
    this.#given = EMPTY_ASSIGNMENT
    this.#told = undefined
  }
}
