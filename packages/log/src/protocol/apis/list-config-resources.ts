/**
 * ListConfigResources, API key 74, versions 0 to 1.
 *
 * - 1: request gains resourceTypes; response gains resourceType
 */
export const listConfigResources = {
  key: 74,
  name: 'ListConfigResources',
  versions: '0-1',
  flexible: '0+',
  request: {
    resourceTypes: { type: 'array', versions: '1+', of: 'int8' },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    configResources: {
      type: 'array',
      of: {
        resourceName: 'string',
        resourceType: { type: 'int8', versions: '1+', default: 16, ignorable: true },
      },
    },
  },
} as const
