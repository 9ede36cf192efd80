/** Configurations as DescribeConfigs tells of them: what holds, where it comes from, what else would set it. */
import type { ApiResponseToSend } from '../../../protocol/index.ts'
import {
  brokerConfigDefinition,
  brokerConfigs,
  CONFIG_SOURCE,
  CONFIG_TYPE,
  groupConfig,
  groupConfigDefinition,
  groupConfigNames,
  groupConfigs,
  groupConfigSynonyms,
  topicConfigDefinition,
  topicConfigNames,
  topicConfigs,
  topicConfigSynonyms,
  topicConfigText,
  type BrokerConfig,
  type ConfigDefinition,
  type ConfigSynonym,
  type ConfigTexts,
} from '../../config/index.ts'

export type DescribedConfig = ApiResponseToSend<'DescribeConfigs'>['results'][number]['configs'][number]

export function describeTopic(texts: ConfigTexts, broker: BrokerConfig): DescribedConfig[] {
  return topicConfigNames.map((name) => {
    const synonyms = topicConfigSynonyms(texts, broker, name)
    const value = topicConfigText(texts, broker, name)
    return described({ name, value, synonyms, definition: topicConfigDefinition(name), documentation: topicConfigs[name].documentation })
  })
}

export function describeGroup(texts: ConfigTexts, broker: BrokerConfig): DescribedConfig[] {
  const { sessionTimeoutMs, heartbeatIntervalMs } = groupConfig(texts, broker)
  const values = { 'consumer.session.timeout.ms': sessionTimeoutMs, 'consumer.heartbeat.interval.ms': heartbeatIntervalMs }
  return groupConfigNames.map((name) => {
    const synonyms = groupConfigSynonyms(texts, broker, name)
    const { documentation } = groupConfigs[name]
    return described({ name, value: String(values[name]), synonyms, definition: groupConfigDefinition(name), documentation })
  })
}

export function describeBroker(broker: BrokerConfig): DescribedConfig[] {
  return [...Object.keys(brokerConfigs), ...broker.prefixedNames()].map((name) => {
    const definition = brokerConfigDefinition(name)!
    const synonyms = broker.synonyms(name)
    const own = synonyms.find((each) => each.name === name)
    const isReadOnly = (definition.scope ?? 'read-only') === 'read-only'
    return described({ name, value: own?.value ?? null, synonyms, definition, isReadOnly, documentation: definition.documentation })
  })
}

/** What is set at run time for all brokers. */
export function describeAllBrokers(broker: BrokerConfig): DescribedConfig[] {
  return Object.entries(broker.dynamic.cluster).map(([name, value]) => {
    const definition = brokerConfigDefinition(name)!
    const synonyms = [{ name, value, source: CONFIG_SOURCE.dynamicDefault }]
    return described({ name, value, synonyms, definition, documentation: definition.documentation })
  })
}

interface Description {
  readonly name: string
  readonly value: string | null
  readonly synonyms: readonly ConfigSynonym[]
  readonly definition: ConfigDefinition
  readonly documentation: string
  readonly isReadOnly?: boolean
}

function described({ name, value, synonyms, definition, documentation, isReadOnly = false }: Description): DescribedConfig {
  const isSensitive = definition.type === 'password'
  return {
    name,
    value: isSensitive ? null : value,
    readOnly: isReadOnly,
    configSource: synonyms[0]?.source ?? CONFIG_SOURCE.default,
    isSensitive,
    synonyms: synonyms.map((each) => ({ ...each, value: isSensitive ? null : each.value })),
    configType: CONFIG_TYPE[definition.type],
    documentation,
  }
}
