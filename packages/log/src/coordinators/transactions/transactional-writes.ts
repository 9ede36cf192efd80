/**
 * What stands between a transactional batch and its partition (KIP-890): no partition gets records of a transaction whose coordinator
 * does not know that the partition takes part, as nobody would ever end it there.
 *
 * 1. A batch that begins a transaction in its partition is placed only after the coordinator has said yes: it has added the partition
 *    (implied by the write, transaction version 2), or knows that the client has added it (older clients).
 * 2. Where it gets its place the log looks again: a transaction that has ended meanwhile takes nothing more.
 * 3. Batches of a producer keep the order of their arrival in a partition, also while the coordinator is asked. Where one of them is
 *    refused, none with a higher sequence takes its place.
 * 4. Where a write adds its partition the producer begins there with sequence 0, as each of its transactions has an epoch of its own:
 *    a log that knows nothing of it, where the topic has been made again or a batch before was refused, takes no batch from the middle.
 */
import { logError } from '../../errors.ts'
import { ERROR_CODE } from '../../protocol/index.ts'
import { NO_PRODUCER_EPOCH } from '../../records/index.ts'
import type { AppendOptions } from '../../storage/index.ts'
import type { ProducerEntry } from '../../storage/producers/producer-entry.ts'
import type { TransactionCoordinator } from './transaction-coordinator.ts'
import { partitionSet, union, type PartitionSet } from './transaction.ts'

/** A batch that wants to be in a partition. */
export interface TransactionalWrite {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  /** -1 for a write that has none: offsets of groups. */
  readonly firstSequence: number
  readonly topic: string
  readonly partition: number
  /** Whether the write itself adds the partition: transaction version 2. */
  readonly isImplied: boolean
}

/** What is known of producers where the batch goes. Batches for the same place come with the same object. */
export interface TransactionalPlace {
  producer(producerId: number): ProducerEntry | undefined
}

export type Guard = NonNullable<AppendOptions['guard']>

/** The error code of a refusal, or what `place` gave. */
export type Placed<T> = { readonly errorCode: number } | { readonly errorCode: 0; readonly result: T }

/** An addition that is about to be asked for. */
interface Adding {
  partitions: PartitionSet
  readonly errorCode: Promise<number>
}

type Admission = { readonly errorCode: number; readonly guard: Guard }

interface Waiting {
  readonly producerEpoch: number
  readonly firstSequence: number
  readonly errorCode: Promise<number>
}

/** The lowest sequence that was refused of an epoch. */
interface RefusedFrom {
  readonly producerEpoch: number
  readonly sequence: number
}

interface PlaceState {
  /** By producer, the last batch that waits for the coordinator. */
  readonly waiting: Map<number, Waiting>
  readonly refused: Map<number, RefusedFrom>
}

/** Producers of a partition whose refused sequences are remembered. */
const REFUSED_MAX = 1000

type Coordinated = Pick<TransactionCoordinator, 'addPartitions' | 'verifyPartitions'>

export class TransactionalWrites {
  readonly #coordinator: Coordinated
  readonly #errorCodeOf: (error: unknown) => number
  readonly #places = new WeakMap<TransactionalPlace, PlaceState>()
  /** Partitions that are added together, by producer and epoch. */
  readonly #adding = new Map<string, Adding>()

  constructor(coordinator: Coordinated, errorCodeOf: (error: unknown) => number) {
    this.#coordinator = coordinator
    this.#errorCodeOf = errorCodeOf
  }

  /**
   * Has the batch placed when it may be: at once, within this call, where its transaction is open in the partition.
   * @param place hands the batch to the log, with the guard, before it returns. What it throws is thrown
   */
  write<T>(at: TransactionalPlace, write: TransactionalWrite, place: (guard: Guard) => Promise<T>): Promise<Placed<T>> {
    const state = this.#stateOf(at)
    const before = state.waiting.get(write.producerId)
    const entry = at.producer(write.producerId)
    if (before === undefined && isOpen(entry, write)) return placed(place(guardOpen(write)))
    const admission = this.#admit(at, state, write, before)
    const result = admission.then(({ errorCode, guard }) => (errorCode === ERROR_CODE.NONE ? placed(place(guard)) : { errorCode }))
    const { producerEpoch, firstSequence } = write
    const waiting: Waiting = { producerEpoch, firstSequence, errorCode: admission.then(({ errorCode }) => errorCode) }
    state.waiting.set(write.producerId, waiting)
    const forget = (): void => {
      if (state.waiting.get(write.producerId) === waiting) state.waiting.delete(write.producerId)
    }
    waiting.errorCode.then(forget, forget)
    return result
  }

