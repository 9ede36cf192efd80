/** What members of the classic protocol ask of consumer groups, as operations over the store. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import { answer } from '../../framework/index.ts'
import { joinRefusal, syncRefusal } from '../classic/draft.ts'
import type { ClassicMembersOfConsumerGroups } from '../classic-requests.ts'
import { isConsumerGroup } from '../group-store.ts'
import { heartbeatConsumerGroup, joinConsumerGroup, leaveConsumerGroup, syncConsumerGroup } from './classic-members.ts'
import type { ConsumerGroupEnvironment } from './environment.ts'

const { UNKNOWN_MEMBER_ID, NONE } = ERROR_CODE

export function classicMembersOfConsumerGroups(environment: ConsumerGroupEnvironment): ClassicMembersOfConsumerGroups {
  return {
    join: (request) => (state, facts, ticket) => {
      const group = state.groups.get(request.groupId)
      if (!isConsumerGroup(group)) return { answers: [answer(ticket, joinRefusal(request.memberId, UNKNOWN_MEMBER_ID))] }
      return joinConsumerGroup(group, request, environment, facts, ticket)
    },
    sync: (request) => (state, _, ticket) => {
      const group = state.groups.get(request.groupId)
      if (!isConsumerGroup(group)) return { answers: [answer(ticket, syncRefusal(UNKNOWN_MEMBER_ID))] }
      return syncConsumerGroup(group, request, environment, ticket)
    },
    heartbeat: (request) => (state, _, ticket) => {
      const group = state.groups.get(request.groupId)
      if (!isConsumerGroup(group)) return { answers: [answer(ticket, UNKNOWN_MEMBER_ID)] }
      const { decision, errorCode } = heartbeatConsumerGroup(group, request, environment)
      return { ...decision, answers: [...(decision.answers ?? []), answer(ticket, errorCode)] }
    },
    leave: (groupId, leavers) => (state, facts, ticket) => {
      const group = state.groups.get(groupId)
      if (!isConsumerGroup(group)) return { answers: [answer(ticket, { errorCode: UNKNOWN_MEMBER_ID, members: [] })] }
      const { decision, results } = leaveConsumerGroup(group, leavers, environment, facts)
      return { ...decision, answers: [...(decision.answers ?? []), answer(ticket, { errorCode: NONE, members: results })] }
    },
  }
}
