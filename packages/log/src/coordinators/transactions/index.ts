/** The coordinator of transactions. Begin with `transaction-coordinator.ts`. */
export type { ProducerReply } from './decision.ts'
export { type MarkersRequest, type MarkersResponse } from './marker-sender.ts'
export { TransactionCoordinator, type TransactionSettings } from './transaction-coordinator.ts'
export { TRANSACTION_STATES } from './transaction-state.ts'
export { NO_PRODUCER_EPOCH, NO_PRODUCER_ID, partitionSet, type Transaction } from './transaction.ts'
export { guardMarker, TransactionalWrites } from './transactional-writes.ts'
