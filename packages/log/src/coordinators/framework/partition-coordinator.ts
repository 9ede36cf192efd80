/**
 * The coordinator of one partition: state over its log.
 *
 * Decisions are applied at once and appended behind each other without waiting (as Kafka's newer coordinators do): the next command
 * sees what the last one decided, and the disk's latency is paid once for all commands that meet it. The price, state that may turn out
 * never to have been, is paid where appends fail, which is rare: the state is thrown away and read again from the log, and every reply
 * that is owed becomes an error that clients retry. There is no undo to get wrong.
 *
 * 1. A reply is sent only after its records, and everything that had been decided before it, are acknowledged: nobody hears of what can
 *    still be lost, readers included.
 * 2. State is the replay of the log, plus what decisions `remember`, which a replay forgets. Only applied decisions change it.
 * 3. After a failed append the state is as if neither its command nor any later one had ever been: they fail together (see AppendQueue).
 *    An append that was rejected and yet written is in the replay; its command's outcome is unknown to its client, which asks again.
 * 4. Operations run one at a time in the order of `submit`; each sees the effects of all before it.
 * 5. A refused operation (it throws, its batch is too large, its producer is fenced) changes nothing and disturbs nobody.
 * 6. Every ticket is settled: by an answer, or by an error when the state is thrown away or the partition is given up.
 * 7. Timers die with the state they were set on.
 */
import type { Clock, Random } from '@millrace/core'
import { logError } from '../../errors.ts'
import { buildBatch, buildEndTransactionMarker, type BatchOptions } from '../../records/index.ts'
import { AppendQueue, type QueueEntry } from './append-queue.ts'
import type { CoordinatorLog } from './coordinator-log.ts'
import type { Decision, Facts, Marker, Operation, Producer, StateMachine, Ticket } from './decision.ts'
import { replay } from './replay.ts'
import { Tickets } from './tickets.ts'
import { Timers } from './timers.ts'

/** Told of what only an operator or an author can mend. */
export type CoordinatorNotice =
  /** The log could not be read; it is tried again. */
  | { readonly kind: 'load-failed'; readonly error: unknown }
  /** An append failed: the state is read again. */
  | { readonly kind: 'append-failed'; readonly error: unknown }
  /** A decision could not be applied, or a timer's operation threw: a bug. */
  | { readonly kind: 'fault'; readonly error: unknown }

export interface PartitionCoordinatorOptions<S, R> {
  readonly name: string
  readonly partition: number
  readonly machine: StateMachine<S, R>
  readonly log: CoordinatorLog
  readonly clock: Clock
  readonly random: Random
  readonly onNotice?: (notice: CoordinatorNotice) => void
}

export interface MarkerToWrite extends Marker {
  /** Of the transaction coordinator. */
  readonly coordinatorEpoch: number
}

const LOAD_RETRY_MS = 1000

/** What there is while the partition is loaded; replaced as a whole. */
interface Loaded<S> {
  readonly state: S
  readonly queue: AppendQueue
  order: number
}

export class PartitionCoordinator<S, R> {
  readonly #options: PartitionCoordinatorOptions<S, R>
  readonly #tickets = new Tickets()
  readonly #timers: Timers
  #loaded: Loaded<S> | undefined
  #isClosed = false
  #hasFailedToLoad = false
  #loadMs: number | undefined
  #settled = Promise.withResolvers<void>()

  /** Starts to load. */
  constructor(options: PartitionCoordinatorOptions<S, R>) {
    this.#options = options
    this.#timers = new Timers(options.clock)
    this.#load()
  }

  get leaderEpoch(): number {
    return this.#options.log.leaderEpoch
  }

  /** Resolves when the present load has succeeded or failed, or the partition was closed. Never rejects. */
  get loadSettled(): Promise<void> {
    return this.#settled.promise
  }

  /** As everything decided so far leaves it, acknowledged or not: for figures alone. Undefined while it is not loaded. */
  get present(): S | undefined {
    return this.#loaded?.state
  }

  /** How long the latest load took. */
  get loadMs(): number | undefined {
    return this.#loadMs
  }

  get isLoaded(): boolean {
    return this.#loaded !== undefined
  }

