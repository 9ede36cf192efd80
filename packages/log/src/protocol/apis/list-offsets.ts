/**
 * ListOffsets, API key 2, versions 1 to 11.
 *
 * - 2: request gains isolationLevel; response gains throttleTimeMs
 * - 4: request gains currentLeaderEpoch; response gains leaderEpoch
 * - 6: flexible
 * - 10: request gains timeoutMs
 */
export const listOffsets = {
  key: 2,
  name: 'ListOffsets',
  versions: '1-11',
  flexible: '6+',
  request: {
    replicaId: 'int32',
    isolationLevel: { type: 'int8', versions: '2+' },
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            currentLeaderEpoch: { type: 'int32', versions: '4+', default: -1, ignorable: true },
            timestamp: 'int64',
          },
        },
      },
    },
    timeoutMs: { type: 'int32', versions: '10+', ignorable: true },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '2+', ignorable: true },
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            errorCode: 'int16',
            timestamp: { type: 'int64', default: -1 },
            offset: { type: 'int64', default: -1 },
            leaderEpoch: { type: 'int32', versions: '4+', default: -1 },
          },
        },
      },
    },
  },
} as const
