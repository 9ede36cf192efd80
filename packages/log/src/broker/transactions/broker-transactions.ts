/**
 * A broker's part in transactions: coordinator of the transactional ids whose partitions it leads, and guard of its own partitions.
 *
 * 1. Every partition of `__transaction_state` that is led here is loaded, at the start and as soon as the topic is made.
 * 2. Markers go the way of a request also where they stay in the house.
 */
import type { Cancel, Clock, Logger, Random } from '@millrace/core'
import { InternalTopic, type CoordinatorNotice, type MarkerToWrite } from '../../coordinators/framework/index.ts'
import { TransactionCoordinator, TransactionalWrites, type TransactionSettings } from '../../coordinators/transactions/index.ts'
import type { ProducerIds } from '../../controller/index.ts'
import type { BrokerConfig } from '../config/index.ts'
import { errorCodeOf, isToldByDirectory } from '../error-code-of.ts'
import { TRANSACTIONS_TOPIC } from '../topics/internal-topics.ts'
import type { Topics } from '../topics/topics.ts'
import { PartitionMarkers } from './partition-markers.ts'

export interface BrokerTransactionsOptions {
  readonly nodeId: number
  readonly config: BrokerConfig
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly topics: Topics
  /** Makes `__transaction_state`, if it is missing. */
  readonly ensureTopic: () => Promise<unknown>
  readonly producerIds: ProducerIds
  /** Ends a transaction in a partition of the groups' offsets. */
  readonly writeOffsetsMarker: (partition: number, marker: MarkerToWrite) => Promise<void>
}

/** How long a request waits for a partition that is being loaded, before its client is told to come again. */
const LOAD_WAIT_MS = 1000
/** `max.message.bytes`, where there is no topic yet. */
const BATCH_BYTES_MAX = 1_048_588

export class BrokerTransactions {
  readonly #clock: Clock
  readonly #topic: InternalTopic
  readonly #stopListening: Cancel
  readonly coordinator: TransactionCoordinator
  readonly writes: TransactionalWrites
  readonly markers: PartitionMarkers

  /** Begins to load what there is. */
  constructor(options: BrokerTransactionsOptions) {
    const { clock, topics, ensureTopic } = options
    this.#clock = clock
    this.markers = new PartitionMarkers(options)
    this.coordinator = coordinatorOf(options, this.markers)
    this.writes = new TransactionalWrites(this.coordinator, errorCodeOf)
    const find = (): ReturnType<Topics['named']> => topics.named(TRANSACTIONS_TOPIC)
    this.#topic = new InternalTopic({
      find,
      create: ensureTopic,
      batchBytesMax: () => find()?.config.batchBytesMax ?? BATCH_BYTES_MAX,
      load: (partition, log) => this.coordinator.load(partition, log),
    })
    this.#topic.load()
    this.#stopListening = topics.onChange(({ name, partitions }, change) => {
      if (name !== TRANSACTIONS_TOPIC) return
      if (change === 'removed') for (const { index } of partitions) this.coordinator.unload(index)
      else this.#topic.load()
    })
  }

  /** Makes the topic if it is missing, and waits a little while the id's partition is being loaded. Whether there is a topic. */
  async ready(transactionalId: string): Promise<boolean> {
    if (!(await this.#topic.ensure())) return false
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#clock.after(LOAD_WAIT_MS, resolve)
    await Promise.race([this.coordinator.loadSettled(this.coordinator.partitionFor(transactionalId)), promise])
    cancel()
    return true
  }

  close(): void {
    this.#stopListening()
    this.coordinator.close()
  }
}

function coordinatorOf(options: BrokerTransactionsOptions, markers: PartitionMarkers): TransactionCoordinator {
  const { clock, random, logger, config, topics, producerIds, nodeId } = options
  return new TransactionCoordinator({
    clock,
    random,
    settings: () => settingsOf(config),
    partitionCount: () => topics.named(TRANSACTIONS_TOPIC)?.partitions.length ?? config.get('transaction.state.log.num.partitions'),
    takeProducerId: () => producerIds.take(),
    markers: {
      leaderOf: (topic, partition) => (topics.named(topic)?.partitions[partition] === undefined ? undefined : nodeId),
      send: (_, request) => markers.write(request),
    },
    onNotice: (notice, partition) => tell(logger, notice, partition),
  })
}

function settingsOf(config: BrokerConfig): TransactionSettings {
  return {
    timeoutMaxMs: config.get('transaction.max.timeout.ms'),
    idExpirationMs: config.get('transactional.id.expiration.ms'),
    abortIntervalMs: config.get('transaction.abort.timed.out.transaction.cleanup.interval.ms'),
    expireIntervalMs: config.get('transaction.remove.expired.transaction.cleanup.interval.ms'),
    patienceMs: config.get('add.partitions.to.txn.retry.backoff.max.ms'),
  }
}

function tell(logger: Logger, { kind, error }: CoordinatorNotice, partition: number): void {
  if (isToldByDirectory(error)) return
  logger[kind === 'fault' ? 'error' : 'warn'](`transactions: ${kind}`, { partition, problem: String(error) })
}
