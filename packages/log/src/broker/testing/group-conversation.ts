/** What members and administrators of groups say to a broker, and the answers as one line each: the same from any broker of the same behaviour. */
import { decodeAssignment, encodeSubscription, type TopicPartitionList } from '../../coordinators/groups/consumer/consumer-protocol.ts'
import { ERROR_CODES, type ApiRequestToSend, type ApiResponse } from '../../protocol/index.ts'
import type { WireClient } from './wire-client.ts'

type Heartbeat = ApiRequestToSend<'ConsumerGroupHeartbeat'>
type Join = ApiRequestToSend<'JoinGroup'>
type TopicPartitions = NonNullable<Heartbeat['topicPartitions']>

export interface OffsetClaim {
  readonly memberId: string
  readonly epoch: number
  readonly version?: number
}

const STAY = { rebalanceTimeoutMs: -1, subscribedTopicNames: null, topicPartitions: null } as const
/** What a joining member says of itself. */
export const JOINING = { memberEpoch: 0, rebalanceTimeoutMs: 60_000, subscribedTopicNames: ['a'], topicPartitions: [] } as const

export class GroupConversation {
  readonly #client: WireClient
  readonly #topicNames: ReadonlyMap<string, string>
  /** What each member was last given by ConsumerGroupDescribe. */
  readonly #described = new Map<string, TopicPartitions>()
  /** The classic member, which gets its id from the broker. */
  memberId = ''
  generationId = -1
  owned: readonly TopicPartitionList[] = []

  /** @param topicIds by name */
  constructor(client: WireClient, topicIds: ReadonlyMap<string, Uint8Array>) {
    this.#client = client
    this.#topicNames = new Map([...topicIds].map(([name, id]) => [Buffer.from(id).toString('hex'), name]))
  }

  async heartbeat(
    groupId: string,
    memberId: string,
    fields: Partial<Heartbeat> & { readonly memberEpoch: number },
    version = 1,
  ): Promise<string> {
    const request = { ...STAY, ...fields, groupId, memberId }
    const response = await this.#client.ask('ConsumerGroupHeartbeat', version, request)
    const { errorCode, memberEpoch, heartbeatIntervalMs, assignment } = response
    if (errorCode !== 0) return nameOf(errorCode)
    const who = response.memberId === memberId ? '' : ' new id'
    return `epoch ${memberEpoch} every ${heartbeatIntervalMs}${who}${assignment === null ? '' : ` ${this.#counts(assignment.topicPartitions)}`}`
  }

  /** What the member had when the group was last described. */
  ownedBy(memberId: string): TopicPartitions {
    return this.#described.get(memberId) ?? []
  }

  async describe(groupId: string): Promise<string> {
    const { groups } = await this.#client.ask('ConsumerGroupDescribe', 1, { groupIds: [groupId], includeAuthorizedOperations: true })
    const { errorCode, errorMessage, groupState, groupEpoch, assignmentEpoch, assignorName, authorizedOperations, members } = groups[0]!
    if (errorCode !== 0) return `${nameOf(errorCode)} ${errorMessage}`
    for (const { memberId, assignment } of members) this.#described.set(memberId, assignment.topicPartitions)
    const each = members.map((member) => this.#member(member)).sort()
    return [`${groupState} ${groupEpoch}/${assignmentEpoch} ${assignorName} ${authorizedOperations}`, ...each].join(' | ')
  }

  #member(member: ApiResponse<'ConsumerGroupDescribe'>['groups'][number]['members'][number]): string {
    const { instanceId, memberEpoch, subscribedTopicNames, assignment, targetAssignment, memberType } = member
    const id = instanceId ?? (memberType === 0 ? 'classic' : member.memberId)
    const [has, wants] = [this.#counts(assignment.topicPartitions), this.#counts(targetAssignment.topicPartitions)]
    return `${id} at ${memberEpoch} of ${subscribedTopicNames.length} has ${has} of ${wants}`
  }

  async list(): Promise<string> {
    const { groups } = await this.#client.ask('ListGroups', 5, { statesFilter: [], typesFilter: [] })
    return groups
      .map(({ groupId, protocolType, groupState, groupType }) => `${groupId} ${protocolType} ${groupState} ${groupType}`)
      .sort()
      .join(' | ')
  }

  async commit(groupId: string, { memberId, epoch, version = 9 }: OffsetClaim): Promise<string> {
    const partition = { partitionIndex: 0, committedOffset: 3, committedLeaderEpoch: -1, committedMetadata: '' }
    const request = { groupId, generationIdOrMemberEpoch: epoch, memberId, topics: [{ name: 'a', partitions: [partition] }] }
    const { topics } = await this.#client.ask('OffsetCommit', version, request)
    return nameOf(topics[0]!.partitions[0]!.errorCode)
  }

  async committed(groupId: string, memberId: string | null, memberEpoch: number): Promise<string> {
    const group = { groupId, memberId, memberEpoch, topics: [{ name: 'a', partitionIndexes: [0] }] }
    const { groups } = await this.#client.ask('OffsetFetch', 9, { groups: [group], requireStable: false })
    const { errorCode, topics } = groups[0]!
    return errorCode === 0 ? `offset ${topics[0]!.partitions[0]!.committedOffset}` : nameOf(errorCode)
  }

  async join(groupId: string, fields: Partial<Join> = {}): Promise<string> {
    const metadata = encodeSubscription({ topics: ['a'], ownedPartitions: this.owned, generationId: -1 }, 3)
    const response = await this.#client.ask('JoinGroup', 9, {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 60_000,
      memberId: this.memberId,
      protocolType: 'consumer',
      protocols: [{ name: 'cooperative-sticky', metadata }],
      ...fields,
    })
    const { errorCode, generationId, protocolName, leader, memberId, members } = response
    if (memberId !== '') this.memberId = memberId
    if (errorCode !== 0) return `${nameOf(errorCode)}${memberId === '' ? '' : ' with an id'}`
    this.generationId = generationId
    const role = leader === '' ? 'without a leader' : leader === memberId ? 'as leader' : 'as follower'
    return `generation ${generationId} of ${protocolName} ${role} of ${members.length}`
  }

