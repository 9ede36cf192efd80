/**
 * DescribeProducers, API key 61, versions 0.
 */
export const describeProducers = {
  key: 61,
  name: 'DescribeProducers',
  versions: '0',
  flexible: '0+',
  request: {
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitionIndexes: { type: 'array', of: 'int32' },
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    topics: {
      type: 'array',
      of: {
        name: 'string',
        partitions: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            errorCode: 'int16',
            errorMessage: { type: 'string', nullable: true, default: null },
            activeProducers: {
              type: 'array',
              of: {
                producerId: 'int64',
                producerEpoch: 'int32',
                lastSequence: { type: 'int32', default: -1 },
                lastTimestamp: { type: 'int64', default: -1 },
                coordinatorEpoch: 'int32',
                currentTxnStartOffset: { type: 'int64', default: -1 },
              },
            },
          },
        },
      },
    },
  },
} as const
