/**
 * AddOffsetsToTxn, API key 25, versions 0 to 4.
 *
 * - 3: flexible
 */
export const addOffsetsToTxn = {
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: '0-4',
  flexible: '3+',
  request: {
    transactionalId: 'string',
    producerId: 'int64',
    producerEpoch: 'int16',
    groupId: 'string',
  },
  response: {
    throttleTimeMs: 'int32',
    errorCode: 'int16',
  },
} as const
