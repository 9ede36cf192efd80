/**
 * A producer as clients are: it writes transactions, repeats what is not answered, gives up where it is fenced.
 *
 * One of transaction version 2 lets its writes add the partitions and takes the next epoch from each end; an older one adds them itself.
 */
import { ERROR_CODE } from '../../../protocol/index.ts'
import { CLIENT_EPOCH_MAX } from '../transaction.ts'
import { LOST, simulatedErrorCode, type ClusterModel } from './cluster-model.ts'
import type { PartitionModel } from './partition-model.ts'

export interface WrittenTransaction {
  readonly tag: number
  readonly producer: ProducerModel
  /** Acknowledged batches: partition and sequence. */
  readonly acknowledged: { readonly partition: PartitionModel; readonly producerEpoch: number; readonly sequence: number }[]
  /** What its end was answered with; undefined where it was not. */
  outcome: 'commit' | 'abort' | undefined
  /** Whether nothing was tried to be written. */
  isEmpty: boolean
}

/** When a request that was carried out had been sent. */
export interface Success {
  readonly sentMs: number
  readonly what: string
}

const RETRIABLE: readonly number[] = [
  ERROR_CODE.CONCURRENT_TRANSACTIONS,
  ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS,
  ERROR_CODE.COORDINATOR_NOT_AVAILABLE,
  ERROR_CODE.NOT_COORDINATOR,
  ERROR_CODE.KAFKA_STORAGE_ERROR,
]

/** The producer is at an end: fenced, or confused for good. */
class Ended extends Error {}
/** The producer's process is killed. */
class Died extends Ended {}
/** The transaction can only be aborted. */
class Abortable extends Error {}

let tags = 0

export class ProducerModel {
  readonly name: string
  readonly written: WrittenTransaction[] = []
  readonly successes: Success[] = []
  readonly #cluster: ClusterModel
  readonly transactionalId: string
  readonly #version: 0 | 2
  /** When it was first given an id, and which. */
  grant: { readonly atMs: number; readonly producerId: number; readonly producerEpoch: number } | undefined
  #producerId = -1
  #epoch = -1
  #sequences = new Map<PartitionModel, number>()
  /** Something may still be on its way: older clients then take another epoch before the next transaction. */
  #hasGivenUp = false

  constructor(cluster: ClusterModel, transactionalId: string, version: 0 | 2, name: string) {
    this.#cluster = cluster
    this.transactionalId = transactionalId
    this.#version = version
    this.name = name
  }

