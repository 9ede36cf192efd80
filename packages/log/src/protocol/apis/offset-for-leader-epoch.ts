/**
 * OffsetForLeaderEpoch, API key 23, versions 2 to 4.
 *
 * - 3: request gains replicaId
 * - 4: flexible
 */
export const offsetForLeaderEpoch = {
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: '2-4',
  flexible: '4+',
  request: {
    replicaId: { type: 'int32', versions: '3+', default: -2, ignorable: true },
    topics: {
      type: 'array',
      of: {
        topic: 'string',
        partitions: {
          type: 'array',
          of: {
            partition: 'int32',
            currentLeaderEpoch: { type: 'int32', default: -1, ignorable: true },
            leaderEpoch: 'int32',
          },
        },
      },
    },
  },
  response: {
    throttleTimeMs: { type: 'int32', ignorable: true },
    topics: {
      type: 'array',
      of: {
        topic: 'string',
        partitions: {
          type: 'array',
          of: {
            errorCode: 'int16',
            partition: 'int32',
            leaderEpoch: { type: 'int32', default: -1, ignorable: true },
            endOffset: { type: 'int64', default: -1 },
          },
        },
      },
    },
  },
} as const
