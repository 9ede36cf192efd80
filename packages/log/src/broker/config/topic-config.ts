/** What a topic is configured to do: what was set for it, over what its broker does. */
import { COMPRESSION_TYPES, type CompressionType } from '../../compression/index.ts'
import type { TimestampType } from '../../records/index.ts'
import type { LogConfig } from '../../storage/index.ts'
import { CONFIG_SOURCE, unknownName, type BrokerConfig, type ConfigSynonym, type ConfigTexts } from './broker-config.ts'
import { brokerConfigs } from './broker-configs.ts'
import { parseConfig, type AnyConfigValue, type ConfigDefinition } from './definition.ts'
import { isTopicConfigName, topicConfigNames, topicConfigs, type TopicConfigName } from './topic-configs.ts'

export interface TopicConfig {
  readonly log: LogConfig
  /** `max.message.bytes` */
  readonly batchBytesMax: number
  /** `message.timestamp.type` */
  readonly timestampType: TimestampType
  /** `message.timestamp.before.max.ms` */
  readonly timestampBeforeMaxMs: number
  /** `message.timestamp.after.max.ms` */
  readonly timestampAfterMaxMs: number
  /** `compression.type`; undefined: as the producer sent it */
  readonly compression: CompressionType | undefined
  /** `compression.gzip.level` or `compression.zstd.level`, for `compression`; undefined where it has no levels */
  readonly compressionLevel: number | undefined
  /** `min.insync.replicas` */
  readonly minInsyncReplicas: number
}

const LONG_MAX = '9223372036854775807'

/** The entry that says what a topic's configuration may be. */
export function topicConfigDefinition(name: TopicConfigName): ConfigDefinition {
  return brokerConfigs[topicConfigs[name].broker]
}

/** Why these texts cannot be a topic's configurations; undefined if they can. */
export function topicConfigProblem(texts: ConfigTexts, broker: BrokerConfig): string | undefined {
  for (const [name, text] of Object.entries(texts)) {
    if (!isTopicConfigName(name)) return `Unknown topic config name: ${name} (${unknownName(name, topicConfigNames)})`
    const parsed = parseConfig(topicConfigDefinition(name), text)
    if ('problem' in parsed) return `Invalid value ${text} for configuration ${name}: ${parsed.problem}`
  }
  const { log } = topicConfig(texts, broker, false)
  if (log.minCompactionLagMs > log.maxCompactionLagMs) {
    return `min.compaction.lag.ms (${log.minCompactionLagMs}) is above max.compaction.lag.ms (${log.maxCompactionLagMs})`
  }
  return undefined
}

/** @param durable whether an append is synced before it is acknowledged */
export function topicConfig(texts: ConfigTexts, broker: BrokerConfig, durable: boolean): TopicConfig {
  const value = (name: TopicConfigName): AnyConfigValue => topicValue(texts, broker, name)
  const number = (name: TopicConfigName): number => Number(value(name))
  const cleanup = value('cleanup.policy') as readonly string[]
  const log: LogConfig = {
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    segmentJitterMs: number('segment.jitter.ms'),
    segmentIndexBytes: number('segment.index.bytes'),
    indexIntervalBytes: number('index.interval.bytes'),
    retentionBytes: number('retention.bytes'),
    retentionMs: number('retention.ms'),
    cleanupDelete: cleanup.includes('delete'),
    cleanupCompact: cleanup.includes('compact'),
    deleteRetentionMs: number('delete.retention.ms'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    maxCompactionLagMs: number('max.compaction.lag.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    fileDeleteDelayMs: number('file.delete.delay.ms'),
    flushMessages: number('flush.messages'),
    flushMs: number('flush.ms'),
    durable,
    producerIdExpirationMs: broker.get('producer.id.expiration.ms'),
  }
  const compression = compressionOf(value('compression.type') as string)
  return {
    log,
    batchBytesMax: number('max.message.bytes'),
    timestampType: value('message.timestamp.type') as TimestampType,
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    compression,
    compressionLevel: compression === 'gzip' || compression === 'zstd' ? number(`compression.${compression}.level`) : undefined,
    minInsyncReplicas: number('min.insync.replicas'),
  }
}

/** The text that holds for a topic. */
export function topicConfigText(texts: ConfigTexts, broker: BrokerConfig, name: TopicConfigName): string {
  if (Object.hasOwn(texts, name)) return texts[name]!
  const value = broker.get(topicConfigs[name].broker) as AnyConfigValue
  if (value === Number.MAX_SAFE_INTEGER) return LONG_MAX
  return typeof value === 'object' ? value.join(',') : String(value)
}

/** Everything that sets a topic's configuration, in the order in which it counts. */
export function topicConfigSynonyms(texts: ConfigTexts, broker: BrokerConfig, name: TopicConfigName): ConfigSynonym[] {
  const own = Object.hasOwn(texts, name) ? [{ name, value: texts[name]!, source: CONFIG_SOURCE.topic }] : []
  return [...own, ...broker.synonyms(topicConfigs[name].broker)]
}

function topicValue(texts: ConfigTexts, broker: BrokerConfig, name: TopicConfigName): AnyConfigValue {
  if (Object.hasOwn(texts, name)) {
    const parsed = parseConfig(topicConfigDefinition(name), texts[name]!)
    if ('value' in parsed) return parsed.value
  }
  return broker.get(topicConfigs[name].broker) as AnyConfigValue
}

function compressionOf(text: string): CompressionType | undefined {
  if (text === 'producer') return undefined
  return text === 'uncompressed' ? 'none' : COMPRESSION_TYPES.find((type) => type === text)
}
