/** What brokers and topics can be configured to do, by Kafka's names. */
export {
  BrokerConfig,
  brokerConfigProblem,
  CONFIG_SOURCE,
  unknownName,
  type ConfigListener,
  type ConfigSynonym,
  type ConfigTexts,
  type DynamicConfigs,
} from './broker-config.ts'
export { brokerConfigDefinition, brokerConfigs, brokerSynonyms, type BrokerConfigName } from './broker-configs.ts'
export { CONFIG_TYPE, parseConfig, type ConfigDefinition } from './definition.ts'
export {
  groupConfig,
  groupConfigDefinition,
  groupConfigNames,
  groupConfigProblem,
  groupConfigs,
  groupConfigSynonyms,
  isGroupConfigName,
  type GroupConfig,
  type GroupConfigName,
} from './group-config.ts'
export {
  topicConfig,
  topicConfigDefinition,
  topicConfigProblem,
  topicConfigSynonyms,
  topicConfigText,
  type TopicConfig,
} from './topic-config.ts'
export { isTopicConfigName, topicConfigNames, topicConfigs, type TopicConfigName } from './topic-configs.ts'
