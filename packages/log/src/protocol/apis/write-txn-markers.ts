/**
 * WriteTxnMarkers, API key 27, versions 0 to 2.
 *
 * - 1: flexible
 * - 2: request gains transactionVersion
 */
export const writeTxnMarkers = {
  key: 27,
  name: 'WriteTxnMarkers',
  versions: '0-2',
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
        transactionVersion: { type: 'int8', versions: '2+', ignorable: true },
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
