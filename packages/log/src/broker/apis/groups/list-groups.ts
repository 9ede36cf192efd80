/** ListGroups 0 to 5: groups of both protocols that the client may know of, by state and type where it asks so, in any case of letters. */
import { ERROR_CODE, type ApiResponseToSend } from '../../../protocol/index.ts'
import { protocolTypeOf, stateOf } from '../../../coordinators/groups/group-questions.ts'
import { isConsumerGroup, type Group } from '../../../coordinators/groups/group-store.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import type { ApiHandler } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'

type Listed = ApiResponseToSend<'ListGroups'>['groups'][number]

export const listGroups: ApiHandler<'ListGroups'> = {
  name: 'ListGroups',
  async handle({ statesFilter, typesFilter }, { broker: { groups }, allows }) {
    const states = filter(statesFilter)
    const types = filter(typesFilter)
    const seesAll = allows('Describe', 'Cluster', CLUSTER_NAME)
    const isListed = (group: Group): boolean =>
      states(stateOf(group)) && types(typeOf(group)) && (seesAll || allows('Describe', 'Group', group.groupId))
    try {
      const { coordinator } = groups
      const found = await Promise.all(
        coordinator.partitions.map((partition) =>
          coordinator.inspect(partition, (state) => [...state.groups.values()].filter(isListed).map(listed)),
        ),
      )
      return { errorCode: ERROR_CODE.NONE, groups: found.flat() }
    } catch (error) {
      return { errorCode: groupErrorCode(error), groups: [] }
    }
  },
}

function listed(group: Group): Listed {
  return { groupId: group.groupId, protocolType: protocolTypeOf(group), groupState: stateOf(group), groupType: typeOf(group) }
}

function typeOf(group: Group): string {
  return isConsumerGroup(group) ? 'consumer' : 'classic'
}

/** No names let everything pass. */
function filter(names: readonly string[]): (name: string) => boolean {
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  return (name) => wanted.size === 0 || wanted.has(name.toLowerCase())
}
