/** CreateAcls 1 to 3: needs Alter on the cluster. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler } from '../../handler.ts'
import type { AclStore } from '../../security/acl/acl-store.ts'
import { nameOfCode, OPERATION_CODE, PATTERN_CODE, PERMISSION_CODE, RESOURCE_CODE, type AclBinding } from '../../security/acl/acl.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

type Wanted = ApiRequest<'CreateAcls'>['creations'][number]
type Result = ApiResponseToSend<'CreateAcls'>['results'][number]

export const createAcls: ApiHandler<'CreateAcls'> = {
  name: 'CreateAcls',
  async handle({ creations }, { broker, allows }) {
    const { acls } = broker.security
    const isAllowed = allows('Alter', 'Cluster', CLUSTER_NAME)
    const results: Result[] = []
    for (const wanted of creations) {
      if (!isAllowed) results.push(refused(ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, null))
      else if (acls === undefined) results.push(refused(ERROR_CODE.SECURITY_DISABLED, 'No Authorizer is configured.'))
      else results.push(await create(wanted, acls))
    }
    return { throttleTimeMs: 0, results }
  },
}

async function create(wanted: Wanted, acls: AclStore): Promise<Result> {
  const binding = readBinding(wanted)
  if (typeof binding === 'string') return refused(ERROR_CODE.INVALID_REQUEST, binding)
  try {
    await acls.add(binding)
    return { errorCode: ERROR_CODE.NONE, errorMessage: null }
  } catch (error) {
    return refused(errorCodeOf(error), 'The entry could not be stored')
  }
}

/** What is asked for, or what is wrong with it. */
function readBinding(wanted: Wanted): AclBinding | string {
  const { resourceName: name, principal, host } = wanted
  const type = nameOfCode(RESOURCE_CODE, wanted.resourceType)
  const pattern = nameOfCode(PATTERN_CODE, wanted.resourcePatternType)
  const operation = nameOfCode(OPERATION_CODE, wanted.operation)
  const permission = nameOfCode(PERMISSION_CODE, wanted.permissionType)
  if (type === undefined) return 'Invalid resource type'
  if (pattern === undefined) return 'Invalid resource pattern type'
  if (operation === undefined) return 'Invalid operation type'
  if (permission === undefined) return 'Invalid permission type'
  if (name === '') return 'Invalid empty resource name'
  if (type === 'Cluster' && name !== CLUSTER_NAME) return `The only valid name for the CLUSTER resource is ${CLUSTER_NAME}`
  if (!/^[^:]+:./.test(principal)) return `Could not parse principal from \`${principal}\`: expected type:name`
  if (host === '') return 'Invalid empty host'
  return { resource: { type, pattern, name }, entry: { principal, host, operation, permission } }
}

function refused(errorCode: number, errorMessage: string | null): Result {
  return { errorCode, errorMessage }
}
