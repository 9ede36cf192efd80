/** DeleteAcls 1 to 3: needs Alter on the cluster. Each filter looks at all entries, so that a request with many takes turns with others. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { matches, readFilter } from '../../security/acl/acl-filter.ts'
import type { AclStore } from '../../security/acl/acl-store.ts'
import { OPERATION_CODE, PATTERN_CODE, PERMISSION_CODE, RESOURCE_CODE, type AclBinding } from '../../security/acl/acl.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

type Wanted = ApiRequest<'DeleteAcls'>['filters'][number]
type Result = ApiResponseToSend<'DeleteAcls'>['filterResults'][number]
type Matching = Result['matchingAcls'][number]

export const deleteAcls: ApiHandler<'DeleteAcls'> = {
  name: 'DeleteAcls',
  async handle({ filters }, { broker, allows }) {
    const { turns, security } = broker
    const { acls } = security
    const isAllowed = allows('Alter', 'Cluster', CLUSTER_NAME)
    const filterResults: Result[] = []
    for (const wanted of filters) {
      if (!isAllowed) filterResults.push(refused(ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, null))
      else if (acls === undefined) filterResults.push(refused(ERROR_CODE.SECURITY_DISABLED, 'No Authorizer is configured.'))
      else filterResults.push(await remove(wanted, acls, turns))
    }
    return { throttleTimeMs: 0, filterResults }
  },
}

async function remove(wanted: Wanted, acls: AclStore, turns: RequestContext['broker']['turns']): Promise<Result> {
  const filter = readFilter(wanted)
  if (filter === undefined) return refused(ERROR_CODE.INVALID_REQUEST, 'The filter contains UNKNOWN elements')
  await turns.next()
  const found = turns.spend(() => [...acls.all()].filter((binding) => matches(filter, binding)))
  const matchingAcls: Matching[] = []
  for (const binding of found) matchingAcls.push(await removeOne(binding, acls))
  return { errorCode: ERROR_CODE.NONE, errorMessage: null, matchingAcls }
}

async function removeOne(binding: AclBinding, acls: AclStore): Promise<Matching> {
  try {
    await acls.remove(binding)
    return described(binding, ERROR_CODE.NONE, null)
  } catch (error) {
    return described(binding, errorCodeOf(error), 'The entry could not be taken away')
  }
}

function described({ resource, entry }: AclBinding, errorCode: number, errorMessage: string | null): Matching {
  return {
    errorCode,
    errorMessage,
    resourceType: RESOURCE_CODE[resource.type],
    resourceName: resource.name,
    patternType: PATTERN_CODE[resource.pattern],
    principal: entry.principal,
    host: entry.host,
    operation: OPERATION_CODE[entry.operation],
    permissionType: PERMISSION_CODE[entry.permission],
  }
}

function refused(errorCode: number, errorMessage: string | null): Result {
  return { errorCode, errorMessage, matchingAcls: [] }
}
