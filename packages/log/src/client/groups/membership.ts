/**
 * One member's part in the classic protocol: join, learn the assignment, keep the session alive, leave.
 *
 * 1. The identity (member id, generation) is the coordinator's; it is given up when the coordinator does not know it any more.
 * 2. Whoever the coordinator makes leader computes the assignment for all, by the assignor that all of them support.
 * 3. It asks over connections of its own: a JoinGroup is answered when all others have come, and they must be able to.
 */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, errorCode, type ApiResponse } from '../../protocol/index.ts'
import { clientError, refusal } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import type { Coordinators } from '../metadata/coordinators.ts'
import { assignors, type AssignorName, type Member, type PartitionCounts } from './assignors.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription, type OwnedPartition } from './consumer-protocol.ts'
import type { GroupSettings } from './group-options.ts'

export interface JoinedGroup {
  readonly assignment: readonly OwnedPartition[]
  readonly assignor: AssignorName
  readonly isLeader: boolean
  /** Of the topics, as the leader saw them; empty for others. */
  readonly counts: PartitionCounts
}

/** What a heartbeat found. */
export type HeartbeatOutcome = 'alive' | 'rebalance' | 'lost'

const RESET: ReadonlySet<number> = new Set([ERROR_CODE.UNKNOWN_MEMBER_ID, ERROR_CODE.ILLEGAL_GENERATION])

export class Membership {
  readonly #cluster: Cluster
  readonly #coordinators: Coordinators
  readonly #settings: GroupSettings
  readonly #lane: string
  #hasLeft = false
  memberId = ''
  generationId = -1

  /** @param lane a name of its own among the members of a client */
  constructor(cluster: Cluster, coordinators: Coordinators, settings: GroupSettings, lane: string) {
    this.#cluster = cluster
    this.#coordinators = coordinators
    this.#settings = settings
    this.#lane = lane
  }

  /** Whether the member has a part in a generation, so that what it was assigned is its own. */
  get isIn(): boolean {
    return this.generationId >= 0
  }

  /** One round. Undefined where it has to begin again: the group changed meanwhile. @throws `CLIENT_*` */
  async join(owned: readonly OwnedPartition[]): Promise<JoinedGroup | undefined> {
    const { groupId, instanceId } = this.#settings
    const joined = await this.#join(owned)
    if (joined === undefined) return undefined
    this.memberId = joined.memberId
    this.generationId = joined.generationId
    const assignor = joined.protocolName as AssignorName
    if (!Object.hasOwn(assignors, assignor))
      throw clientError('CLIENT_GROUP_PROTOCOL', { group: groupId, problem: `the assignor ${joined.protocolName}` })
    const isLeader = joined.leader === joined.memberId
    const counts = isLeader ? await this.#counts(joined) : new Map<string, number>()
    const assignments = isLeader && !joined.skipAssignment ? this.#assign(assignor, joined, counts) : []
    const { response, link } = await this.#coordinators.ask(
      'group',
      groupId,
      'SyncGroup',
      {
        groupId,
        generationId: this.generationId,
        memberId: this.memberId,
        ...this.#static(instanceId),
        protocolType: 'consumer',
        protocolName: assignor,
        assignments,
      },
      (answer) => answer.errorCode,
      this.#patient,
    )
    if (this.#beginsAgain(response.errorCode, 'SyncGroup', link.broker)) return undefined
    return { assignment: decodeAssignment(groupId, response.assignment), assignor, isLeader, counts }
  }