  /** A leader gives itself nothing. */
  async sync(groupId: string, asLeader = false): Promise<string> {
    const { memberId, generationId } = this
    const assignments = asLeader ? [{ memberId, assignment: new Uint8Array(0) }] : []
    const request = { groupId, generationId, memberId, protocolType: 'consumer', protocolName: 'cooperative-sticky', assignments }
    const { errorCode, assignment } = await this.#client.ask('SyncGroup', 5, request)
    if (errorCode !== 0) return nameOf(errorCode)
    this.owned = assignment.length === 0 ? [] : decodeAssignment(assignment).assignedPartitions
    return `{${this.owned.map(({ topic, partitions }) => `${topic}:${partitions.length}`).join(' ')}}`
  }

  async beat(groupId: string, memberId = this.memberId, generationId = this.generationId): Promise<string> {
    return nameOf((await this.#client.ask('Heartbeat', 4, { groupId, memberId, generationId })).errorCode)
  }

  async leave(groupId: string, members: readonly { readonly memberId: string; readonly groupInstanceId?: string }[]): Promise<string> {
    const response = await this.#client.ask('LeaveGroup', 5, { groupId, members })
    return [response.errorCode, ...response.members.map(({ errorCode }) => errorCode)].map(nameOf).join(' ')
  }

  async describeClassic(groupId: string): Promise<string> {
    const { groups } = await this.#client.ask('DescribeGroups', 6, { groups: [groupId], includeAuthorizedOperations: false })
    const { errorCode, groupState, errorMessage } = groups[0]!
    return `${nameOf(errorCode)} ${groupState} ${errorMessage}`
  }

  async delete(groupId: string): Promise<string> {
    const { results } = await this.#client.ask('DeleteGroups', 2, { groupsNames: [groupId] })
    return nameOf(results[0]!.errorCode)
  }

  #counts(topicPartitions: TopicPartitions): string {
    const counts = topicPartitions.map(
      ({ topicId, partitions }) => `${this.#topicNames.get(Buffer.from(topicId).toString('hex'))}:${partitions.length}`,
    )
    return `{${counts.sort().join(' ')}}`
  }
}

function nameOf(code: number): string {
  return ERROR_CODES.find((entry) => entry.code === code)?.name ?? String(code)
}
