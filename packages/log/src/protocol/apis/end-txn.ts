/**
 * EndTxn, API key 26, versions 0 to 5.
 *
 * - 3: flexible
 * - 5: response gains producerId, producerEpoch
 */
export const endTxn = {
  key: 26,
  name: 'EndTxn',
  versions: '0-5',
  flexible: '3+',
  request: {
    transactionalId: 'string',
    producerId: 'int64',
    producerEpoch: 'int16',
    committed: 'bool',
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
    producerId: { type: 'int64', versions: '5+', default: -1, ignorable: true },
    producerEpoch: { type: 'int16', versions: '5+', default: -1, ignorable: true },
  },
} as const