  async #admit(at: TransactionalPlace, state: PlaceState, write: TransactionalWrite, before: Waiting | undefined): Promise<Admission> {
    const { producerId, producerEpoch } = write
    const errorBefore = await before?.errorCode
    const isBehind = before?.producerEpoch === producerEpoch && before.firstSequence < write.firstSequence
    if (isBehind && errorBefore !== ERROR_CODE.NONE) return refused(errorBefore!)
    const entry = at.producer(producerId)
    if (isOpen(entry, write)) return { errorCode: ERROR_CODE.NONE, guard: guardOpen(write) }
    if (entry !== undefined && entry.producerEpoch > producerEpoch) return refused(ERROR_CODE.INVALID_PRODUCER_EPOCH)
    if (leavesGap(state.refused.get(producerId), entry, write)) return refused(ERROR_CODE.OUT_OF_ORDER_SEQUENCE_NUMBER)
    const errorCode = await this.#ask(write)
    if (errorCode === ERROR_CODE.NONE) {
      state.refused.delete(producerId)
      return { errorCode, guard: write.isImplied ? guardBeginning(write) : guardUnchanged(entry, write) }
    }
    noteRefused(state.refused, write)
    return refused(errorCode)
  }

  async #ask(write: TransactionalWrite): Promise<number> {
    const { transactionalId, producerId, producerEpoch, topic, partition, isImplied } = write
    try {
      if (isImplied) return toWriter(await this.#add(write))
      const asked = { producerId, producerEpoch, topic, partition }
      const [errorCode] = await this.#coordinator.verifyPartitions(transactionalId, [asked])
      return toWriter(errorCode!)
    } catch (error) {
      return this.#errorCodeOf(error)
    }
  }

  /** All that a turn brings is added with one record: a request writes to many partitions. */
  #add({ transactionalId, producerId, producerEpoch, topic, partition }: TransactionalWrite): Promise<number> {
    const key = `${producerId}:${producerEpoch}:${transactionalId}`
    const partitions = partitionSet([[topic, [partition]]])
    const known = this.#adding.get(key)
    if (known !== undefined) {
      known.partitions = union(known.partitions, partitions)
      return known.errorCode
    }
    const adding: Adding = {
      partitions,
      errorCode: Promise.resolve().then(async () => {
        this.#adding.delete(key)
        const asked = { producerId, producerEpoch, partitions: adding.partitions, clientVersion: 2 } as const
        return (await this.#coordinator.addPartitions(transactionalId, asked)).errorCode
      }),
    }
    this.#adding.set(key, adding)
    return adding.errorCode
  }

  #stateOf(at: TransactionalPlace): PlaceState {
    const known = this.#places.get(at)
    if (known !== undefined) return known
    const state: PlaceState = { waiting: new Map(), refused: new Map() }
    this.#places.set(at, state)
    return state
  }
}

/** Checks for a marker where it gets its place: one that has an epoch of its own never ends a transaction of that epoch, which is a later one. */
export function guardMarker(producerEpoch: number, transactionVersion: number): Guard {
  if (transactionVersion < 2) return allow
  return (entry) => {
    if (entry?.transactionFirstOffset === undefined || entry.producerEpoch !== producerEpoch) return
    throw logError('PRODUCER_FENCED', { producerId: entry.producerId, epoch: producerEpoch, current: entry.producerEpoch })
  }
}

/** Writers know a producer that is fenced by another code. */
function toWriter(errorCode: number): number {
  return errorCode === ERROR_CODE.PRODUCER_FENCED ? ERROR_CODE.INVALID_PRODUCER_EPOCH : errorCode
}

function allow(): void {
  // Nothing to look at.
}

function isOpen(entry: ProducerEntry | undefined, { producerEpoch }: TransactionalWrite): boolean {
  return entry?.transactionFirstOffset !== undefined && entry.producerEpoch === producerEpoch
}

function guardOpen(write: TransactionalWrite): Guard {
  return (entry) => {
    if (!isOpen(entry, write) && !isFenced(entry, write)) throw ended(write)
  }
}

/** Whoever wrote later has a higher epoch, which the log refuses by itself; only where it knows nobody it takes any sequence. */
function guardBeginning({ producerId, firstSequence }: TransactionalWrite): Guard {
  return (entry) => {
    if (entry === undefined && firstSequence > 0)
      throw logError('PRODUCER_OUT_OF_ORDER', { producerId, sequence: firstSequence, expected: 0 })
  }
}

/** The transaction has not ended since the coordinator was asked: markers leave another entry. */
function guardUnchanged(before: ProducerEntry | undefined, write: TransactionalWrite): Guard {
  return (entry) => {
    if (entry !== before && !isOpen(entry, write) && !isFenced(entry, write)) throw ended(write)
  }
}

/** Which the log says better. */
function isFenced(entry: ProducerEntry | undefined, { producerEpoch }: TransactionalWrite): boolean {
  return entry !== undefined && entry.producerEpoch > producerEpoch
}

function ended({ producerId }: TransactionalWrite): Error {
  return logError('PRODUCER_TRANSACTION_STATE', { producerId })
}

function refused(errorCode: number): Admission {
  return { errorCode, guard: allow }
}

/** A producer that the log does not know may begin with any sequence: so a refused batch would be overtaken by those behind it. */
function leavesGap(refusedFrom: RefusedFrom | undefined, entry: ProducerEntry | undefined, write: TransactionalWrite): boolean {
  if (entry !== undefined && entry.producerEpoch !== NO_PRODUCER_EPOCH) return false
  return refusedFrom?.producerEpoch === write.producerEpoch && write.firstSequence > refusedFrom.sequence
}

function noteRefused(refusedFrom: Map<number, RefusedFrom>, { producerId, producerEpoch, firstSequence }: TransactionalWrite): void {
  const known = refusedFrom.get(producerId)
  if (
    known !== undefined &&
    (known.producerEpoch > producerEpoch || (known.producerEpoch === producerEpoch && known.sequence <= firstSequence))
  )
    return
  refusedFrom.set(producerId, { producerEpoch, sequence: firstSequence })
  for (const oldest of refusedFrom.keys()) {
    if (refusedFrom.size <= REFUSED_MAX) break
    refusedFrom.delete(oldest)
  }
}

async function placed<T>(result: Promise<T>): Promise<Placed<T>> {
  return { errorCode: 0, result: await result }
}
