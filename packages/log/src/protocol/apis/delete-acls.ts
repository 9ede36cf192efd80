/**
 * DeleteAcls, API key 31, versions 1 to 3.
 *
 * - 2: flexible
 */
export const deleteAcls = {
  key: 31,
  name: 'DeleteAcls',
  versions: '1-3',
  flexible: '2+',
  request: {
    filters: {
      type: 'array',
      of: {
        resourceTypeFilter: 'int8',
        resourceNameFilter: { type: 'string', nullable: true },
        patternTypeFilter: { type: 'int8', default: 3 },
        principalFilter: { type: 'string', nullable: true },
        hostFilter: { type: 'string', nullable: true },
        operation: 'int8',
        permissionType: 'int8',
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    filterResults: {
      type: 'array',
      of: {
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true },
        matchingAcls: {
          type: 'array',
          of: {
            errorCode: 'int16',
            errorMessage: { type: 'string', nullable: true },
            resourceType: 'int8',
            resourceName: 'string',
            patternType: { type: 'int8', default: 3 },
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
