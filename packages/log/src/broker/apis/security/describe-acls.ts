/** DescribeAcls 1 to 3: needs Describe on the cluster. */
import { ERROR_CODE, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { matches, readFilter } from '../../security/acl/acl-filter.ts'
import { OPERATION_CODE, PATTERN_CODE, PERMISSION_CODE, RESOURCE_CODE } from '../../security/acl/acl.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

type Resource = ApiResponseToSend<'DescribeAcls'>['resources'][number]

export const describeAcls: ApiHandler<'DescribeAcls'> = {
  name: 'DescribeAcls',
  handle(request, { broker, allows }) {
    const refused = (errorCode: number, errorMessage: string | null): ApiResponseToSend<'DescribeAcls'> => {
      return { throttleTimeMs: 0, errorCode, errorMessage, resources: [] }
    }
    if (!allows('Describe', 'Cluster', CLUSTER_NAME)) return refused(ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, null)
    const { acls } = broker.security
    if (acls === undefined) return refused(ERROR_CODE.SECURITY_DISABLED, 'No Authorizer is configured.')
    const filter = readFilter(request)
    if (filter === undefined) return refused(ERROR_CODE.INVALID_REQUEST, 'DescribeAclsRequest contains UNKNOWN elements')
    const resources: Resource[] = []
    for (const { resource, entries } of acls.index.all()) {
      const found = entries.filter((entry) => matches(filter, { resource, entry }))
      if (found.length === 0) continue
      resources.push({
        resourceType: RESOURCE_CODE[resource.type],
        resourceName: resource.name,
        patternType: PATTERN_CODE[resource.pattern],
        acls: found.map(({ principal, host, operation, permission }) => {
          return { principal, host, operation: OPERATION_CODE[operation], permissionType: PERMISSION_CODE[permission] }
        }),
      })
    }
    return { throttleTimeMs: 0, errorCode: ERROR_CODE.NONE, errorMessage: null, resources }
  },
}
