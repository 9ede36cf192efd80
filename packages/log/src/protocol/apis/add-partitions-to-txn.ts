/**
 * AddPartitionsToTxn, API key 24, versions 0 to 5.
 *
 * - 3: flexible
 * - 4: request gains transactions; request loses v3AndBelowTransactionalId, v3AndBelowProducerId, v3AndBelowProducerEpoch, v3AndBelowTopics; response gains errorCode, resultsByTransaction; response loses resultsByTopicV3AndBelow
 */
export const addPartitionsToTxn = {
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactions: {
      type: 'array',
      versions: '4+',
      of: {
        transactionalId: 'string',
        producerId: 'int64',
        producerEpoch: 'int16',
        verifyOnly: 'bool',
        topics: {
          type: 'array',
          of: {
            name: 'string',
            partitions: { type: 'array', of: 'int32' },
          },
        },
      },
    },
    v3AndBelowTransactionalId: { type: 'string', versions: '0-3' },
    v3AndBelowProducerId: { type: 'int64', versions: '0-3' },
    v3AndBelowProducerEpoch: { type: 'int16', versions: '0-3' },
    v3AndBelowTopics: {
      type: 'array',
      versions: '0-3',
      of: {
        name: 'string',
        partitions: { type: 'array', of: 'int32' },
      },
    },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: { type: 'int16', versions: '4+', ignorable: true },
    resultsByTransaction: {
      type: 'array',
      versions: '4+',
      of: {
        transactionalId: 'string',
        topicResults: {
          type: 'array',
          of: {
            name: 'string',
            resultsByPartition: {
              type: 'array',
              of: {
                partitionIndex: 'int32',
                partitionErrorCode: 'int16',
              },
            },
          },
        },
      },
    },
    resultsByTopicV3AndBelow: {
      type: 'array',
      versions: '0-3',
      of: {
        name: 'string',
        resultsByPartition: {
          type: 'array',
          of: {
            partitionIndex: 'int32',
            partitionErrorCode: 'int16',
          },
        },
      },
    },
  },
} as const
