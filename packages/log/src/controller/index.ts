/** The controller: what a cluster is to be, kept in the coordination service. */
export { ConfigStore } from './config-store.ts'
export { Controller, isTopicProblem, newTopicId, type BrokerRequests, type TopicRegistration } from './controller.ts'
export { ControllerStore, type StoredTopic } from './controller-store.ts'
export { adoptLogs, strayLog, type FoundLog } from './found-logs.ts'
export { ProducerIds } from './producer-ids.ts'
export type { BrokerRegistration } from './registrations.ts'
export type { Assignments, NewTopic, TopicProblem, TopicProblemKind } from './topic-decisions.ts'
export { isInternalTopic, topicNameProblem } from './topic-name.ts'