  /**
   * Runs the operation now, and gives the reply when it may be known.
   *
   * Rejects with what the operation throws; `COORDINATOR_LOADING`, `COORDINATOR_UNAVAILABLE` (the log cannot be read, or an append
   * failed: the outcome is unknown), `COORDINATOR_NOT_HERE`, `COORDINATOR_RECORDS_TOO_LARGE`, `PRODUCER_FENCED`
   */
  submit<T>(operation: Operation<S, R, T>): Promise<T> {
    const loaded = this.#loaded
    if (loaded === undefined) return Promise.reject(this.#absence())
    const { ticket, reply } = this.#tickets.open<T>()
    this.#run(loaded, operation, ticket)
    return reply
  }

  /**
   * Ends a producer's transaction in this partition: appends the marker, in its place among all commands, and applies it.
   * Rejects as `submit` does, and with `PRODUCER_COORDINATOR_FENCED`
   */
  writeMarker(marker: MarkerToWrite): Promise<void> {
    const loaded = this.#loaded
    if (loaded === undefined) return Promise.reject(this.#absence())
    const problem = this.#producerProblem(loaded, marker, marker.coordinatorEpoch)
    if (problem !== undefined) return Promise.reject(problem)
    const { machine, clock } = this.#options
    const { ticket, reply } = this.#tickets.open<void>()
    const timestamp = clock.now()
    const bytes = buildEndTransactionMarker({ ...marker, outcome: marker.isCommit ? 'commit' : 'abort', timestamp }).whole
    const settle = (): void => this.#tickets.resolve(ticket, undefined)
    this.#applyAndPush(loaded, bytes, marker, marker.coordinatorEpoch, [settle], (order) =>
      machine.applyMarker?.(loaded.state, marker, { order, timestampMs: timestamp, producer: marker }),
    )
    return reply
  }

  /** Gives the partition up: every reply that is owed becomes `COORDINATOR_NOT_HERE`. */
  close(): void {
    this.#isClosed = true
    this.#discard(this.#absence())
    this.#settled.resolve()
  }

  #absence(): Error {
    const { name, partition } = this.#options
    if (this.#isClosed) return logError('COORDINATOR_NOT_HERE', { name, partition })
    return logError(this.#hasFailedToLoad ? 'COORDINATOR_UNAVAILABLE' : 'COORDINATOR_LOADING', { name, partition })
  }

  #facts(): Facts {
    const { clock, random } = this.#options
    return { nowMs: clock.now(), monotonicMs: clock.monotonic(), random }
  }

  #run<T>(loaded: Loaded<S>, operation: Operation<S, R, T>, ticket: Ticket<T> | undefined): void {
    const facts = this.#facts()
    let decision: Decision<S, R>
    let bytes: Uint8Array | undefined
    try {
      decision = operation(loaded.state, facts, ticket ?? { id: 0 })
      bytes = this.#encode(loaded, decision, facts)
    } catch (error) {
      if (ticket === undefined) this.#notice({ kind: 'fault', error })
      else this.#tickets.reject(ticket, error)
      return
    }
    this.#act(loaded, decision, bytes, facts)
  }