  async run(transactions: number): Promise<void> {
    try {
      await this.#initialise(false)
      for (let count = 0; count < transactions; count++) {
        await this.#transact()
        if (this.#hasGivenUp || this.#cluster.random.chance(0.15)) await this.#initialise(true)
        this.#hasGivenUp = false
      }
    } catch (error) {
      if (!(error instanceof Ended)) throw error
      this.#cluster.count(`producer ended: ${error.message}`)
    }
  }

  async #transact(): Promise<void> {
    const { random } = this.#cluster
    const transaction: WrittenTransaction = { tag: ++tags, producer: this, acknowledged: [], outcome: undefined, isEmpty: true }
    this.written.push(transaction)
    let isCommit = random.chance(0.7)
    try {
      for (const partition of this.#cluster.partitions) {
        if (random.chance(0.4)) continue
        await this.#writeTo(partition, transaction)
      }
      // Long enough that some take too long, and are zombies when they come back.
      if (random.chance(0.15)) await this.#cluster.pause(random.between(50, 1500))
    } catch (error) {
      if (!(error instanceof Abortable)) throw error
      this.#cluster.count(`transaction given up: ${error.message}`)
      isCommit = false
    }
    // As some clients give a transaction up: they ask for the next epoch in the middle of it.
    if (random.chance(0.1)) {
      await this.#initialise(true)
      transaction.outcome = 'abort'
      this.#cluster.count('given up for the next epoch')
      return
    }
    // What was never begun has no end in the older protocol, and can only be aborted in the newer one.
    if (transaction.isEmpty) {
      if (this.#version === 0) return
      isCommit = false
      this.#cluster.count('aborted without a write')
    }
    await this.#end(transaction, isCommit)
  }

  async #writeTo(partition: PartitionModel, transaction: WrittenTransaction): Promise<void> {
    const { random } = this.#cluster
    transaction.isEmpty = false
    if (this.#version === 0) await this.#add(partition)
    for (let left = random.between(1, 3); left > 0; left--) {
      if (random.chance(0.01)) throw new Died('it died')
      const sequence = this.#sequences.get(partition) ?? 0
      const count = random.between(1, 3)
      await this.#produce(partition, sequence, count, transaction)
      this.#sequences.set(partition, sequence + count)
    }
  }

  async #initialise(isContinued: boolean): Promise<void> {
    const expected = isContinued ? { producerId: this.#producerId, producerEpoch: this.#epoch } : undefined
    const asked = { transactionalId: this.transactionalId, timeoutMs: 400, expected }
    const { errorCode, producerId, producerEpoch } = await this.#ask('init', () => this.#cluster.coordinator.initProducerId(asked))
    if (errorCode !== ERROR_CODE.NONE) throw new Ended(`init ${errorCode}`)
    this.#adopt(producerId, producerEpoch)
    this.grant ??= { atMs: this.#cluster.clock.monotonic(), producerId, producerEpoch }
  }

  async #add({ topic, partition }: PartitionModel): Promise<void> {
    const asked = {
      producerId: this.#producerId,
      producerEpoch: this.#epoch,
      clientVersion: 0,
      partitions: new Map([[topic, new Set([partition])]]),
    } as const
    const { errorCode } = await this.#ask('add', () => this.#cluster.coordinator.addPartitions(this.transactionalId, asked))
    if (errorCode !== ERROR_CODE.NONE) throw new Ended(`add ${errorCode}`)
  }

  async #produce(partition: PartitionModel, sequence: number, count: number, transaction: WrittenTransaction): Promise<void> {
    const producer = { producerId: this.#producerId, producerEpoch: this.#epoch }
    const place = { topic: partition.topic, partition: partition.partition }
    const write = { ...producer, ...place, transactionalId: this.transactionalId, firstSequence: sequence, isImplied: this.#version === 2 }
    const batch = { ...producer, kind: 'data', sequence, count, tag: transaction.tag } as const
    const { errorCode } = await this.#ask(
      'produce',
      () => this.#cluster.writes.write(partition, write, (guard) => partition.appendData(batch, guard)),
      0.3,
    )
    if (errorCode === ERROR_CODE.NONE) transaction.acknowledged.push({ partition, producerEpoch: producer.producerEpoch, sequence })
    else throw new Abortable(`produce ${errorCode}`)
  }

  async #end(transaction: WrittenTransaction, isCommit: boolean): Promise<void> {
    const asked = { producerId: this.#producerId, producerEpoch: this.#epoch, isCommit, clientVersion: this.#version }
    const reply = await this.#ask('end', () => this.#cluster.coordinator.endTransaction(this.transactionalId, asked))
    if (reply.errorCode !== ERROR_CODE.NONE) throw new Ended(`end ${reply.errorCode}`)
    transaction.outcome = isCommit ? 'commit' : 'abort'
    this.#cluster.count(`answered ${transaction.outcome} in version ${this.#version}`)
    if (this.#version === 2) this.#adopt(reply.producerId, reply.producerEpoch)
  }

  #adopt(producerId: number, epoch: number): void {
    if (epoch > CLIENT_EPOCH_MAX) throw new Error(`producer ${this.name} was given the last epoch`)
    if (producerId !== this.#producerId && this.#producerId >= 0) this.#cluster.count('producer id changed')
    if (producerId === this.#producerId && epoch === this.#epoch) return
    this.#producerId = producerId
    this.#epoch = epoch
    this.#sequences = new Map()
  }

  /** Asks until there is an answer that is not to be asked for again. */
  async #ask<R extends { readonly errorCode: number }>(what: string, work: () => Promise<R>, givesUp = 0): Promise<R> {
    // An end or an addition that comes late does harm in the older protocol, which is why there is a newer one.
    const mayBeLate = this.#version === 2 || what === 'produce'
    for (;;) {
      const sentMs = this.#cluster.clock.monotonic()
      const failed = (error: unknown): R => ({ errorCode: simulatedErrorCode(error), producerId: -1, producerEpoch: -1 }) as unknown as R
      const reply = await this.#cluster.request(() => work().catch(failed), mayBeLate)
      if (reply !== LOST && reply.errorCode === ERROR_CODE.NONE) this.successes.push({ sentMs, what })
      if (reply !== LOST && !RETRIABLE.includes(reply.errorCode)) return reply
      if (reply === LOST && this.#cluster.random.chance(givesUp)) {
        this.#hasGivenUp = true
        throw new Abortable(`${what} is not answered`)
      }
      await this.#cluster.pause(this.#cluster.random.between(1, 20))
    }
  }
}
