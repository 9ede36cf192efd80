/**
 * DescribeTransactions, API key 65, versions 0.
 */
export const describeTransactions = {
  key: 65,
  name: 'DescribeTransactions',
  versions: '0',
  flexible: '0+',
  request: {
    transactionalIds: { type: 'array', of: 'string' },
  },
  response: {
    throttleTimeMs: 'int32',
    transactionStates: {
      type: 'array',
      of: {
        errorCode: 'int16',
        transactionalId: 'string',
        transactionState: 'string',
        transactionTimeoutMs: 'int32',
        transactionStartTimeMs: 'int64',
        producerId: 'int64',
        producerEpoch: 'int16',
        topics: {
          type: 'array',
          of: {
            topic: 'string',
            partitions: { type: 'array', of: 'int32' },
          },
        },
      },
    },
  },
} as const
