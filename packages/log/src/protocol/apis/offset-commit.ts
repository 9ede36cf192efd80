/**
 * OffsetCommit, API key 8, versions 2 to 10.
 *
 * - 3: response gains throttleTimeMs
 * - 5: request loses retentionTimeMs
 * - 6: request gains committedLeaderEpoch
 * - 7: request gains groupInstanceId
 * - 8: flexible
 * - 10: request gains topicId; request loses name; response gains topicId; response loses name
 */
export const offsetCommit = {
  key: 8,
  name: 'OffsetCommit',
  versions: '2-10',
  flexible: '8+',
  request: {
    groupId: 'string',
    generationIdOrMemberEpoch: { type: 'int32', default: -1, ignorable: true },
    memberId: { type: 'string', ignorable: true },
    groupInstanceId: { type: 'string', versions: '7+', nullable: true, default: null },
    retentionTimeMs: { type: 'int64', versions: '2-4', default: -1, ignorable: true },
    topics: {
      type: 'array',
      of: {
        name: { type: 'string', versions: '2-9', ignorable: true },
        topicId: { type: 'uuid', versions: '10+', ignorable: true },
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            committedOffset: 'int64',
            committedLeaderEpoch: { type: 'int32', versions: '6+', default: -1, ignorable: true },
            committedMetadata: { type: 'string', nullable: true },
          },
        },
      },
    },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '3+', ignorable: true },
    topics: {
      type: 'array',
      of: {
        name: { type: 'string', versions: '2-9', ignorable: true },
        topicId: { type: 'uuid', versions: '10+', ignorable: true },
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
