/**
 * ListPartitionReassignments, API key 46, versions 0.
 */
export const listPartitionReassignments = {
  key: 46,
  name: 'ListPartitionReassignments',
  versions: '0',
  flexible: '0+',
  request: {
    timeoutMs: { type: 'int32', default: 60000 },
    topics: {
      type: 'array',
      nullable: true,
      default: null,
      of: {
        name: 'string',
        partitionIndexes: { type: 'array', of: 'int32' },
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    errorMessage: { type: 'string', nullable: true },
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            replicas: { type: 'array', of: 'int32' },
            addingReplicas: { type: 'array', of: 'int32' },
            removingReplicas: { type: 'array', of: 'int32' },
          },
        },
      },
    },
  },
} as const
