/**
 * AlterPartition, API key 56, versions 2 to 3.
 *
 * - 3: request gains newIsrWithEpochs; request loses newIsr
 */
export const alterPartition = {
  key: 56,
  name: 'AlterPartition',
  versions: '2-3',
  flexible: '0+',
  request: {
    brokerId: 'int32',
    brokerEpoch: { type: 'int64', default: -1 },
    topics: {
      type: 'array',
      of: {
        topicId: { type: 'uuid', ignorable: true },
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            leaderEpoch: 'int32',
            newIsr: { type: 'array', versions: '2', of: 'int32' },
            newIsrWithEpochs: {
              type: 'array',
              versions: '3+',
              of: {
                brokerId: 'int32',
                brokerEpoch: { type: 'int64', default: -1 },
              },
            },
            leaderRecoveryState: 'int8',
            partitionEpoch: 'int32',
          },
        },
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    topics: {
      type: 'array',
      of: {
        topicId: { type: 'uuid', ignorable: true },
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            errorCode: 'int16',
            leaderId: 'int32',
            leaderEpoch: 'int32',
            isr: { type: 'array', of: 'int32' },
            leaderRecoveryState: { type: 'int8', ignorable: true },
            partitionEpoch: 'int32',
          },
        },
      },
    },
  },
} as const
