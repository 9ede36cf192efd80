import type { MillraceError } from '@millrace/core'
import { ERROR_CODE, errorCode } from '../../protocol/index.ts'
import { clientError, refusal } from '../errors.ts'
import type { ProducerIdentity } from '../producer/pending-batch.ts'
import type { Coordinators } from '../metadata/coordinators.ts'
import type { TransactionHandle } from './handle.ts'
import type { TransactionCalls } from './transaction-calls.ts'

/** A transactional id that a coordinator knows. */
export interface ListedTransaction {
  readonly transactionalId: string
  readonly producerId: number
  /** Kafka's name: 'Ongoing', 'PrepareCommit', 'CompleteAbort', 'Empty', … */
  readonly state: string
}

/** The same with its open transaction, if there is one; `timeoutMs` is its `transaction.timeout.ms`. */
export interface DescribedTransaction extends ListedTransaction {
  readonly producerEpoch: number
  readonly timeoutMs: number
  /** When it began, milliseconds since 1970; -1 between transactions. */
  readonly startTimeMs: number
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

/** Transactions of any producer: ending them by handle, finding them, fencing. */
export class Transactions {
  readonly #calls: TransactionCalls
  readonly #coordinators: Coordinators

  constructor(calls: TransactionCalls, coordinators: Coordinators) {
    this.#calls = calls
    this.#coordinators = coordinators
  }

  /**
   * Commits a prepared transaction. Doing so again succeeds, until its transactional id is used for another one.
   * @throws `CLIENT_FENCED`, `CLIENT_TRANSACTION_ENDED`: it is not there to be committed (any more): whether it was is not known from this;
   * `CLIENT_CLUSTER_OTHER`; `CLIENT_*` with `retry` for what may be mended
   */
  async commit(handle: TransactionHandle): Promise<void> {
    await this.#end(handle, true)
  }

  /** Aborts a prepared or open transaction. Errors as of `commit`. */
  async abort(handle: TransactionHandle): Promise<void> {
    await this.#end(handle, false)
  }

  /** Takes a transactional id over: fences its producer, aborts its open transaction. */
  async fence(transactionalId: string, options: { readonly transactionTimeoutMs?: number } = {}): Promise<ProducerIdentity> {
    return await this.#calls.initProducerId(transactionalId, options.transactionTimeoutMs ?? 60_000)
  }

  /** The version of transactions that the cluster has switched on: 2 with KIP-890. */
  async version(transactionalId: string): Promise<1 | 2> {
    return await this.#calls.transactionVersion(transactionalId)
  }

  /** All transactional ids that the coordinators know and the filter lets through. Brokers before 3.0 cannot be asked. @throws `CLIENT_UNSUPPORTED`, `CLIENT_*` */
  async list(filter: { readonly prefix?: string; readonly states?: readonly string[] } = {}): Promise<readonly ListedTransaction[]> {
    const listed = await this.#calls.cluster.patiently(() => this.#listEverywhere(filter))
    const { prefix = '' } = filter
    return listed.filter(({ transactionalId }) => transactionalId.startsWith(prefix))
  }

  /** Asks all brokers that there are. Where one could not be asked all must be asked again: what it coordinated is another's when it is gone, who may have answered before. */
  async #listEverywhere(filter: { readonly prefix?: string; readonly states?: readonly string[] }): Promise<ListedTransaction[]> {
    const { cluster } = this.#calls
    const nodeIds = await cluster.nodeIds()
    try {
      const lists = await Promise.all(nodeIds.map((nodeId) => this.#listAt(nodeId, filter)))
      return lists.flat()
    } catch (error) {
      if ((error as MillraceError).retry) await cluster.refresh([]).catch(() => undefined)
      throw error
    }
  }

  async #listAt(
    nodeId: number,
    { prefix, states = [] }: { readonly prefix?: string; readonly states?: readonly string[] },
  ): Promise<ListedTransaction[]> {
    const { cluster } = this.#calls
    const link = cluster.link(nodeId)
    const version = (await link.connection()).versionOf('ListTransactions')
    const pattern = version >= 2 && prefix !== undefined && prefix !== '' ? { transactionalIdPattern: `${escaped(prefix)}.*` } : {}
    const response = await link.ask('ListTransactions', { stateFilters: states, producerIdFilters: [], ...pattern })
    const { errorCode: code, transactionStates } = response
    if (code !== ERROR_CODE.NONE) throw refusal({ api: 'ListTransactions', subject: 'transactions', broker: link.broker, errorCode: code })
    return transactionStates.map(({ transactionState, ...rest }) => ({ ...rest, state: transactionState }))
  }

  /** One transactional id, or undefined where its coordinator does not know it. @throws `CLIENT_UNSUPPORTED`, `CLIENT_*` */
  async describe(transactionalId: string): Promise<DescribedTransaction | undefined> {
    const { response, link } = await this.#coordinators.ask(
      'transaction',
      transactionalId,
      'DescribeTransactions',
      { transactionalIds: [transactionalId] },
      (answer) => answer.transactionStates[0]?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR,
    )
    const found = response.transactionStates[0]
    const code = found?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR
    if (code === ERROR_CODE.TRANSACTIONAL_ID_NOT_FOUND) return undefined
    if (found === undefined || code !== ERROR_CODE.NONE) {
      throw refusal({
        api: 'DescribeTransactions',
        subject: `transactional id ${transactionalId}`,
        broker: link.broker,
        errorCode: code,
        message: errorCode(code).name,
      })
    }
    return {
      transactionalId,
      producerId: found.producerId,
      producerEpoch: found.producerEpoch,
      state: found.transactionState,
      timeoutMs: found.transactionTimeoutMs,
      startTimeMs: found.transactionStartTimeMs,
      partitions: found.topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
    }
  }

  async #end(handle: TransactionHandle, isCommit: boolean): Promise<void> {
    const found = await this.#calls.cluster.clusterId()
    if (found !== handle.clusterId) throw clientError('CLIENT_CLUSTER_OTHER', { expected: handle.clusterId, found })
    await this.#calls.end(handle, isCommit)
  }
}

/** RE2's special characters, escaped. */
function escaped(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, '\\$&')
}
