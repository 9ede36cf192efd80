/**
 * DescribeAcls, API key 29, versions 1 to 3.
 *
 * - 2: flexible
 */
export const describeAcls = {
  key: 29,
  name: 'DescribeAcls',
  versions: '1-3',
  flexible: '2+',
  request: {
    resourceTypeFilter: 'int8',
    resourceNameFilter: { type: 'string', nullable: true },
    patternTypeFilter: { type: 'int8', default: 3 },
    principalFilter: { type: 'string', nullable: true },
    hostFilter: { type: 'string', nullable: true },
    operation: 'int8',
    permissionType: 'int8',
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    errorMessage: { type: 'string', nullable: true },
    resources: {
      type: 'array',
      of: {
        resourceType: 'int8',
        resourceName: 'string',
        patternType: { type: 'int8', default: 3 },
        acls: {
          type: 'array',
          of: {
            principal: 'string',
            host: 'string',
            operation: 'int8',
            permissionType: 'int8',
          },
        },
      },
    },
  },
} as const
