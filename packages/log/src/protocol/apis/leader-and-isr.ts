/**
 * LeaderAndIsr, API key 4, versions 7.
 */
export const leaderAndIsr = {
  key: 4,
  name: 'LeaderAndIsr',
  versions: '7',
  flexible: '4+',
  request: {
    controllerId: 'int32',
    isKRaftController: 'bool',
    controllerEpoch: 'int32',
    brokerEpoch: { type: 'int64', default: -1, ignorable: true },
    type: 'int8',
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
            partitionEpoch: 'int32',
            replicas: { type: 'array', of: 'int32' },
            addingReplicas: { type: 'array', ignorable: true, of: 'int32' },
            removingReplicas: { type: 'array', ignorable: true, of: 'int32' },
            isNew: { type: 'bool', ignorable: true },
            leaderRecoveryState: 'int8',
          },
        },
      },
    },
    liveLeaders: {
      type: 'array',
      of: {
        brokerId: 'int32',
        hostName: 'string',
        port: 'int32',
      },
    },
  },
  response: {
    errorCode: 'int16',
    topics: {
      type: 'array',
      of: {
        topicId: 'uuid',
        partitionErrors: {
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
