/**
 * StopReplica, API key 5, versions 4.
 */
export const stopReplica = {
  key: 5,
  name: 'StopReplica',
  versions: '4',
  flexible: '2+',
  request: {
    controllerId: 'int32',
    isKRaftController: 'bool',
    controllerEpoch: 'int32',
    brokerEpoch: { type: 'int64', default: -1, ignorable: true },
    topicStates: {
      type: 'array',
      of: {
        topicName: 'string',
        partitionStates: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            leaderEpoch: { type: 'int32', default: -1 },
            deletePartition: 'bool',
          },
        },
      },
    },
  },
  response: {
    errorCode: 'int16',
    partitionErrors: {
      type: 'array',
      of: {
        topicName: 'string',
        partitionIndex: 'int32',
        errorCode: 'int16',
      },
    },
  },
} as const
