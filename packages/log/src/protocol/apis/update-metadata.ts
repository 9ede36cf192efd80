/**
 * UpdateMetadata, API key 6, versions 8.
 */
export const updateMetadata = {
  key: 6,
  name: 'UpdateMetadata',
  versions: '8',
  flexible: '6+',
  request: {
    controllerId: 'int32',
    isKRaftController: 'bool',
    type: { type: 'int8', tag: 0 },
    controllerEpoch: 'int32',
    brokerEpoch: { type: 'int64', default: -1, ignorable: true },
    topicStates: {
      type: 'array',
      of: {
        topicName: 'string',
        topicId: { type: 'uuid', ignorable: true },
        partitionStates: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            controllerEpoch: 'int32',
            leader: 'int32',
            leaderEpoch: 'int32',
            isr: { type: 'array', of: 'int32' },
            zkVersion: 'int32',
            replicas: { type: 'array', of: 'int32' },
            offlineReplicas: { type: 'array', ignorable: true, of: 'int32' },
          },
        },
      },
    },
    liveBrokers: {
      type: 'array',
      of: {
        id: 'int32',
        endpoints: {
          type: 'array',
          ignorable: true,
          of: {
            port: 'int32',
            host: 'string',
            listener: { type: 'string', ignorable: true },
            securityProtocol: 'int16',
          },
        },
        rack: { type: 'string', nullable: true, ignorable: true },
      },
    },
  },
  response: {
    errorCode: 'int16',
  },
} as const
