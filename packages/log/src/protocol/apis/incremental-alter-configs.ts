/**
 * IncrementalAlterConfigs, API key 44, versions 0 to 1.
 *
 * - 1: flexible
 */
export const incrementalAlterConfigs = {
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: '0-1',
  flexible: '1+',
  request: {
    resources: {
      type: 'array',
      of: {
        resourceType: 'int8',
        resourceName: 'string',
        configs: {
          type: 'array',
          of: {
            name: 'string',
            configOperation: 'int8',
            value: { type: 'string', nullable: true },
          },
        },
      },
    },
    validateOnly: 'bool',
  },
  response: {
    throttleTimeMs: 'int32',
    responses: {
      type: 'array',
      of: {
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true },
        resourceType: 'int8',
        resourceName: 'string',
      },
    },
  },
} as const
