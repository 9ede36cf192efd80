/**
 * WriteTxnMarkers, API key 27, versions 1.
 */
export const writeTxnMarkers = {
  key: 27,
  name: 'WriteTxnMarkers',
  versions: '1',
  flexible: '1+',
  request: {
    markers: {
      type: 'array',
      of: {
        producerId: 'int64',
        producerEpoch: 'int16',
        transactionResult: 'bool',
        topics: {
          type: 'array',
          of: {
            name: 'string',
            partitionIndexes: { type: 'array', of: 'int32' },
          },
        },
        coordinatorEpoch: 'int32',
      },
    },
  },
  response: {
    markers: {
      type: 'array',
      of: {
        producerId: 'int64',
        topics: {
          type: 'array',
          of: {
            name: 'string',
            partitions: {
              type: 'array',
              of: {
                partitionIndex: 'int32',
                errorCode: 'int16',
              },
            },
          },
        },
      },
    },
  },
} as const
