/**
 * DescribeTopicPartitions, API key 75, versions 0.
 */
export const describeTopicPartitions = {
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: '0',
  flexible: '0+',
  request: {
    topics: {
      type: 'array',
      of: {
        name: 'string',
      },
    },
    responsePartitionLimit: { type: 'int32', default: 2000 },
    cursor: {
      type: 'struct',
      nullable: true,
      default: null,
      fields: {
        topicName: 'string',
        partitionIndex: 'int32',
      },
    },
  },
  response: {
    throttleTimeMs: { type: 'int32', ignorable: true },
    topics: {
      type: 'array',
      of: {
        errorCode: 'int16',
        name: { type: 'string', nullable: true },
        topicId: { type: 'uuid', ignorable: true },
        isInternal: { type: 'bool', ignorable: true },
        partitions: {
          type: 'array',
          of: {
            errorCode: 'int16',
            partitionIndex: 'int32',
            leaderId: 'int32',
            leaderEpoch: { type: 'int32', default: -1, ignorable: true },
            replicaNodes: { type: 'array', of: 'int32' },
            isrNodes: { type: 'array', of: 'int32' },
            eligibleLeaderReplicas: { type: 'array', nullable: true, default: null, of: 'int32' },
            lastKnownElr: { type: 'array', nullable: true, default: null, of: 'int32' },
            offlineReplicas: { type: 'array', ignorable: true, of: 'int32' },
          },
        },
        topicAuthorizedOperations: { type: 'int32', default: -2147483648 },
      },
    },
    nextCursor: {
      type: 'struct',
      nullable: true,
      default: null,
      fields: {
        topicName: 'string',
        partitionIndex: 'int32',
      },
    },
  },
} as const
