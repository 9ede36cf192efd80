/** The configurations of a topic: Kafka's names and defaults, how their text is read, and what they mean to the log and to produce. */
import { COMPRESSION_TYPES, type CompressionType } from '../../compression/index.ts'
import type { TimestampType } from '../../records/index.ts'
import { defaultLogConfig, type LogConfig } from '../../storage/index.ts'

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
  /** `min.insync.replicas` */
  readonly minInsyncReplicas: number
}

type Change = (config: TopicConfig) => TopicConfig

interface Definition {
  readonly default: string
  /** What the text sets; undefined if it may not be. */
  readonly read: (text: string) => Change | undefined
}

const LONG_MAX = '9223372036854775807'
const INT_MAX = 2_147_483_647

/** A number of the log's own configuration. Above the safe integers there is no difference to be told. */
function logNumber(name: keyof LogConfig, fallback: string, from: number, to: number = Number.MAX_SAFE_INTEGER): Definition {
  return { default: fallback, read: (text) => within(text, from, to, (value) => (config) => inLog(config, { [name]: value })) }
}

function topicNumber(name: keyof TopicConfig, fallback: string, from: number, to: number = Number.MAX_SAFE_INTEGER): Definition {
  return { default: fallback, read: (text) => within(text, from, to, (value) => (config) => ({ ...config, [name]: value })) }
}

function within(text: string, from: number, to: number, change: (value: number) => Change): Change | undefined {
  const trimmed = text.trim()
  if (!/^-?\d{1,19}$/.test(trimmed) || BigInt(trimmed) > BigInt(LONG_MAX)) return undefined
  const value = Math.min(Number(trimmed), Number.MAX_SAFE_INTEGER)
  return value < from || value > to ? undefined : change(value)
}

function inLog(config: TopicConfig, change: Partial<LogConfig>): TopicConfig {
  return { ...config, log: { ...config.log, ...change } }
}

function readCleanupPolicy(text: string): Change | undefined {
  const policies = text.split(',').map((policy) => policy.trim())
  if (!policies.every((policy) => policy === 'delete' || policy === 'compact')) return undefined
  const change = { cleanupDelete: policies.includes('delete'), cleanupCompact: policies.includes('compact') }
  return (config) => inLog(config, change)
}

function readCompression(text: string): Change | undefined {
  if (text === 'producer') return (config) => ({ ...config, compression: undefined })
  const compression = text === 'uncompressed' ? 'none' : COMPRESSION_TYPES.find((type) => type === text && type !== 'none')
  return compression === undefined ? undefined : (config) => ({ ...config, compression })
}

function readTimestampType(text: string): Change | undefined {
  return text === 'CreateTime' || text === 'LogAppendTime' ? (config) => ({ ...config, timestampType: text }) : undefined
}

function readRatio(text: string): Change | undefined {
  const ratio = text.trim() === '' ? Number.NaN : Number(text)
  return ratio >= 0 && ratio <= 1 ? (config) => inLog(config, { minCleanableDirtyRatio: ratio }) : undefined
}

const definitions: { readonly [name: string]: Definition } = {
  'cleanup.policy': { default: 'delete', read: readCleanupPolicy },
  'compression.type': { default: 'producer', read: readCompression },
  'delete.retention.ms': logNumber('deleteRetentionMs', '86400000', 0),
  'file.delete.delay.ms': logNumber('fileDeleteDelayMs', '60000', 0),
  'flush.messages': logNumber('flushMessages', LONG_MAX, 1),
  'flush.ms': logNumber('flushMs', LONG_MAX, 0),
  'index.interval.bytes': logNumber('indexIntervalBytes', '4096', 0, INT_MAX),
  'max.compaction.lag.ms': logNumber('maxCompactionLagMs', LONG_MAX, 1),
  'max.message.bytes': topicNumber('batchBytesMax', '1048588', 0, INT_MAX),
  'message.timestamp.after.max.ms': topicNumber('timestampAfterMaxMs', '3600000', 0),
  'message.timestamp.before.max.ms': topicNumber('timestampBeforeMaxMs', LONG_MAX, 0),
  'message.timestamp.type': { default: 'CreateTime', read: readTimestampType },
  'min.cleanable.dirty.ratio': { default: '0.5', read: readRatio },
  'min.compaction.lag.ms': logNumber('minCompactionLagMs', '0', 0),
  'min.insync.replicas': topicNumber('minInsyncReplicas', '1', 1, INT_MAX),
  'retention.bytes': logNumber('retentionBytes', '-1', -1),
  'retention.ms': logNumber('retentionMs', '604800000', -1),
  'segment.bytes': logNumber('segmentBytes', '1073741824', 14, INT_MAX),
  'segment.index.bytes': logNumber('segmentIndexBytes', '10485760', 4, INT_MAX),
  'segment.jitter.ms': logNumber('segmentJitterMs', '0', 0),
  'segment.ms': logNumber('segmentMs', '604800000', 1),
}

const base: TopicConfig = {
  log: defaultLogConfig,
  batchBytesMax: 0,
  timestampType: 'CreateTime',
  timestampBeforeMaxMs: 0,
  timestampAfterMaxMs: 0,
  compression: undefined,
  minInsyncReplicas: 1,
}

/** Why these texts cannot be a topic's configurations; undefined if they can. */
export function topicConfigProblem(configs: Readonly<Record<string, string>>): string | undefined {
  for (const [name, text] of Object.entries(configs)) {
    if (!Object.hasOwn(definitions, name)) return `the configuration '${name}' is not known`
    if (definitions[name]!.read(text) === undefined) return `the configuration ${name} may not be '${text}'`
  }
  return undefined
}

/** What texts without a problem mean, over the defaults. @param durable whether an append is synced before it is acknowledged */
export function topicConfig(configs: Readonly<Record<string, string>>, durable: boolean): TopicConfig {
  let config = inLog(base, { durable })
  for (const [name, { default: fallback, read }] of Object.entries(definitions)) {
    const text = Object.hasOwn(configs, name) ? configs[name]! : fallback
    config = (read(text) ?? read(fallback)!)(config)
  }
  return config
}

export interface DescribedConfig {
  readonly name: string
  readonly value: string
  readonly isDefault: boolean
}

/** Every configuration of a topic, by name. */
export function describeTopicConfig(configs: Readonly<Record<string, string>>): DescribedConfig[] {
  return Object.entries(definitions).map(([name, { default: fallback }]) => {
    const isDefault = !Object.hasOwn(configs, name)
    return { name, value: isDefault ? fallback : configs[name]!, isDefault }
  })
}
