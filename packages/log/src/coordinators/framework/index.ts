/** State over an internal topic's partitions: what group and transaction coordinators are made of. Begin with `partition-coordinator.ts`. */
export { Coordinator } from './coordinator.ts'
export type { CoordinatorLog } from './coordinator-log.ts'
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
export { PartitionCoordinator, type CoordinatorNotice, type MarkerToWrite } from './partition-coordinator.ts'
export { InternalTopic } from './internal-topic.ts'
export { coordinatorLogOf, type LedPartition } from './partition-log.ts'
export { partitionFor } from './partition-for.ts'
export { recordFormat, type RecordFormat, type RecordOf } from './record-format.ts'
