/**
 * AlterReplicaLogDirs, API key 34, versions 1 to 2.
 *
 * - 2: flexible
 */
export const alterReplicaLogDirs = {
  key: 34,
  name: 'AlterReplicaLogDirs',
  versions: '1-2',
  flexible: '2+',
  request: {
    dirs: {
      type: 'array',
      of: {
        path: 'string',
        topics: {
          type: 'array',
          of: {
            name: 'string',
            partitions: { type: 'array', of: 'int32' },
          },
        },
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    results: {
      type: 'array',
      of: {
        topicName: 'string',
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
