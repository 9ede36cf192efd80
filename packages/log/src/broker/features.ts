/** The features of the protocol that hold for the whole cluster (KIP-584): Kafka's names, and the level that is supported and in use. */
export const FEATURES: readonly { readonly name: string; readonly level: number }[] = [
  // The consumer group protocol of KIP-848.
  { name: 'group.version', level: 1 },
  // Transactions that take another epoch with each end, and partitions by their writes (KIP-890).
  { name: 'transaction.version', level: 2 },
]

/** Of the features in use; clients go by them only from 0 on. */
export const FEATURES_EPOCH = 0
