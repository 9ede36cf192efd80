/** What brokers and topics can be configured to do, by Kafka's names. */
export { BrokerConfig, brokerConfigProblem, CONFIG_SOURCE, type ConfigSynonym, type ConfigTexts } from './broker-config.ts'
export { brokerConfigDefinition, brokerConfigs } from './broker-configs.ts'
export { CONFIG_TYPE, type ConfigDefinition } from './definition.ts'
export {
  groupConfig,
  groupConfigDefinition,
  groupConfigNames,
  groupConfigProblem,
  groupConfigs,
  groupConfigSynonyms,
  isGroupConfigName,
} from './group-config.ts'
export {
  topicConfig,
  topicConfigDefinition,
  topicConfigProblem,
  topicConfigSynonyms,
  topicConfigText,
  type TopicConfig,
} from './topic-config.ts'
export { isTopicConfigName, topicConfigNames, topicConfigs } from './topic-configs.ts'
