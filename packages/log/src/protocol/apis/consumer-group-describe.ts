/**
 * ConsumerGroupDescribe, API key 69, versions 0 to 1.
 *
 * - 1: response gains memberType
 */
export const consumerGroupDescribe = {
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: '0-1',
  flexible: '0+',
  request: {
    groupIds: { type: 'array', of: 'string' },
    includeAuthorizedOperations: 'bool',
  },
  response: {
    throttleTimeMs: 'int32',
    groups: {
      type: 'array',
      of: {
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true, default: null },
        groupId: 'string',
        groupState: 'string',
        groupEpoch: 'int32',
        assignmentEpoch: 'int32',
        assignorName: 'string',
        members: {
          type: 'array',
          of: {
            memberId: 'string',
            instanceId: { type: 'string', nullable: true, default: null },
            rackId: { type: 'string', nullable: true, default: null },
            memberEpoch: 'int32',
            clientId: 'string',
            clientHost: 'string',
            subscribedTopicNames: { type: 'array', of: 'string' },
            subscribedTopicRegex: { type: 'string', nullable: true, default: null },
            assignment: {
              type: 'struct',
              fields: {
                topicPartitions: {
                  type: 'array',
                  of: {
                    topicId: 'uuid',
                    topicName: 'string',
                    partitions: { type: 'array', of: 'int32' },
                  },
                },
              },
            },
            targetAssignment: {
              type: 'struct',
              fields: {
                topicPartitions: {
                  type: 'array',
                  of: {
                    topicId: 'uuid',
                    topicName: 'string',
                    partitions: { type: 'array', of: 'int32' },
                  },
                },
              },
            },
            memberType: { type: 'int8', versions: '1+', default: -1, ignorable: true },
          },
        },
        authorizedOperations: { type: 'int32', default: -2147483648 },
      },
    },
  },
} as const
