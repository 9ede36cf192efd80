/** What a group is configured to do: what was set for it, over what its broker does for all. */
import { CONFIG_SOURCE, unknownName, type BrokerConfig, type ConfigSynonym, type ConfigTexts } from './broker-config.ts'
import { brokerConfigs } from './broker-configs.ts'
import { parseConfig, type ConfigDefinition } from './definition.ts'

/** A group's configurations, each with the broker's that it stands in for, and those that bound it. */
export const groupConfigs = {
  'consumer.session.timeout.ms': {
    broker: 'group.consumer.session.timeout.ms',
    min: 'group.consumer.min.session.timeout.ms',
    max: 'group.consumer.max.session.timeout.ms',
    documentation: 'How long a member of the consumer group may be silent.',
  },
  'consumer.heartbeat.interval.ms': {
    broker: 'group.consumer.heartbeat.interval.ms',
    min: 'group.consumer.min.heartbeat.interval.ms',
    max: 'group.consumer.max.heartbeat.interval.ms',
    documentation: 'How often members of the consumer group are told to send a heartbeat.',
  },
} as const

export type GroupConfigName = keyof typeof groupConfigs

export const groupConfigNames: readonly GroupConfigName[] = Object.keys(groupConfigs) as GroupConfigName[]

export function isGroupConfigName(name: string): name is GroupConfigName {
  return Object.hasOwn(groupConfigs, name)
}

/** The entry that says what a group's configuration may be. */
export function groupConfigDefinition(name: GroupConfigName): ConfigDefinition {
  return brokerConfigs[groupConfigs[name].broker]
}

/** Everything that sets it, in the order in which it counts. */
export function groupConfigSynonyms(texts: ConfigTexts, broker: BrokerConfig, name: GroupConfigName): ConfigSynonym[] {
  const own = Object.hasOwn(texts, name) ? [{ name, value: texts[name]!, source: CONFIG_SOURCE.group }] : []
  return [...own, ...broker.synonyms(groupConfigs[name].broker)]
}

/** Why these texts cannot be a group's configurations; undefined if they can. */
export function groupConfigProblem(texts: ConfigTexts, broker: BrokerConfig): string | undefined {
  for (const [name, text] of Object.entries(texts)) {
    if (!isGroupConfigName(name)) return `Unknown group config name: ${name} (${unknownName(name, groupConfigNames)})`
    const parsed = parseConfig(groupConfigDefinition(name), text)
    if ('problem' in parsed) return `Invalid value ${text} for configuration ${name}: ${parsed.problem}`
    const { min, max } = groupConfigs[name]
    const [from, to] = [broker.get(min), broker.get(max)]
    if (Number(parsed.value) < from) return `${name} must be greater than or equal to ${min} (${from})`
    if (Number(parsed.value) > to) return `${name} must be less than or equal to ${max} (${to})`
  }
  const { sessionTimeoutMs, heartbeatIntervalMs } = groupConfig(texts, broker)
  return sessionTimeoutMs > heartbeatIntervalMs
    ? undefined
    : 'consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms'
}

export interface GroupConfig {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
}

export function groupConfig(texts: ConfigTexts, broker: BrokerConfig): GroupConfig {
  const value = (name: GroupConfigName): number => {
    const parsed = Object.hasOwn(texts, name) ? parseConfig(groupConfigDefinition(name), texts[name]!) : undefined
    return parsed !== undefined && 'value' in parsed ? Number(parsed.value) : broker.get(groupConfigs[name].broker)
  }
  return { sessionTimeoutMs: value('consumer.session.timeout.ms'), heartbeatIntervalMs: value('consumer.heartbeat.interval.ms') }
}
