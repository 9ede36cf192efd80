/**
 * Produce, API key 0, versions 3 to 13.
 *
 * - 5: response gains logStartOffset
 * - 8: response gains recordErrors, errorMessage
 * - 9: flexible
 * - 10: response gains currentLeader, nodeEndpoints
 * - 13: request gains topicId; request loses name; response gains topicId; response loses name
 */
export const produce = {
  key: 0,
  name: 'Produce',
  versions: '3-13',
  flexible: '9+',
  request: {
    transactionalId: { type: 'string', nullable: true, default: null },
    acks: 'int16',
    timeoutMs: 'int32',
    topicData: {
      type: 'array',
      of: {
        name: { type: 'string', versions: '3-12', ignorable: true },
        topicId: { type: 'uuid', versions: '13+', ignorable: true },
        partitionData: {
          type: 'array',
          of: {
            index: 'int32',
            records: { type: 'records', nullable: true },
          },
        },
      },
    },
  },
  response: {
    responses: {
      type: 'array',
      of: {
        name: { type: 'string', versions: '3-12', ignorable: true },
        topicId: { type: 'uuid', versions: '13+', ignorable: true },
        partitionResponses: {
          type: 'array',
          of: {
            index: 'int32',
            errorCode: 'int16',
            baseOffset: 'int64',
            logAppendTimeMs: { type: 'int64', default: -1, ignorable: true },
            logStartOffset: { type: 'int64', versions: '5+', default: -1, ignorable: true },
            recordErrors: {
              type: 'array',
              versions: '8+',
              ignorable: true,
              of: {
                batchIndex: 'int32',
                batchIndexErrorMessage: { type: 'string', nullable: true, default: null },
              },
            },
            errorMessage: { type: 'string', versions: '8+', nullable: true, default: null, ignorable: true },
            currentLeader: {
              type: 'struct',
              versions: '10+',
              tag: 0,
              fields: {
                leaderId: { type: 'int32', default: -1 },
                leaderEpoch: { type: 'int32', default: -1 },
              },
            },
          },
        },
      },
    },
    throttleTimeMs: { type: 'int32', ignorable: true },
    nodeEndpoints: {
      type: 'array',
      versions: '10+',
      tag: 0,
      of: {
        nodeId: 'int32',
        host: 'string',
        port: 'int32',
        rack: { type: 'string', nullable: true, default: null },
      },
    },
  },
} as const
