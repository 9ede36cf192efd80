/**
 * OffsetFetch, API key 9, versions 1 to 10.
 *
 * - 2: response gains errorCode
 * - 3: response gains throttleTimeMs
 * - 5: response gains committedLeaderEpoch
 * - 6: flexible
 * - 7: request gains requireStable
 * - 8: request gains groups; request loses groupId, topics, name, partitionIndexes; response gains groups; response loses topics, name, partitions, partitionIndex, committedOffset, committedLeaderEpoch, metadata, errorCode
 */
export const offsetFetch = {
  key: 9,
  name: 'OffsetFetch',
  versions: '1-10',
  flexible: '6+',
  request: {
    groupId: { type: 'string', versions: '1-7' },
    topics: {
      type: 'array',
      versions: '1-7',
      nullable: '2+',
      of: {
        name: 'string',
        partitionIndexes: { type: 'array', of: 'int32' },
      },
    },
    groups: {
      type: 'array',
      versions: '8+',
      of: {
        groupId: 'string',
        memberId: { type: 'string', versions: '9+', nullable: true, default: null, ignorable: true },
        memberEpoch: { type: 'int32', versions: '9+', default: -1, ignorable: true },
        topics: {
          type: 'array',
          nullable: true,
          of: {
            name: { type: 'string', versions: '8-9', ignorable: true },
            topicId: { type: 'uuid', versions: '10+', ignorable: true },
            partitionIndexes: { type: 'array', of: 'int32' },
          },
        },
      },
    },
    requireStable: { type: 'bool', versions: '7+' },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '3+', ignorable: true },
    topics: {
      type: 'array',
      versions: '1-7',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            committedOffset: 'int64',
            committedLeaderEpoch: { type: 'int32', versions: '5+', default: -1, ignorable: true },
            metadata: { type: 'string', nullable: true },
            errorCode: 'int16',
          },
        },
      },
    },
    errorCode: { type: 'int16', versions: '2-7', ignorable: true },
    groups: {
      type: 'array',
      versions: '8+',
      of: {
        groupId: 'string',
        topics: {
          type: 'array',
          of: {
            name: { type: 'string', versions: '8-9', ignorable: true },
            topicId: { type: 'uuid', versions: '10+', ignorable: true },
            partitions: {
              type: 'array',
              of: {
                partitionIndex: 'int32',
                committedOffset: 'int64',
                committedLeaderEpoch: { type: 'int32', default: -1, ignorable: true },
                metadata: { type: 'string', nullable: true },
                errorCode: 'int16',
              },
            },
          },
        },
        errorCode: 'int16',
      },
    },
  },
} as const
