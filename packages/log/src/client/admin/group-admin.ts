import type { MillraceError } from '@millrace/core'
import { ERROR_CODE } from '../../protocol/index.ts'
import { clientError, refusal } from '../errors.ts'
import { decodeAssignment } from '../groups/consumer-protocol.ts'
import { topicsToCommit, type OffsetToCommit } from '../groups/offsets-to-commit.ts'
import type { Cluster } from '../metadata/cluster.ts'
import type { Coordinators } from '../metadata/coordinators.ts'

/** A group that a coordinator knows. */
export interface ListedGroup {
  readonly groupId: string
  /** 'consumer' for consumers; empty where the group only keeps offsets. */
  readonly protocolType: string
  /** Kafka's name: 'Stable', 'Empty', 'PreparingRebalance', …; '' where the broker does not tell (before 2.6). */
  readonly state: string
  /** 'classic', 'consumer' (KIP-848), …; '' where the broker does not tell. */
  readonly type: string
}

/** A group with its members and what each of them reads; `state` is Kafka's name, as in `ListedGroup`. */
export interface DescribedGroup {
  readonly groupId: string
  readonly state: string
  /** The assignor. */
  readonly protocol: string
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly clientId: string
    readonly clientHost: string
    readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
  }[]
}

/** What a group has committed of a partition. */
export interface GroupOffset {
  readonly topic: string
  readonly partition: number
  /** Of the next record to read. */
  readonly offset: number
  /** Of the record before; -1 where it is not known. */
  readonly leaderEpoch: number
  readonly metadata: string
}

/** A member that commits; left out for commits from outside of the group. */
export interface CommittingMember {
  readonly memberId: string
  readonly generationId: number
  readonly instanceId: string | null
}

/** What is administered of groups. */
export class GroupAdmin {
  readonly #cluster: Cluster
  readonly #coordinators: Coordinators

  constructor(cluster: Cluster, coordinators: Coordinators) {
    this.#cluster = cluster
    this.#coordinators = coordinators
  }

  /** The groups of all coordinators. */
  async list(): Promise<readonly ListedGroup[]> {
    const nodeIds = await this.#cluster.nodeIds()
    const lists = await Promise.all(nodeIds.map((nodeId) => this.#cluster.patiently(() => this.#listAt(nodeId))))
    return lists.flat().toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1))
  }

  async #listAt(nodeId: number): Promise<readonly ListedGroup[]> {
    const { errorCode, groups } = await this.#cluster.ask(nodeId, 'ListGroups', {})
    if (errorCode !== ERROR_CODE.NONE)
      throw refusal({ api: 'ListGroups', subject: 'groups', broker: this.#cluster.describe(nodeId), errorCode })
    return groups.map(({ groupId, protocolType, groupState, groupType }) => ({ groupId, protocolType, state: groupState, type: groupType }))
  }

  /** A group's members and what they read; undefined where there is no such group. */
  async describe(groupId: string): Promise<DescribedGroup | undefined> {
    const { response, link } = await this.#coordinators.ask(
      'group',
      groupId,
      'DescribeGroups',
      { groups: [groupId] },
      ({ groups }) => groups[0]?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR,
    )
    const group = response.groups[0]
    const code = group?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR
    if (group !== undefined && code === ERROR_CODE.NONE && group.groupState !== 'Dead') {
      const members = group.members.map(({ memberId, groupInstanceId, clientId, clientHost, memberAssignment }) => ({
        memberId,
        instanceId: groupInstanceId,
        clientId,
        clientHost,
        partitions: group.protocolType === 'consumer' ? decodeAssignment(groupId, memberAssignment) : [],
      }))
      return { groupId, state: group.groupState, protocol: group.protocolData, members }
    }
    if (code !== ERROR_CODE.NONE && code !== ERROR_CODE.GROUP_ID_NOT_FOUND)
      throw this.#problem('DescribeGroups', groupId, link.broker, code)
    return await this.#describeNew(groupId)
  }

  /** A group of the protocol of KIP-848, which DescribeGroups does not know. */
  async #describeNew(groupId: string): Promise<DescribedGroup | undefined> {
    const { versions } = await (await this.#coordinators.link('group', groupId)).connection()
    if (versions.common('ConsumerGroupDescribe') === undefined) return undefined
    const { response, link } = await this.#coordinators.ask(
      'group',
      groupId,
      'ConsumerGroupDescribe',
      { groupIds: [groupId], includeAuthorizedOperations: false },
      ({ groups }) => groups[0]?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR,
    )
    const group = response.groups[0]
    if (group === undefined || group.errorCode === ERROR_CODE.GROUP_ID_NOT_FOUND) return undefined
    if (group.errorCode !== ERROR_CODE.NONE) throw this.#problem('ConsumerGroupDescribe', groupId, link.broker, group.errorCode)
    const members = group.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => ({
      memberId,
      instanceId,
      clientId,
      clientHost,
      partitions: assignment.topicPartitions.flatMap(({ topicName: topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      ),
    }))
    return { groupId, state: group.groupState, protocol: group.assignorName, members }
  }

