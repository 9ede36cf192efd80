/**
 * The groups of a broker: their coordinator, and the topic `__consumer_offsets` it keeps them in, made when the first group is asked for.
 *
 * 1. Every partition of the topic is loaded at the start, and as soon as the topic is made.
 * 2. Offsets of a topic that is deleted are forgotten: also where a stop came before that, or the partition that keeps them is being loaded.
 */
import type { Cancel, Clock, Logger, Random } from '@millrace/core'
import { InternalTopic, type CoordinatorNotice } from '../../../coordinators/framework/index.ts'
import { classicMembersOfConsumerGroups } from '../../../coordinators/groups/consumer/classic-members-operations.ts'
import { migrationPolicy, type ConsumerGroupEnvironment } from '../../../coordinators/groups/consumer/environment.ts'
import { timersAfterLoad } from '../../../coordinators/groups/consumer/membership.ts'
import { RegexTopics } from '../../../coordinators/groups/consumer/regex-topics.ts'
import { ClassicRequests } from '../../../coordinators/groups/classic-requests.ts'
import { GroupCoordinator } from '../../../coordinators/groups/group-coordinator.ts'
import { groupMachine } from '../../../coordinators/groups/group-machine.ts'
import type { BrokerConfig, ConfigTexts } from '../../config/index.ts'
import { isToldByDirectory } from '../../error-code-of.ts'
import { OFFSETS_TOPIC } from '../../topics/internal-topics.ts'
import type { Topics } from '../../topics/topics.ts'
import { groupTopicsOf } from './group-topics.ts'
import { consumerGroupConfig, groupSettings } from './settings.ts'

export interface GroupsOptions {
  readonly topics: Topics
  /** Topics whose deletion a stop has interrupted. */
  readonly resumedDeletions: readonly string[]
  /** Makes `__consumer_offsets`, if it is missing. */
  readonly ensureTopic: () => Promise<unknown>
  readonly config: BrokerConfig
  /** What is set for a group at run time. */
  readonly groupConfigs: (groupId: string) => ConfigTexts
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** How long a request waits for a partition that is being loaded, before its client is told to come again. */
const LOAD_WAIT_MS = 1000
/** `max.message.bytes`, where there is no topic yet. */
const BATCH_BYTES_MAX = 1_048_588

export class Groups {
  readonly coordinator: GroupCoordinator
  readonly requests: ClassicRequests
  readonly environment: ConsumerGroupEnvironment
  readonly #topic: InternalTopic
  readonly #clock: Clock
  readonly #stopListening: Cancel

  /** Begins to load what there is. */
  constructor({ topics, resumedDeletions, ensureTopic, config, groupConfigs, clock, random, logger }: GroupsOptions) {
    this.#clock = clock
    const settings = (): ReturnType<typeof groupSettings> => groupSettings(config)
    const environment = environmentOf({ topics, config, groupConfigs, clock })
    this.environment = environment
    const machine = groupMachine(settings, (group) => ({ timers: timersAfterLoad(group, environment) }))
    const find = (): ReturnType<Topics['named']> => topics.named(OFFSETS_TOPIC)
    this.coordinator = new GroupCoordinator({
      machine,
      settings,
      partitionCount: () => find()?.partitions.length ?? config.get('offsets.topic.num.partitions'),
      clock,
      random,
      onNotice: (notice, partition) => tell(logger, notice, partition),
    })
    this.requests = new ClassicRequests(settings, classicMembersOfConsumerGroups(environment))
    this.#topic = new InternalTopic({
      find,
      create: ensureTopic,
      batchBytesMax: () => find()?.config.batchBytesMax ?? BATCH_BYTES_MAX,
      load: (partition, log) => this.coordinator.load(partition, log),
    })
    this.#topic.load()
    for (const topic of resumedDeletions) void this.coordinator.onTopicDeleted(topic)
    this.#stopListening = topics.onChange(({ name }, change) => this.#onTopic(name, change === 'removed'))
  }

  /** Makes the topic if it is missing, and waits a little while the group's partition is being loaded. Whether there is a topic. */
  async ready(groupId: string): Promise<boolean> {
    if (!(await this.#topic.ensure())) return false
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#clock.after(LOAD_WAIT_MS, resolve)
    await Promise.race([this.coordinator.loadSettled(groupId), promise])
    cancel()
    return true
  }

  /** Whoever waits is told to look for the coordinator again. */
  close(): void {
    this.#stopListening()
    this.environment.regexes.close()
    this.coordinator.close()
  }

  #onTopic(name: string, isRemoved: boolean): void {
    if (name !== OFFSETS_TOPIC) {
      if (isRemoved) void this.coordinator.onTopicDeleted(name)
    } else if (isRemoved) for (const partition of this.coordinator.partitions) this.coordinator.unload(partition)
    else this.#topic.load()
  }
}

function environmentOf({
  topics,
  config,
  groupConfigs,
  clock,
}: Pick<GroupsOptions, 'topics' | 'config' | 'groupConfigs' | 'clock'>): ConsumerGroupEnvironment {
  const known = groupTopicsOf(topics)
  return {
    topics: known,
    regexes: new RegexTopics(known, clock),
    migration: () => migrationPolicy(config.get('group.consumer.migration.policy')),
    configOf: (groupId) => consumerGroupConfig(config, groupConfigs(groupId)),
    classicSettings: () => groupSettings(config),
  }
}

function tell(logger: Logger, { kind, error }: CoordinatorNotice, partition: number): void {
  if (isToldByDirectory(error)) return
  logger[kind === 'fault' ? 'error' : 'warn'](`groups: ${kind}`, { partition, problem: String(error) })
}
