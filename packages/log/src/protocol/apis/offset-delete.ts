/**
 * OffsetDelete, API key 47, versions 0.
 */
export const offsetDelete = {
  key: 47,
  name: 'OffsetDelete',
  versions: '0',
  flexible: null,
  request: {
    groupId: 'string',
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
          },
        },
      },
    },
  },
  response: {
    errorCode: 'int16',
    throttleTimeMs: { type: 'int32', ignorable: true },
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            errorCode: 'int16',
          },
        },
      },
    },
  },
} as const
