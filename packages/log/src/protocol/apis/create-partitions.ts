/**
 * CreatePartitions, API key 37, versions 0 to 3.
 *
 * - 2: flexible
 */
export const createPartitions = {
  key: 37,
  name: 'CreatePartitions',
  versions: '0-3',
  flexible: '2+',
  request: {
    topics: {
      type: 'array',
      of: {
        name: 'string',
        count: 'int32',
        assignments: {
          type: 'array',
          nullable: true,
          of: {
            brokerIds: { type: 'array', of: 'int32' },
          },
        },
      },
    },
    timeoutMs: 'int32',
    validateOnly: 'bool',
  },
  response: {
    throttleTimeMs: 'int32',
    results: {
      type: 'array',
      of: {
        name: 'string',
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true, default: null },
      },
    },
  },
} as const
