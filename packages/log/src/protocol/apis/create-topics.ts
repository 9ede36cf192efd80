/**
 * CreateTopics, API key 19, versions 2 to 7.
 *
 * - 5: flexible; response gains topicConfigErrorCode, numPartitions, replicationFactor, configs
 * - 7: response gains topicId
 */
export const createTopics = {
  key: 19,
  name: 'CreateTopics',
  versions: '2-7',
  flexible: '5+',
  request: {
    topics: {
      type: 'array',
      of: {
        name: 'string',
        numPartitions: 'int32',
        replicationFactor: 'int16',
        assignments: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            brokerIds: { type: 'array', of: 'int32' },
          },
        },
        configs: {
          type: 'array',
          of: {
            name: 'string',
            value: { type: 'string', nullable: true },
          },
        },
      },
    },
    timeoutMs: { type: 'int32', default: 60000 },
    validateOnly: 'bool',
  },
  response: {
    throttleTimeMs: { type: 'int32', ignorable: true },
    topics: {
      type: 'array',
      of: {
        name: 'string',
        topicId: { type: 'uuid', versions: '7+', ignorable: true },
        errorCode: 'int16',
        errorMessage: { type: 'string', nullable: true, ignorable: true },
        topicConfigErrorCode: { type: 'int16', versions: '5+', tag: 0, ignorable: true },
        numPartitions: { type: 'int32', versions: '5+', default: -1, ignorable: true },
        replicationFactor: { type: 'int16', versions: '5+', default: -1, ignorable: true },
        configs: {
          type: 'array',
          versions: '5+',
          nullable: true,
          ignorable: true,
          of: {
            name: 'string',
            value: { type: 'string', nullable: true },
            readOnly: 'bool',
            configSource: { type: 'int8', default: -1, ignorable: true },
            isSensitive: 'bool',
          },
        },
      },
    },
  },
} as const
