/**
 * InitProducerId, API key 22, versions 0 to 5.
 *
 * - 2: flexible
 * - 3: request gains producerId, producerEpoch
 */
export const initProducerId = {
  key: 22,
  name: 'InitProducerId',
  versions: '0-5',
  flexible: '2+',
  request: {
    transactionalId: { type: 'string', nullable: true },
    transactionTimeoutMs: 'int32',
    producerId: { type: 'int64', versions: '3+', default: -1 },
    producerEpoch: { type: 'int16', versions: '3+', default: -1 },
  },
  response: {
    throttleTimeMs: { type: 'int32', ignorable: true },
    errorCode: 'int16',
    producerId: { type: 'int64', default: -1 },
    producerEpoch: 'int16',
  },
} as const
