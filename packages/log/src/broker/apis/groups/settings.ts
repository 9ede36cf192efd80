/** What a broker's configuration says of its groups, at this moment. */
import type { ConsumerGroupConfig } from '../../../coordinators/groups/consumer/decision.ts'
import type { GroupSettings } from '../../../coordinators/groups/group-machine.ts'
import { groupConfig, type BrokerConfig, type ConfigTexts } from '../../config/index.ts'

const MINUTE_MS = 60_000

export function groupSettings(config: BrokerConfig): GroupSettings {
  return {
    initialRebalanceDelayMs: config.get('group.initial.rebalance.delay.ms'),
    minSessionTimeoutMs: config.get('group.min.session.timeout.ms'),
    maxSessionTimeoutMs: config.get('group.max.session.timeout.ms'),
    maxSize: config.get('group.max.size'),
    metadataMaxBytes: config.get('offset.metadata.max.bytes'),
    retentionMs: config.get('offsets.retention.minutes') * MINUTE_MS,
    retentionCheckIntervalMs: config.get('offsets.retention.check.interval.ms'),
  }
}

/** @param texts what is set for the group itself */
export function consumerGroupConfig(config: BrokerConfig, texts: ConfigTexts): ConsumerGroupConfig {
  return {
    ...groupConfig(texts, config),
    maxSize: config.get('group.consumer.max.size'),
    assignors: config.get('group.consumer.assignors'),
    regexRefreshIntervalMs: config.get('group.consumer.regex.refresh.interval.ms'),
  }
}
