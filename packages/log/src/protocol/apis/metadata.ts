/**
 * Metadata, API key 3, versions 0 to 13.
 *
 * - 1: response gains rack, controllerId, isInternal
 * - 2: response gains clusterId
 * - 3: response gains throttleTimeMs
 * - 4: request gains allowAutoTopicCreation
 * - 5: response gains offlineReplicas
 * - 7: response gains leaderEpoch
 * - 8: request gains includeClusterAuthorizedOperations, includeTopicAuthorizedOperations; response gains topicAuthorizedOperations, clusterAuthorizedOperations
 * - 9: flexible
 * - 10: request gains topicId; response gains topicId
 * - 11: request loses includeClusterAuthorizedOperations; response loses clusterAuthorizedOperations
 * - 13: response gains errorCode
 */
export const metadata = {
  key: 3,
  name: 'Metadata',
  versions: '0-13',
  flexible: '9+',
  request: {
    topics: {
      type: 'array',
      nullable: '1+',
      of: {
        topicId: { type: 'uuid', versions: '10+', ignorable: true },
        name: { type: 'string', nullable: '10+' },
      },
    },
    allowAutoTopicCreation: { type: 'bool', versions: '4+', default: true },
    includeClusterAuthorizedOperations: { type: 'bool', versions: '8-10' },
    includeTopicAuthorizedOperations: { type: 'bool', versions: '8+' },
  },
  response: {
    throttleTimeMs: { type: 'int32', versions: '3+', ignorable: true },
    brokers: {
      type: 'array',
      of: {
        nodeId: 'int32',
        host: 'string',
        port: 'int32',
        rack: { type: 'string', versions: '1+', nullable: true, default: null, ignorable: true },
      },
    },
    clusterId: { type: 'string', versions: '2+', nullable: true, default: null, ignorable: true },
    controllerId: { type: 'int32', versions: '1+', default: -1, ignorable: true },
    topics: {
      type: 'array',
      of: {
        errorCode: 'int16',
        name: { type: 'string', nullable: '12+' },
        topicId: { type: 'uuid', versions: '10+', ignorable: true },
        isInternal: { type: 'bool', versions: '1+', ignorable: true },
        partitions: {
          type: 'array',
          of: {
            errorCode: 'int16',
            partitionIndex: 'int32',
            leaderId: 'int32',
            leaderEpoch: { type: 'int32', versions: '7+', default: -1, ignorable: true },
            replicaNodes: { type: 'array', of: 'int32' },
            isrNodes: { type: 'array', of: 'int32' },
            offlineReplicas: { type: 'array', versions: '5+', ignorable: true, of: 'int32' },
          },
        },
        topicAuthorizedOperations: { type: 'int32', versions: '8+', default: -2147483648 },
      },
    },
    clusterAuthorizedOperations: { type: 'int32', versions: '8-10', default: -2147483648 },
    errorCode: { type: 'int16', versions: '13+', ignorable: true },
  },
} as const
