/** The controller: what a cluster is to be, kept in the coordination service. */
export { ConfigStore, type ConfigStoreListener, type Configs } from './config-store.ts'
export {
  Controller,
  isTopicProblem,
  newTopicId,
  type BrokerRequests,
  type ControllerOptions,
  type PartitionRegistration,
  type TopicRegistration,
} from './controller.ts'
export { ControllerStore, type StoredTopic } from './controller-store.ts'
export { electFirst, electOffline, electPreferred, type ElectionFacts } from './elections.ts'
export { adoptLogs, strayLog, type Adoption, type FoundLog } from './found-logs.ts'
export type { ConfigKind } from './paths.ts'
export { ProducerIds } from './producer-ids.ts'
export type { BrokerRegistration, PartitionState, TopicAssignment } from './registrations.ts'
export type { Assignments, NewTopic, TopicProblem, TopicProblemKind } from './topic-decisions.ts'
export { isInternalTopic, topicNameProblem } from './topic-name.ts'
