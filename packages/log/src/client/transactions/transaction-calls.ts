/** What is asked of transaction coordinators, with its answers told apart. Each call is repeated while the coordinator moves, loads, or ends a transaction before. */
import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, errorCode } from '../../protocol/index.ts'
import type { BrokerVersions } from '../connection/api-versions.ts'
import { clientError, refusal } from '../errors.ts'
import { topicsToCommit, type OffsetToCommit } from '../groups/offsets-to-commit.ts'
import type { Cluster } from '../metadata/cluster.ts'
import type { Coordinators } from '../metadata/coordinators.ts'
import type { ProducerIdentity } from '../producer/pending-batch.ts'
import type { TransactionHandle } from './handle.ts'

const FENCED: ReadonlySet<number> = new Set([ERROR_CODE.PRODUCER_FENCED, ERROR_CODE.INVALID_PRODUCER_EPOCH])
const ENDED: ReadonlySet<number> = new Set([
  ERROR_CODE.INVALID_TXN_STATE,
  ERROR_CODE.INVALID_PRODUCER_ID_MAPPING,
  ERROR_CODE.TRANSACTIONAL_ID_NOT_FOUND,
])

/** Who asks, for errors. */
export interface Asker extends ProducerIdentity {
  readonly transactionalId: string
}

export class TransactionCalls {
  readonly #cluster: Cluster
  readonly #coordinators: Coordinators

  constructor(cluster: Cluster, coordinators: Coordinators) {
    this.#cluster = cluster
    this.#coordinators = coordinators
  }

  /** The version of transactions that the cluster has switched on, as far as this client can go with it. */
  async transactionVersion(transactionalId: string): Promise<1 | 2> {
    const versions = await this.#versions(transactionalId)
    const has = (api: 'EndTxn' | 'Produce' | 'TxnOffsetCommit', version: number): boolean => (versions.common(api) ?? -1) >= version
    return versions.feature('transaction.version') >= 2 && has('EndTxn', 5) && has('Produce', 12) && has('TxnOffsetCommit', 5) ? 2 : 1
  }

  #versions(transactionalId: string): Promise<BrokerVersions> {
    return this.#cluster.patiently(
      async () => (await (await this.#coordinators.link('transaction', transactionalId)).connection()).versions,
    )
  }

  /**
   * Takes the transactional id over: whoever had it is fenced, a transaction that was open is aborted. With `current`, takes the next epoch only if nobody else did.
   * @throws `CLIENT_FENCED`, `CLIENT_REFUSED`, `CLIENT_*`
   */
  async initProducerId(transactionalId: string, transactionTimeoutMs: number, current?: ProducerIdentity): Promise<ProducerIdentity> {
    const knowsCurrent = ((await this.#versions(transactionalId)).common('InitProducerId') ?? 0) >= 3
    const { response, link: asked } = await this.#coordinators.ask(
      'transaction',
      transactionalId,
      'InitProducerId',
      { transactionalId, transactionTimeoutMs, ...(knowsCurrent && current !== undefined ? current : {}) },
      (answer) => answer.errorCode,
      { retry: isConcurrent },
    )
    const { errorCode: code, producerId, producerEpoch } = response
    if (code !== ERROR_CODE.NONE)
      throw this.#problem('InitProducerId', code, { transactionalId, producerId: -1, producerEpoch: -1, ...current }, asked.broker)
    return { producerId, producerEpoch }
  }

  /**
   * Commits or aborts. Doing so again with the same outcome succeeds. Answers who the producer is from then on, where the broker says so.
   * @throws `CLIENT_FENCED` and `CLIENT_TRANSACTION_ENDED` where the transaction is not there to be ended, `CLIENT_*`
   */
  async end(handle: TransactionHandle, isCommit: boolean): Promise<ProducerIdentity | undefined> {
    const { transactionalId, producerId, producerEpoch, transactionVersion } = handle
    const { response, link } = await this.#coordinators.ask(
      'transaction',
      transactionalId,
      'EndTxn',
      { transactionalId, producerId, producerEpoch, committed: isCommit },
      (answer) => answer.errorCode,
      { retry: isRetriable, ...(transactionVersion === 2 ? {} : { maxVersion: 4 }) },
    )
    if (response.errorCode !== ERROR_CODE.NONE) throw this.#problem('EndTxn', response.errorCode, handle, link.broker)
    return response.producerId >= 0 ? { producerId: response.producerId, producerEpoch: response.producerEpoch } : undefined
  }