  /** The batch to append. Nothing has changed when this throws. */
  #encode(loaded: Loaded<S>, { records = [], producer }: Decision<S, R>, { nowMs }: Facts): Uint8Array | undefined {
    if (records.length === 0) return undefined
    const { machine, log, name, partition } = this.#options
    const problem = producer && this.#producerProblem(loaded, producer, undefined)
    if (problem !== undefined) throw problem
    const options: BatchOptions = producer === undefined ? {} : { ...producer, transactional: true }
    const batch = buildBatch(
      records.map((record) => ({ ...machine.format.encode(record), timestamp: nowMs })),
      options,
    )
    const { sizeBytes } = batch
    const limit = log.batchBytesMax
    if (sizeBytes > limit) throw logError('COORDINATOR_RECORDS_TOO_LARGE', { name, partition, size: sizeBytes, limit })
    return batch.whole
  }

  #act(loaded: Loaded<S>, decision: Decision<S, R>, bytes: Uint8Array | undefined, { nowMs }: Facts): void {
    const { machine } = this.#options
    const { records = [], producer, remember, answers = [], timers = [] } = decision
    const release = answers.map((one) => () => this.#tickets.resolve(one.ticket, one.reply))
    const apply = (order: number): void => {
      for (const record of records) machine.apply(loaded.state, record, { order, timestampMs: nowMs, producer })
      remember?.(loaded.state)
    }
    const isApplied =
      bytes === undefined
        ? this.#applyUnwritten(loaded, release, apply)
        : this.#applyAndPush(loaded, bytes, producer, undefined, release, apply)
    if (!isApplied) return
    for (const change of timers) {
      if (change.delayMs === undefined) this.#timers.cancel(change.key)
      else this.#timers.set(change.key, change.delayMs, () => this.#run(loaded, change.operation, undefined))
    }
  }

  #applyUnwritten(loaded: Loaded<S>, release: readonly (() => void)[], apply: (order: number) => void): boolean {
    try {
      apply(loaded.order)
    } catch (error) {
      this.#startOver(loaded, { kind: 'fault', error })
      return false
    }
    if (release.length > 0) loaded.queue.whenAcknowledged(() => release.forEach((one) => one()))
    return true
  }

  #applyAndPush(
    loaded: Loaded<S>,
    bytes: Uint8Array,
    producer: Producer | undefined,
    coordinatorEpoch: number | undefined,
    release: (() => void)[],
    apply: (order: number) => void,
  ): boolean {
    try {
      apply(++loaded.order)
    } catch (error) {
      this.#startOver(loaded, { kind: 'fault', error })
      return false
    }
    loaded.queue.push({ bytes, producer: producer && this.#producerAfter(loaded, producer, coordinatorEpoch), release })
    return true
  }

  #producerAfter(loaded: Loaded<S>, { producerId, producerEpoch }: Producer, coordinatorEpoch: number | undefined): QueueEntry['producer'] {
    const before = loaded.queue.producer(producerId) ?? this.#options.log.producer(producerId)
    return { producerId, epoch: producerEpoch, coordinatorEpoch: coordinatorEpoch ?? before?.coordinatorEpoch ?? -1 }
  }

  /** Why the log would refuse it: found out beforehand, as a refused append costs everyone the state. */
  #producerProblem(loaded: Loaded<S>, producer: Producer, coordinatorEpoch: number | undefined): Error | undefined {
    const { producerId, producerEpoch } = producer
    const known = loaded.queue.producer(producerId) ?? this.#options.log.producer(producerId)
    if (known === undefined) return undefined
    if (producerEpoch < known.epoch) return logError('PRODUCER_FENCED', { producerId, epoch: producerEpoch, current: known.epoch })
    if (coordinatorEpoch === undefined || coordinatorEpoch >= known.coordinatorEpoch) return undefined
    return logError('PRODUCER_COORDINATOR_FENCED', { producerId, epoch: coordinatorEpoch, current: known.coordinatorEpoch })
  }

  #startOver(loaded: Loaded<S>, notice: CoordinatorNotice): void {
    if (this.#loaded !== loaded) return
    const { name, partition } = this.#options
    this.#discard(logError('COORDINATOR_UNAVAILABLE', { name, partition }, 'error' in notice ? notice.error : undefined))
    this.#settled = Promise.withResolvers()
    this.#notice(notice)
    this.#load()
  }

  #discard(error: unknown): void {
    this.#loaded?.queue.close()
    this.#loaded = undefined
    this.#timers.cancelAll()
    this.#tickets.rejectAll(error)
  }

  #load(): void {
    this.#loadOnce().catch((error: unknown) => {
      if (this.#isClosed) return
      this.#hasFailedToLoad = true
      this.#notice({ kind: 'load-failed', error })
      this.#settled.resolve()
      this.#timers.set('load', LOAD_RETRY_MS, () => {
        this.#settled = Promise.withResolvers()
        this.#load()
      })
    })
  }

  async #loadOnce(): Promise<void> {
    const { machine, log, partition, clock } = this.#options
    const sinceMs = clock.monotonic()
    const { state, order } = await replay(machine, log, partition, () => !this.#isClosed)
    if (this.#isClosed) return
    this.#loadMs = clock.monotonic() - sinceMs
    const queue = new AppendQueue(log, (error) => this.#startOver(loaded, { kind: 'append-failed', error }))
    const loaded: Loaded<S> = { state, order, queue }
    this.#loaded = loaded
    this.#hasFailedToLoad = false
    this.#run(loaded, (before, facts) => machine.onLoaded?.(before, facts) ?? {}, undefined)
    this.#settled.resolve()
  }

  #notice(notice: CoordinatorNotice): void {
    this.#options.onNotice?.(notice)
  }
}
