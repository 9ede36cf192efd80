/**
 * AlterConfigs, API key 33, versions 0 to 2.
 *
 * - 2: flexible
 */
export const alterConfigs = {
  key: 33,
  name: 'AlterConfigs',
  versions: '0-2',
  flexible: '2+',
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
