/** The coordinator of transactions. Begin with `transaction-coordinator.ts`. */
export type { AddPartitions, VerifyPartition } from './add-partitions.ts'
export type { ErrorReply, ProducerReply } from './decision.ts'
export type { EndTransaction } from './end-transaction.ts'
export type { InitProducerId } from './init-producer-id.ts'
export { type MarkerJob, type MarkersRequest, type MarkersResponse, type MarkerTransport } from './marker-sender.ts'
export { TransactionCoordinator, type TransactionCoordinatorOptions, type TransactionSettings } from './transaction-coordinator.ts'
export { TRANSACTION_STATE_TOPIC } from './transaction-log.ts'
export { TRANSACTION_STATES, type TransactionStateName } from './transaction-state.ts'
export {
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  partitionSet,
  type PartitionSet,
  type Transaction,
  type TransactionVersion,
} from './transaction.ts'
export {
  guardMarker,
  TransactionalWrites,
  type Guard,
  type Placed,
  type TransactionalPlace,
  type TransactionalWrite,
} from './transactional-writes.ts'
