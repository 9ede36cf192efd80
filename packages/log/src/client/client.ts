import { Admin } from './admin/admin.ts'
import { Fetcher } from './fetcher/fetcher.ts'
import { fetcherSettings, type FetcherOptions } from './fetcher/fetcher-options.ts'
import { securityNetwork } from './connection/security-network.ts'
import { Cluster } from './metadata/cluster.ts'
import { Coordinators } from './metadata/coordinators.ts'
import type { TopicView } from './metadata/cluster-view.ts'
import { clientSettings, type ClientOptions } from './options.ts'
import { Producer } from './producer/producer.ts'
import { producerOptionNames, producerSettings, type ProducerOptions } from './producer/producer-options.ts'
import { TransactionCalls } from './transactions/transaction-calls.ts'
import { TransactionalProducer, type TransactionalOptions } from './transactions/transactional-producer.ts'
import { Transactions } from './transactions/transactions.ts'
import { GroupConsumer } from './groups/group-consumer.ts'
import { groupSettings, type GroupOptions } from './groups/group-options.ts'
import { Membership } from './groups/membership.ts'
import { checkOptionNames, type OptionNames } from './option-checks.ts'

/** `acks` and `idempotent` are no choice here; given as they are anyway they do no harm. */
const transactionalOptionNames: OptionNames<ProducerOptions & TransactionalOptions> = {
  ...producerOptionNames,
  transactionalId: true,
  transactionTimeoutMs: true,
}

/**
 * A client of any cluster that speaks Kafka's protocol, Apache Kafka (0.11 and newer) or this package's broker.
 *
 * Nothing is connected before something is asked. Producers, fetchers and consumers share what is known of the cluster, not their connections.
 */
export class LogClient {
  readonly admin: Admin
  /** Transactions of any producer: ended by handle, found, fenced. */
  readonly transactions: Transactions
  readonly #cluster: Cluster
  readonly #coordinators: Coordinators
  readonly #calls: TransactionCalls
  #fetchers = 0
  #members = 0

  /** @throws `CLIENT_OPTION` */
  constructor(options: ClientOptions) {
    const settings = clientSettings(options)
    this.#cluster = new Cluster({ ...settings, network: securityNetwork(settings.security, settings.network) })
    this.#coordinators = new Coordinators(this.#cluster)
    this.#calls = new TransactionCalls(this.#cluster, this.#coordinators)
    this.admin = new Admin(this.#cluster, this.#coordinators)
    this.transactions = new Transactions(this.#calls, this.#coordinators)
  }

  /** The cluster's id, from any broker. @throws `CLIENT_NO_BROKER` */
  clusterId(): Promise<string> {
    return this.#cluster.clusterId()
  }

  /** A topic and its partitions; with `autoCreate` a cluster that makes topics on demand makes it. @throws `CLIENT_TOPIC_UNKNOWN` after `waitMs`, `apiTimeoutMs` by default */
  topic(name: string, options: { readonly waitMs?: number; readonly autoCreate?: boolean } = {}): Promise<TopicView> {
    return this.#cluster.topic(name, options)
  }

  /** @throws `CLIENT_OPTION` */
  producer(options: ProducerOptions = {}): Producer {
    checkOptionNames('a producer', options, producerOptionNames)
    return new Producer(this.#cluster, producerSettings(options, this.#cluster.settings.requestTimeoutMs))
  }

  /** A producer for transactions, always idempotent. Call `init` first. @throws `CLIENT_OPTION` */
  transactionalProducer(options: Omit<ProducerOptions, 'acks' | 'idempotent'> & TransactionalOptions): TransactionalProducer {
    checkOptionNames('a transactional producer', options, transactionalOptionNames)
    const settings = producerSettings({ ...options, acks: -1, idempotent: true }, this.#cluster.settings.requestTimeoutMs)
    return new TransactionalProducer(this.#cluster, this.#calls, settings, options)
  }

  /** Reads partitions that are assigned to it by hand, without a group. @throws `CLIENT_OPTION` */
  fetcher(options: FetcherOptions = {}): Fetcher {
    return new Fetcher(this.#cluster, fetcherSettings(options), `fetch ${this.#fetchers++}`)
  }

  /** A member of a consumer group. @throws `CLIENT_OPTION` */
  groupConsumer(options: GroupOptions): GroupConsumer {
    const settings = groupSettings(options)
    const membership = new Membership(this.#cluster, this.#coordinators, settings, `member ${this.#members++}`)
    return new GroupConsumer(this.#cluster, membership, this.admin.groups, this.fetcher(settings.fetcher), settings)
  }

  /** Ends all connections at once, and with them all that was made from it: flush producers before. What still waits fails with `CLIENT_CLOSED`; a `poll` that waits answers that nothing came. */
  close(): void {
    this.#cluster.close()
  }
}
