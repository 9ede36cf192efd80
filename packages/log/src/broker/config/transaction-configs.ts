/** Configurations of transactions. */
export const transactionConfigs = {
  'transaction.max.timeout.ms': {
    type: 'int',
    default: '900000',
    min: 1,
    documentation: 'The longest transaction that a producer may ask for.',
  },
  'transactional.id.expiration.ms': {
    type: 'int',
    default: '604800000',
    min: 1,
    documentation: 'A transactional id that is silent for so long is forgotten.',
  },
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': {
    type: 'int',
    default: '10000',
    min: 1,
    documentation: 'How often transactions past their time are looked for.',
  },
  'transaction.remove.expired.transaction.cleanup.interval.ms': {
    type: 'int',
    default: '3600000',
    min: 1,
    documentation: 'How often expired transactional ids are looked for.',
  },
  'transaction.partition.verification.enable': {
    type: 'boolean',
    default: 'true',
    scope: 'cluster-wide',
    documentation: 'Whether a partition takes transactional records only if it was added to the transaction.',
  },
  'add.partitions.to.txn.retry.backoff.max.ms': {
    type: 'int',
    default: '100',
    min: 0,
    documentation: 'How long a request waits for the last transaction to end.',
  },
  'transaction.state.log.num.partitions': { type: 'int', default: '50', min: 1, documentation: 'Partitions of the topic of transactions.' },
  'transaction.state.log.replication.factor': {
    type: 'short',
    default: '1',
    min: 1,
    documentation: 'Replicas of the topic of transactions.',
  },
  'transaction.state.log.min.isr': {
    type: 'int',
    default: '1',
    min: 1,
    documentation: 'min.insync.replicas of the topic of transactions.',
  },
  'transaction.state.log.segment.bytes': {
    type: 'int',
    default: '104857600',
    min: 1,
    documentation: 'Bytes of a segment of the topic of transactions.',
  },
} as const
