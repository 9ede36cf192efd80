/**
 * The requests of the classic protocol, to whichever group has the id.
 *
 * A consumer group may have members that still speak the classic protocol; what they ask is answered by `ClassicMembersOfConsumerGroups`. An empty consumer
 * group becomes a classic one when a classic member joins.
 */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../protocol/index.ts'
import { answer } from '../framework/index.ts'
import type { JoinResponse, SyncResponse } from './classic/classic-group.ts'
import { syncRefusal } from './classic/draft.ts'
import { joinClassicGroup, type JoinRequest } from './classic/join.ts'
import { heartbeat, leave, syncClassicGroup } from './classic/members.ts'
import type { ClassicGroupSettings } from './classic/settings.ts'
import { tombstonesOf } from './group-questions.ts'
import { isConsumerGroup, type Group, type GroupOperation, type GroupRecord } from './group-store.ts'

export type Leaver = ApiRequest<'LeaveGroup'>['members'][number]

export interface LeaveReply {
  /** Of the request as a whole. */
  readonly errorCode: number
  readonly members: NonNullable<ApiResponseToSend<'LeaveGroup'>['members']>
}

/** What members of the classic protocol are told in a consumer group. Each is called only while the id is a consumer group that has members. */
export interface ClassicMembersOfConsumerGroups {
  join(request: JoinRequest): GroupOperation<JoinResponse>
  sync(request: ApiRequest<'SyncGroup'>): GroupOperation<SyncResponse>
  /** Replies an error code. */
  heartbeat(request: ApiRequest<'Heartbeat'>): GroupOperation<number>
  leave(groupId: string, leavers: readonly Leaver[]): GroupOperation<LeaveReply>
}

export class ClassicRequests {
  readonly #settings: () => ClassicGroupSettings
  readonly #inConsumerGroups: ClassicMembersOfConsumerGroups

  constructor(settings: () => ClassicGroupSettings, inConsumerGroups: ClassicMembersOfConsumerGroups) {
    this.#settings = settings
    this.#inConsumerGroups = inConsumerGroups
  }

  join(request: JoinRequest): GroupOperation<JoinResponse> {
    const operation = joinClassicGroup(request, this.#settings(), tombstonesOfConsumerGroup)
    return (state, facts, ticket) => {
      const isTheirs = hasMembersOfConsumerGroup(state.groups.get(request.groupId))
      return (isTheirs ? this.#inConsumerGroups.join(request) : operation)(state, facts, ticket)
    }
  }

  sync(request: ApiRequest<'SyncGroup'>): GroupOperation<SyncResponse> {
    return (state, facts, ticket) => {
      const group = state.groups.get(request.groupId)
      if (hasMembersOfConsumerGroup(group)) return this.#inConsumerGroups.sync(request)(state, facts, ticket)
      if (group === undefined || isConsumerGroup(group)) return { answers: [answer(ticket, syncRefusal(ERROR_CODE.UNKNOWN_MEMBER_ID))] }
      return syncClassicGroup(group, this.#settings(), request)(state, facts, ticket)
    }
  }

  heartbeat(request: ApiRequest<'Heartbeat'>): GroupOperation<number> {
    return (state, facts, ticket) => {
      const group = state.groups.get(request.groupId)
      if (hasMembersOfConsumerGroup(group)) return this.#inConsumerGroups.heartbeat(request)(state, facts, ticket)
      if (group === undefined || isConsumerGroup(group)) return { answers: [answer(ticket, ERROR_CODE.UNKNOWN_MEMBER_ID)] }
      const { decision, errorCode } = heartbeat(group, this.#settings(), request, facts)
      return { ...decision, answers: [...(decision.answers ?? []), answer(ticket, errorCode)] }
    }
  }

  leave(groupId: string, leavers: readonly Leaver[]): GroupOperation<LeaveReply> {
    return (state, facts, ticket) => {
      const group = state.groups.get(groupId)
      if (hasMembersOfConsumerGroup(group)) return this.#inConsumerGroups.leave(groupId, leavers)(state, facts, ticket)
      if (group === undefined || isConsumerGroup(group)) {
        const members = leavers.map(({ memberId, groupInstanceId }) => ({
          memberId,
          groupInstanceId,
          errorCode: ERROR_CODE.UNKNOWN_MEMBER_ID,
        }))
        return { answers: [answer(ticket, { errorCode: ERROR_CODE.NONE, members })] }
      }
      const { decision, results } = leave(group, this.#settings(), leavers, facts)
      return { ...decision, answers: [...(decision.answers ?? []), answer(ticket, { errorCode: ERROR_CODE.NONE, members: results })] }
    }
  }
}

function hasMembersOfConsumerGroup(group: Group | undefined): boolean {
  return isConsumerGroup(group) && group.members.size > 0
}

function tombstonesOfConsumerGroup(group: Group | undefined): readonly GroupRecord[] {
  return isConsumerGroup(group) ? tombstonesOf(group) : []
}
