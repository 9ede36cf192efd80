/**
 * DeleteRecords, API key 21, versions 0 to 2.
 *
 * - 2: flexible
 */
export const deleteRecords = {
  key: 21,
  name: 'DeleteRecords',
  versions: '0-2',
  flexible: '2+',
  request: {
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            offset: 'int64',
          },
        },
      },
    },
    timeoutMs: 'int32',
  },
  response: {
    throttleTimeMs: 'int32',
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            lowWatermark: 'int64',
            errorCode: 'int16',
          },
        },
      },
    },
  },
} as const
