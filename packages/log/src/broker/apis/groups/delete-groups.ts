/** DeleteGroups 0 to 2: groups without members, with their offsets. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { groupErrorCode } from './group-error.ts'

export const deleteGroups: ApiHandler<'DeleteGroups'> = {
  name: 'DeleteGroups',
  async handle({ groupsNames }, context) {
    const names = [...new Set(groupsNames)]
    const results = await Promise.all(names.map(async (groupId) => ({ groupId, errorCode: await remove(groupId, context) })))
    return { throttleTimeMs: 0, results }
  },
}

async function remove(groupId: string, { broker, allows }: RequestContext): Promise<number> {
  if (!allows('Delete', 'Group', groupId)) return ERROR_CODE.GROUP_AUTHORIZATION_FAILED
  try {
    return await broker.groups.coordinator.delete(groupId)
  } catch (error) {
    return groupErrorCode(error)
  }
}
