/** The transaction coordinator of a fake cluster: who may write under which epoch, and what becomes of it. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../protocol/index.ts'
import type { FakePartition } from './fake-partition.ts'

interface FakeTransaction {
  producerId: number
  epoch: number
  state: 'Empty' | 'Ongoing' | 'CompleteCommit' | 'CompleteAbort'
  readonly partitions: Set<FakePartition>
}

export class FakeTransactions {
  readonly #version: 1 | 2
  readonly #partitions: readonly FakePartition[]
  /** Whether what is asked next fails. */
  readonly #fails: () => boolean
  readonly #transactions = new Map<string, FakeTransaction>()
  #nextProducerId = 1000

  constructor(version: 1 | 2, partitions: readonly FakePartition[], fails: () => boolean) {
    this.#version = version
    this.#partitions = partitions
    this.#fails = fails
  }

  /** What is answered for a batch of a transaction, which the partition becomes a part of with version 2. */
  write(transactionalId: string, partition: FakePartition, records: Uint8Array, version: number): number {
    const transaction = this.#transactions.get(transactionalId)
    const epoch = Buffer.from(records).readInt16BE(51)
    if (transaction === undefined || transaction.epoch !== epoch) return ERROR_CODE.INVALID_PRODUCER_EPOCH
    if (transaction.partitions.has(partition)) return ERROR_CODE.NONE
    if (version < 12 || this.#version < 2) return ERROR_CODE.INVALID_TXN_STATE
    transaction.state = 'Ongoing'
    transaction.partitions.add(partition)
    return ERROR_CODE.NONE
  }

  initProducerId({ transactionalId, producerId, producerEpoch }: ApiRequest<'InitProducerId'>): ApiResponseToSend<'InitProducerId'> {
    if (this.#fails()) return { errorCode: ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS, producerEpoch: -1 }
    if (transactionalId === null) return { errorCode: 0, producerId: this.#nextProducerId++, producerEpoch: 0 }
    const known = this.#transactions.get(transactionalId)
    if (known === undefined) {
      this.#transactions.set(transactionalId, { producerId: this.#nextProducerId, epoch: 0, state: 'Empty', partitions: new Set() })
      return { errorCode: 0, producerId: this.#nextProducerId++, producerEpoch: 0 }
    }
    // A repetition of a request whose answer was lost finds the epoch it was given.
    if (producerId >= 0 && producerEpoch !== known.epoch && producerEpoch !== known.epoch - 1)
      return { errorCode: ERROR_CODE.PRODUCER_FENCED, producerEpoch: -1 }
    if (producerId < 0 || producerEpoch === known.epoch) {
      if (known.state === 'Ongoing') this.#finish(known, false, known.epoch + 1)
      known.epoch++
      known.state = 'Empty'
    }
    return { errorCode: 0, producerId: known.producerId, producerEpoch: known.epoch }
  }

  addPartitions(request: ApiRequest<'AddPartitionsToTxn'>): ApiResponseToSend<'AddPartitionsToTxn'> {
    const transaction = this.#transactions.get(request.v3AndBelowTransactionalId)!
    const isFenced = transaction.epoch !== request.v3AndBelowProducerEpoch
    const code = isFenced ? ERROR_CODE.PRODUCER_FENCED : this.#fails() ? ERROR_CODE.CONCURRENT_TRANSACTIONS : ERROR_CODE.NONE
    const resultsByTopicV3AndBelow = request.v3AndBelowTopics.map(({ name, partitions }) => {
      if (code === ERROR_CODE.NONE) {
        transaction.state = 'Ongoing'
        for (const index of partitions) transaction.partitions.add(this.#partitions[index]!)
      }
      return { name, resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: code })) }
    })
    return { throttleTimeMs: 0, resultsByTopicV3AndBelow }
  }

  end({ transactionalId, producerEpoch, committed }: ApiRequest<'EndTxn'>): ApiResponseToSend<'EndTxn'> {
    const answer = (errorCode: number, transaction?: FakeTransaction): ApiResponseToSend<'EndTxn'> => ({
      throttleTimeMs: 0,
      errorCode,
      ...(transaction === undefined || this.#version === 1 ? {} : { producerId: transaction.producerId, producerEpoch: transaction.epoch }),
    })
    if (this.#fails()) return answer(ERROR_CODE.CONCURRENT_TRANSACTIONS)
    const known = this.#transactions.get(transactionalId)
    if (known === undefined) return answer(ERROR_CODE.INVALID_PRODUCER_ID_MAPPING)
    const bump = this.#version === 2 ? 1 : 0
    const complete = committed ? 'CompleteCommit' : 'CompleteAbort'
    if (known.state === complete && producerEpoch === known.epoch - bump) return answer(ERROR_CODE.NONE, known)
    if (known.state.startsWith('Complete') && producerEpoch === known.epoch - bump) return answer(ERROR_CODE.INVALID_TXN_STATE)
    if (producerEpoch !== known.epoch) return answer(ERROR_CODE.PRODUCER_FENCED)
    if (known.state !== 'Ongoing' && (committed || bump === 0)) return answer(ERROR_CODE.INVALID_TXN_STATE)
    this.#finish(known, committed, known.epoch + bump)
    known.epoch += bump
    known.state = complete
    return this.#fails() ? answer(ERROR_CODE.COORDINATOR_NOT_AVAILABLE) : answer(ERROR_CODE.NONE, known)
  }

  #finish(transaction: FakeTransaction, isCommit: boolean, epoch: number): void {
    for (const partition of transaction.partitions) partition.mark(transaction.producerId, epoch, isCommit)
    transaction.partitions.clear()
  }
}
