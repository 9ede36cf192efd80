/**
 * CreateAcls, API key 30, versions 1 to 3.
 *
 * - 2: flexible
 */
export const createAcls = {
  key: 30,
  name: 'CreateAcls',
  versions: '1-3',
  flexible: '2+',
  request: {
    creations: {
      type: 'array',
      of: {
        resourceType: 'int8',
        resourceName: 'string',
        resourcePatternType: { type: 'int8', default: 3 },
        principal: 'string',
        host: 'string',
        operation: 'int8',
        permissionType: 'int8',
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    results: {
      type: 'array',
      of: {
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true },
      },
    },
  },
} as const