  async heartbeat(): Promise<HeartbeatOutcome> {
    const { groupId, instanceId } = this.#settings
    const { response, link } = await this.#coordinators.ask(
      'group',
      groupId,
      'Heartbeat',
      { groupId, generationId: this.generationId, memberId: this.memberId, ...this.#static(instanceId) },
      ({ errorCode: code }) => code,
      { lane: this.#lane, isOver: () => this.#hasLeft },
    )
    const { errorCode: code } = response
    if (code === ERROR_CODE.REBALANCE_IN_PROGRESS) return 'rebalance'
    return this.#beginsAgain(code, 'Heartbeat', link.broker) ? 'lost' : 'alive'
  }

  /** Has no part in the group any more, and lets go of what the group was asked. */
  async leave(): Promise<void> {
    this.#hasLeft = true
    this.#cluster.closeLane(this.#lane)
    await this.stepOut()
  }

  /** Leaves the group, to join it again some day. Static members do not leave: they come back, or their session ends. */
  async stepOut(): Promise<void> {
    const { groupId, instanceId } = this.#settings
    const { memberId } = this
    this.#reset()
    if (memberId === '' || instanceId !== null) return
    const link = await this.#coordinators.link('group', groupId)
    const version = (await link.connection()).versionOf('LeaveGroup')
    await link.ask('LeaveGroup', { groupId, ...(version >= 3 ? { members: [{ memberId }] } : { memberId }) })
  }

  /** Of what is answered when the whole group has come together. */
  get #patient(): { readonly lane: string; readonly timeoutMs: number; readonly isOver: () => boolean } {
    const timeoutMs = this.#settings.rebalanceTimeoutMs + this.#cluster.settings.requestTimeoutMs
    return { lane: this.#lane, timeoutMs, isOver: () => this.#hasLeft }
  }

  async #join(owned: readonly OwnedPartition[]): Promise<ApiResponse<'JoinGroup'> | undefined> {
    const { groupId, instanceId, topics, sessionTimeoutMs, rebalanceTimeoutMs } = this.#settings
    const metadata = encodeSubscription({ topics, owned, generationId: this.generationId })
    const protocols = this.#settings.assignors.map((name) => ({ name, metadata }))
    const { response, link } = await this.#coordinators.ask(
      'group',
      groupId,
      'JoinGroup',
      {
        groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId: this.memberId,
        ...this.#static(instanceId),
        protocolType: 'consumer',
        protocols,
      },
      (answer) => answer.errorCode,
      this.#patient,
    )
    if (response.errorCode === ERROR_CODE.MEMBER_ID_REQUIRED) {
      this.memberId = response.memberId
      return undefined
    }
    return this.#beginsAgain(response.errorCode, 'JoinGroup', link.broker) ? undefined : response
  }

  /** Whether the answer means to begin again. @throws what cannot be mended so */
  #beginsAgain(code: number, api: string, broker: string): boolean {
    if (code === ERROR_CODE.NONE) return false
    if (code === ERROR_CODE.REBALANCE_IN_PROGRESS) return true
    if (RESET.has(code)) {
      // Of an older generation it is known still.
      if (code === ERROR_CODE.UNKNOWN_MEMBER_ID) this.memberId = ''
      this.generationId = -1
      return true
    }
    const { groupId: group, instanceId } = this.#settings
    if (code === ERROR_CODE.FENCED_INSTANCE_ID) {
      throw clientError('CLIENT_GROUP_MEMBER', { group, member: instanceId ?? this.memberId, problem: errorCode(code).name })
    }
    const problem = refusal({ api, subject: `group ${group}`, broker, errorCode: code, details: { group } })
    if (!problem.retry) throw problem satisfies MillraceError
    return true
  }

  #reset(): void {
    this.memberId = ''
    this.generationId = -1
  }

  #static(instanceId: string | null): { readonly groupInstanceId?: string } {
    return instanceId === null ? {} : { groupInstanceId: instanceId }
  }

  async #counts({ members }: ApiResponse<'JoinGroup'>): Promise<PartitionCounts> {
    const { groupId } = this.#settings
    const topics = new Set(members.flatMap(({ metadata }) => decodeSubscription(groupId, metadata).topics))
    await this.#cluster.refresh([...topics])
    return new Map([...topics].toSorted().map((topic) => [topic, this.#cluster.view.topic(topic)?.partitions.length ?? 0]))
  }

  #assign(
    assignor: AssignorName,
    { members }: ApiResponse<'JoinGroup'>,
    counts: PartitionCounts,
  ): { readonly memberId: string; readonly assignment: Uint8Array }[] {
    const { groupId } = this.#settings
    const all = members.map(({ memberId, groupInstanceId, metadata }): Member => ({
      memberId,
      instanceId: groupInstanceId,
      subscription: decodeSubscription(groupId, metadata),
    }))
    const assigned = assignors[assignor].assign(all, counts)
    return [...assigned].map(([memberId, partitions]) => ({ memberId, assignment: encodeAssignment(partitions) }))
  }
}