  /** Adds partitions, as transaction version 1 needs before they are written to. */
  async addPartitions(asker: Asker, partitions: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, list]) => ({
      name,
      partitions: list.map(({ partition }) => partition),
    }))
    const { response, link } = await this.#coordinators.ask(
      'transaction',
      asker.transactionalId,
      'AddPartitionsToTxn',
      {
        v3AndBelowTransactionalId: asker.transactionalId,
        v3AndBelowProducerId: asker.producerId,
        v3AndBelowProducerEpoch: asker.producerEpoch,
        v3AndBelowTopics: topics,
      },
      ({ resultsByTopicV3AndBelow }) =>
        worstCode(resultsByTopicV3AndBelow.flatMap((topic) => topic.resultsByPartition.map((one) => one.partitionErrorCode))),
      { retry: isRetriable, maxVersion: 3 },
    )
    for (const { name, resultsByPartition } of response.resultsByTopicV3AndBelow) {
      for (const { partitionIndex, partitionErrorCode } of resultsByPartition) {
        if (partitionErrorCode !== ERROR_CODE.NONE && partitionErrorCode !== ERROR_CODE.OPERATION_NOT_ATTEMPTED) {
          throw this.#problem('AddPartitionsToTxn', partitionErrorCode, asker, link.broker, { topic: name, partition: partitionIndex })
        }
      }
    }
  }

  /** Adds a group's offsets, as transaction version 1 needs before they are committed. @param isOver whether nobody wants them any more */
  async addOffsets(asker: Asker, groupId: string, isOver: () => boolean): Promise<void> {
    const { response, link } = await this.#coordinators.ask(
      'transaction',
      asker.transactionalId,
      'AddOffsetsToTxn',
      { ...asker, groupId },
      (answer) => answer.errorCode,
      { retry: isRetriable, isOver },
    )
    if (response.errorCode !== ERROR_CODE.NONE) throw this.#problem('AddOffsetsToTxn', response.errorCode, asker, link.broker)
  }

  /** @param isOver whether nobody wants them committed any more */
  async commitOffsets(
    asker: Asker,
    transactionVersion: 1 | 2,
    { group, offsets }: TransactionOffsets,
    isOver: () => boolean,
  ): Promise<void> {
    const { groupId } = group
    const topics = topicsToCommit(offsets)
    const member =
      group.memberId === undefined
        ? {}
        : { generationId: group.generationId ?? -1, memberId: group.memberId, groupInstanceId: group.instanceId ?? null }
    const { response, link } = await this.#coordinators.ask(
      'group',
      groupId,
      'TxnOffsetCommit',
      { ...asker, groupId, ...member, topics },
      (answer) => worstCode(answer.topics.flatMap(({ partitions }) => partitions.map((one) => one.errorCode))),
      { retry: isRetriable, isOver, ...(transactionVersion === 2 ? {} : { maxVersion: 4 }) },
    )
    for (const { name, partitions } of response.topics) {
      for (const { partitionIndex, errorCode: code } of partitions) {
        if (code !== ERROR_CODE.NONE)
          throw this.#problem('TxnOffsetCommit', code, asker, link.broker, { topic: name, partition: partitionIndex, group: groupId })
      }
    }
  }

  #problem(
    api: string,
    code: number,
    asker: Asker,
    broker: string,
    details: { readonly [name: string]: string | number } = {},
  ): MillraceError {
    const { name } = errorCode(code)
    const { transactionalId, producerId, producerEpoch } = asker
    const facts = { ...details, transactionalId, producerId, producerEpoch, broker, error: name }
    if (FENCED.has(code)) return clientError('CLIENT_FENCED', facts)
    if (ENDED.has(code)) return clientError('CLIENT_TRANSACTION_ENDED', facts)
    return refusal({ api, subject: `transactional id ${transactionalId}`, broker, errorCode: code, details: facts })
  }

  get cluster(): Cluster {
    return this.#cluster
  }
}

/** Offsets of a group, to be committed with a transaction. */
export interface TransactionOffsets {
  readonly group: {
    readonly groupId: string
    readonly memberId?: string
    readonly generationId?: number
    readonly instanceId?: string | null
  }
  readonly offsets: readonly OffsetToCommit[]
}

function isConcurrent(code: number): boolean {
  return code === ERROR_CODE.CONCURRENT_TRANSACTIONS || code === ERROR_CODE.REQUEST_TIMED_OUT
}

function isRetriable(code: number): boolean {
  return errorCode(code).retriable
}

/** What decides about several answers: one that is final before one that is worth a retry. */
function worstCode(codes: readonly number[]): number {
  const problems = codes.filter((code) => code !== ERROR_CODE.NONE)
  return (
    problems.find((code) => !errorCode(code).retriable && code !== ERROR_CODE.OPERATION_NOT_ATTEMPTED) ??
    problems.find((code) => errorCode(code).retriable) ??
    problems[0] ??
    ERROR_CODE.NONE
  )
}
