/** All configurations of a topic, by Kafka's names, and the broker's that holds where a topic sets none. */
import type { BrokerConfigName } from './broker-configs.ts'

/** An entry without limits of its own: what it may be is said where the broker's is. */
export interface TopicConfigDefinition {
  readonly broker: BrokerConfigName
  readonly documentation: string
}

export const topicConfigs = {
  'cleanup.policy': { broker: 'log.cleanup.policy', documentation: 'Whether old segments are deleted, compacted by key, or both.' },
  'compression.gzip.level': { broker: 'compression.gzip.level', documentation: 'The level of gzip: 1 to 9, or -1 for its own default.' },
  'compression.zstd.level': { broker: 'compression.zstd.level', documentation: 'The level of zstd.' },
  'compression.type': { broker: 'compression.type', documentation: 'How batches are compressed; producer: as they come.' },
  'delete.retention.ms': {
    broker: 'log.cleaner.delete.retention.ms',
    documentation: 'How long tombstones and transaction markers stay once compacted.',
  },
  'file.delete.delay.ms': { broker: 'log.segment.delete.delay.ms', documentation: 'How long the files of a deleted segment stay.' },
  'flush.messages': { broker: 'log.flush.interval.messages', documentation: 'Records after which a partition is synced to the disk.' },
  'flush.ms': { broker: 'log.flush.interval.ms', documentation: 'How long a record may wait for a sync to the disk.' },
  'index.interval.bytes': { broker: 'log.index.interval.bytes', documentation: 'Bytes of records between entries of the offset index.' },
  'max.compaction.lag.ms': {
    broker: 'log.cleaner.max.compaction.lag.ms',
    documentation: 'How long a record stays uncompacted at most.',
  },
  'max.message.bytes': { broker: 'message.max.bytes', documentation: 'Bytes of a batch of records.' },
  'message.timestamp.after.max.ms': {
    broker: 'log.message.timestamp.after.max.ms',
    documentation: 'How far ahead of the broker time a record may be.',
  },
  'message.timestamp.before.max.ms': {
    broker: 'log.message.timestamp.before.max.ms',
    documentation: 'How far behind the broker time a record may be.',
  },
  'message.timestamp.type': {
    broker: 'log.message.timestamp.type',
    documentation: 'Whether records have the time of their making or of their arrival.',
  },
  'min.cleanable.dirty.ratio': {
    broker: 'log.cleaner.min.cleanable.ratio',
    documentation: 'The share of a log that must be uncompacted for it to be compacted.',
  },
  'min.compaction.lag.ms': {
    broker: 'log.cleaner.min.compaction.lag.ms',
    documentation: 'How long a record stays uncompacted at least.',
  },
  'min.insync.replicas': { broker: 'min.insync.replicas', documentation: 'Replicas that must be in sync for a write with acks=all.' },
  'retention.bytes': { broker: 'log.retention.bytes', documentation: 'Bytes of a partition above which its oldest segments go.' },
  'retention.ms': { broker: 'log.retention.ms', documentation: 'Age after which records may go; -1: never.' },
  'segment.bytes': { broker: 'log.segment.bytes', documentation: 'Bytes of a segment, after which the next is begun.' },
  'segment.index.bytes': {
    broker: 'log.index.size.max.bytes',
    documentation: 'Bytes of an offset index, after which the next segment is begun.',
  },
  'segment.jitter.ms': { broker: 'log.roll.jitter.ms', documentation: 'Segments may be begun so much earlier, at random.' },
  'segment.ms': { broker: 'log.roll.ms', documentation: 'Age of a segment after which the next is begun.' },
  'unclean.leader.election.enable': {
    broker: 'unclean.leader.election.enable',
    documentation: 'Whether a replica that is not in sync may lead; with one replica there is none.',
  },
} as const satisfies { readonly [name: string]: TopicConfigDefinition }

export type TopicConfigName = keyof typeof topicConfigs

export const topicConfigNames: readonly TopicConfigName[] = Object.keys(topicConfigs) as TopicConfigName[]

export function isTopicConfigName(name: string): name is TopicConfigName {
  return Object.hasOwn(topicConfigs, name)
}
