/**
 * ConsumerGroupHeartbeat, API key 68, versions 0 to 1.
 *
 * - 1: request gains subscribedTopicRegex
 */
export const consumerGroupHeartbeat = {
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: '0-1',
  flexible: '0+',
  request: {
    groupId: 'string',
    memberId: 'string',
    memberEpoch: 'int32',
    instanceId: { type: 'string', nullable: true, default: null },
    rackId: { type: 'string', nullable: true, default: null },
    rebalanceTimeoutMs: { type: 'int32', default: -1 },
    subscribedTopicNames: { type: 'array', nullable: true, default: null, of: 'string' },
    subscribedTopicRegex: { type: 'string', versions: '1+', nullable: true, default: null },
    serverAssignor: { type: 'string', nullable: true, default: null },
    topicPartitions: {
      type: 'array',
      nullable: true,
      default: null,
      of: {
        topicId: 'uuid',
        partitions: { type: 'array', of: 'int32' },
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    errorMessage: { type: 'string', nullable: true, default: null },
    memberId: { type: 'string', nullable: true, default: null },
    memberEpoch: 'int32',
    heartbeatIntervalMs: 'int32',
    assignment: {
      type: 'struct',
      nullable: true,
      default: null,
      fields: {
        topicPartitions: {
          type: 'array',
          of: {
            topicId: 'uuid',
            partitions: { type: 'array', of: 'int32' },
          },
        },
      },
    },
  },
} as const
