/** State over an internal topic's partitions: what group and transaction coordinators are made of. Begin with `partition-coordinator.ts`. */
export { Coordinator, type CoordinatorOptions } from './coordinator.ts'
export type { CoordinatorLog, KnownProducer } from './coordinator-log.ts'
export {
  answer,
  type Answer,
  type Decision,
  type Facts,
  type Marker,
  type Operation,
  type Producer,
  type RecordOrigin,
  type StateMachine,
  type Ticket,
  type TimerChange,
} from './decision.ts'
export {
  PartitionCoordinator,
  type CoordinatorNotice,
  type MarkerToWrite,
  type PartitionCoordinatorOptions,
} from './partition-coordinator.ts'
export { InternalTopic, type InternalTopicOptions } from './internal-topic.ts'
export { coordinatorLogOf, type LedPartition } from './partition-log.ts'
export { javaStringHash, partitionFor } from './partition-for.ts'
export { recordFormat, type RecordDeclaration, type RecordFormat, type RecordOf, type RecordTable } from './record-format.ts'