  /**
   * The offsets a group has committed: of these partitions, or all. Partitions without one are left out.
   * `requireStable` waits for transactions that commit offsets to be decided.
   */
  async offsets(
    groupId: string,
    options: {
      readonly partitions?: readonly { readonly topic: string; readonly partition: number }[]
      readonly requireStable?: boolean
    } = {},
  ): Promise<readonly GroupOffset[]> {
    const { partitions, requireStable = false } = options
    const version = await this.#cluster.patiently(async () => {
      const link = await this.#coordinators.link('group', groupId)
      return (await link.connection()).versionOf('OffsetFetch', 9)
    })
    const topics =
      partitions === undefined
        ? null
        : [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, list]) => ({
            name,
            partitionIndexes: list.map(({ partition }) => partition),
          }))
    const request =
      version >= 8 ? { groups: [{ groupId, topics }], requireStable } : { groupId, topics, ...(version >= 7 ? { requireStable } : {}) }
    const { response, link: asked } = await this.#coordinators.ask(
      'group',
      groupId,
      'OffsetFetch',
      request,
      ({ groups, errorCode, topics: list }) => {
        const group = groups[0] ?? { errorCode, topics: list }
        const inner = group.topics.flatMap((topic) => topic.partitions.map((one) => one.errorCode))
        return group.errorCode !== ERROR_CODE.NONE ? group.errorCode : (inner.find((code) => code !== ERROR_CODE.NONE) ?? ERROR_CODE.NONE)
      },
      { maxVersion: version, retry: (code) => code === ERROR_CODE.UNSTABLE_OFFSET_COMMIT },
    )
    const group = response.groups[0] ?? { errorCode: response.errorCode, topics: response.topics }
    if (group.errorCode !== ERROR_CODE.NONE) throw this.#problem('OffsetFetch', groupId, asked.broker, group.errorCode)
    return group.topics.flatMap(({ name: topic, partitions: list }) =>
      list.flatMap(({ partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode }) => {
        if (errorCode !== ERROR_CODE.NONE)
          throw this.#problem('OffsetFetch', groupId, asked.broker, errorCode, { topic, partition: partitionIndex })
        if (committedOffset < 0) return []
        return [{ topic, partition: partitionIndex, offset: committedOffset, leaderEpoch: committedLeaderEpoch, metadata: metadata ?? '' }]
      }),
    )
  }

  /** Commits offsets: from outside of a group only while it has no members, or none who subscribe. @throws `CLIENT_REFUSED` names the partition */
  async commitOffsets(groupId: string, offsets: readonly OffsetToCommit[], member?: CommittingMember): Promise<void> {
    if (offsets.length === 0) return
    const topics = topicsToCommit(offsets)
    const by =
      member === undefined
        ? {}
        : { generationIdOrMemberEpoch: member.generationId, memberId: member.memberId, groupInstanceId: member.instanceId }
    const { response, link } = await this.#coordinators.ask(
      'group',
      groupId,
      'OffsetCommit',
      { groupId, ...by, topics },
      (answer) =>
        answer.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode)).find((code) => code !== ERROR_CODE.NONE) ??
        ERROR_CODE.NONE,
      { maxVersion: 9 },
    )
    for (const { name: topic, partitions } of response.topics) {
      for (const { partitionIndex: partition, errorCode } of partitions) {
        if (errorCode === ERROR_CODE.NONE) continue
        // Who is no member, and does not say to be one, cannot know what is meant.
        const isFromOutside = member === undefined && errorCode === ERROR_CODE.UNKNOWN_MEMBER_ID
        const message = isFromOutside ? 'the group has members, and they alone commit' : null
        throw this.#problem('OffsetCommit', groupId, link.broker, errorCode, { topic, partition }, message)
      }
    }
  }

  /** Deletes groups that have no members. @throws `CLIENT_REFUSED` */
  async delete(groupIds: readonly string[]): Promise<void> {
    for (const groupId of groupIds) {
      const { response, link } = await this.#coordinators.ask(
        'group',
        groupId,
        'DeleteGroups',
        { groupsNames: [groupId] },
        ({ results }) => results[0]?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR,
      )
      const code = response.results[0]?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR
      if (code !== ERROR_CODE.NONE) throw this.#problem('DeleteGroups', groupId, link.broker, code)
    }
  }

  /** Forgets what a group has committed for partitions it does not read. @throws `CLIENT_REFUSED` names the partition */
  async deleteOffsets(groupId: string, list: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    if (list.length === 0) throw clientError('CLIENT_OPTION', { option: 'partitions', expected: 'name at least one', value: '' })
    const topics = [...Map.groupBy(list, ({ topic }) => topic)].map(([name, of]) => ({
      name,
      partitions: of.map(({ partition }) => ({ partitionIndex: partition })),
    }))
    const { response, link } = await this.#coordinators.ask(
      'group',
      groupId,
      'OffsetDelete',
      { groupId, topics },
      ({ errorCode }) => errorCode,
    )
    if (response.errorCode !== ERROR_CODE.NONE) throw this.#problem('OffsetDelete', groupId, link.broker, response.errorCode)
    for (const { name: topic, partitions } of response.topics) {
      for (const { partitionIndex: partition, errorCode } of partitions) {
        if (errorCode !== ERROR_CODE.NONE) throw this.#problem('OffsetDelete', groupId, link.broker, errorCode, { topic, partition })
      }
    }
  }

  #problem(
    api: string,
    group: string,
    broker: string,
    errorCode: number,
    details: { readonly topic?: string; readonly partition?: number } = {},
    message: string | null = null,
  ): MillraceError {
    const where = details.topic === undefined ? '' : ` and ${details.topic}-${details.partition}`
    return refusal({ api, subject: `group ${group}${where}`, broker, errorCode, message, details: { group, ...details } })
  }
}
