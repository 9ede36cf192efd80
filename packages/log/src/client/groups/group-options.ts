import { inspect } from 'node:util'
import { fetcherSettings, type FetcherOptions, type FetcherSettings } from '../fetcher/fetcher-options.ts'
import { clientError } from '../errors.ts'
import { checkName, checkOneOf, checkOptionNames, checkWholeNumber, INT32_MAX, type OptionNames } from '../option-checks.ts'
import { assignors as knownAssignors, type AssignorName } from './assignors.ts'
import type { OwnedPartition } from './consumer-protocol.ts'

/** A member of a consumer group. Names in quotes are Kafka's. */
export interface GroupOptions {
  /** `group.id`. */
  readonly groupId: string
  /** Topics by name, at least one; the group gives their partitions to the members that name them. */
  readonly topics: readonly string[]
  /** `group.instance.id`: keeps its partitions over a restart. */
  readonly instanceId?: string
  /** `partition.assignment.strategy`, the preferred first; range, then cooperative-sticky by default. Members keep what they have during rebalances where all are cooperative. */
  readonly assignors?: readonly AssignorName[]
  /** `session.timeout.ms`; 45,000 by default. */
  readonly sessionTimeoutMs?: number
  /** `heartbeat.interval.ms`; 3,000 by default. */
  readonly heartbeatIntervalMs?: number
  /** How long a rebalance waits for this member, `max.poll.interval.ms`; 300,000 by default. */
  readonly rebalanceTimeoutMs?: number
  /** `enable.auto.commit`: whether `poll` commits what the polls before gave; true by default. */
  readonly autoCommit?: boolean
  /** `auto.commit.interval.ms`; 5,000 by default. */
  readonly autoCommitIntervalMs?: number
  /** Where to begin without a committed offset; 'latest' by default, as in Kafka. */
  readonly offsetReset?: 'earliest' | 'latest' | 'none'
  /** How much is fetched, and how long is waited for it. */
  readonly fetcher?: Omit<FetcherOptions, 'offsetReset'>
  /** Called with what the member got. Nothing of it is given before this is done, so that `seek` may say where to begin. */
  readonly onAssigned?: (partitions: readonly OwnedPartition[]) => void | Promise<void>
  /** Called with what the member loses, before it does. The member stays in its group meanwhile, for as long as a rebalance waits. */
  readonly onRevoked?: (partitions: readonly OwnedPartition[]) => void | Promise<void>
}

export interface GroupSettings extends Required<Omit<GroupOptions, 'instanceId' | 'fetcher' | 'onAssigned' | 'onRevoked'>> {
  readonly instanceId: string | null
  readonly fetcher: FetcherSettings
  readonly onAssigned: (partitions: readonly OwnedPartition[]) => void | Promise<void>
  readonly onRevoked: (partitions: readonly OwnedPartition[]) => void | Promise<void>
}

const optionNames: OptionNames<GroupOptions> = {
  groupId: true,
  topics: true,
  instanceId: true,
  assignors: true,
  sessionTimeoutMs: true,
  heartbeatIntervalMs: true,
  rebalanceTimeoutMs: true,
  autoCommit: true,
  autoCommitIntervalMs: true,
  offsetReset: true,
  fetcher: true,
  onAssigned: true,
  onRevoked: true,
}

/** @throws `CLIENT_OPTION` */
export function groupSettings(options: GroupOptions): GroupSettings {
  checkOptionNames('a member of a consumer group', options, optionNames)
  checkTopics(options.topics)
  checkName('groupId', options.groupId)
  if (options.instanceId !== undefined) checkName('instanceId', options.instanceId)
  const offsetReset = options.offsetReset ?? 'latest'
  const settings: GroupSettings = {
    groupId: options.groupId,
    topics: [...new Set(options.topics)].toSorted(),
    instanceId: options.instanceId ?? null,
    assignors: options.assignors ?? ['range', 'cooperative-sticky'],
    sessionTimeoutMs: options.sessionTimeoutMs ?? 45_000,
    heartbeatIntervalMs: options.heartbeatIntervalMs ?? 3_000,
    rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? 300_000,
    autoCommit: options.autoCommit ?? true,
    autoCommitIntervalMs: options.autoCommitIntervalMs ?? 5_000,
    offsetReset,
    fetcher: fetcherSettings({ ...options.fetcher, offsetReset }),
    onAssigned: options.onAssigned ?? (() => undefined),
    onRevoked: options.onRevoked ?? (() => undefined),
  }
  const names = Object.keys(knownAssignors)
  if (settings.assignors.length === 0)
    throw clientError('CLIENT_OPTION', { option: 'assignors', expected: `be some of ${names.join(', ')}`, value: 'none' })
  for (const name of settings.assignors) checkOneOf<string>('assignors', name, names)
  for (const option of ['sessionTimeoutMs', 'heartbeatIntervalMs', 'rebalanceTimeoutMs'] as const)
    checkWholeNumber(option, settings[option], 1, INT32_MAX)
  checkWholeNumber('autoCommitIntervalMs', settings.autoCommitIntervalMs, 0, INT32_MAX)
  checkOneOf('autoCommit', settings.autoCommit, [true, false])
  return settings
}

/** A name alone would be as many topics as it has letters. */
function checkTopics(topics: unknown): void {
  if (!Array.isArray(topics) || topics.length === 0)
    throw clientError('CLIENT_OPTION', {
      option: 'topics',
      expected: 'be a list that names at least one',
      value: inspect(topics, { depth: 0 }),
    })
  for (const topic of topics) checkName('topics', topic)
}
