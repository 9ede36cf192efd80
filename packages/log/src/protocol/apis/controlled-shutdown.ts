/**
 * ControlledShutdown, API key 7, versions 3.
 */
export const controlledShutdown = {
  key: 7,
  name: 'ControlledShutdown',
  versions: '3',
  flexible: '3+',
  request: {
    brokerId: 'int32',
    brokerEpoch: { type: 'int64', default: -1, ignorable: true },
  },
  response: {
    errorCode: 'int16',
    remainingPartitions: {
      type: 'array',
      of: {
        topicName: 'string',
        partitionIndex: 'int32',
      },
    },
  },
} as const
