/** What consumer groups are given by their broker. */
import type { Facts } from '../../framework/index.ts'
import type { ClassicGroupSettings } from '../classic/settings.ts'
import type { ConsumerGroupConfig, ConsumerGroupFacts } from './decision.ts'
import type { RegexTopics } from './regex-topics.ts'
import type { GroupTopics } from './topics.ts'

/** Whether a group changes its protocol with its members' (`group.consumer.migration.policy`). */
export interface MigrationPolicy {
  /** A classic group of consumers becomes a consumer group when the first member of the consumer protocol joins. */
  readonly upgrades: boolean
  /** A consumer group becomes a classic one when its last member of the consumer protocol leaves. */
  readonly downgrades: boolean
}

const POLICIES: ReadonlyMap<string, MigrationPolicy> = new Map([
  ['bidirectional', { upgrades: true, downgrades: true }],
  ['upgrade', { upgrades: true, downgrades: false }],
  ['downgrade', { upgrades: false, downgrades: true }],
  ['disabled', { upgrades: false, downgrades: false }],
])

/** The policy of that name, in any case; an unknown one disables, as in Kafka. */
export function migrationPolicy(name: string): MigrationPolicy {
  return POLICIES.get(name.toLowerCase()) ?? POLICIES.get('disabled')!
}

/** Asked anew for each decision: settings may change while the broker runs. */
export interface ConsumerGroupEnvironment {
  readonly topics: GroupTopics
  readonly regexes: RegexTopics
  readonly migration: () => MigrationPolicy
  readonly configOf: (groupId: string) => ConsumerGroupConfig
  readonly classicSettings: () => ClassicGroupSettings
}

export function factsFor({ topics, regexes, configOf }: ConsumerGroupEnvironment, groupId: string, { nowMs }: Facts): ConsumerGroupFacts {
  return { nowMs, topics, regexes, config: configOf(groupId) }
}

/** As Kafka's: 16 random bytes as base64url, never beginning with a dash. */
export function newMemberId({ random }: Facts): string {
  for (;;) {
    const id = Buffer.from(random.bytes(16)).toString('base64url')
    if (!id.startsWith('-')) return id
  }
}
