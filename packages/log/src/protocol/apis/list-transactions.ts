/**
 * ListTransactions, API key 66, versions 0 to 2.
 *
 * - 1: request gains durationFilter
 * - 2: request gains transactionalIdPattern
 */
export const listTransactions = {
  key: 66,
  name: 'ListTransactions',
  versions: '0-2',
  flexible: '0+',
  request: {
    stateFilters: { type: 'array', of: 'string' },
    producerIdFilters: { type: 'array', of: 'int64' },
    durationFilter: { type: 'int64', versions: '1+', default: -1 },
    transactionalIdPattern: { type: 'string', versions: '2+', nullable: true, default: null },
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    unknownStateFilters: { type: 'array', of: 'string' },
    transactionStates: {
      type: 'array',
      of: {
        transactionalId: 'string',
        producerId: 'int64',
        transactionState: 'string',
      },
    },
  },
} as const
