/**
 * Reads its partitions through a fetcher.
 *
 * 1. A split's offset is that of the first record which has not been emitted, past what is never shown (markers, aborted records).
 * 2. What a partition has is taken from the fetcher only when all that was taken before is emitted: what is not taken fills its buffers, and then nothing more is fetched.
 * 3. A partition is read by one reader, and its records are emitted in the order of their offsets.
 */
import type { MillraceError } from '@millrace/core'
import type { FetchedRecords, Fetcher, LogClient } from '@millrace/log/client'
import { engineError } from '../../../errors.ts'
import type { ReaderContext, SourceOutput, SourceReader, Split, SplitOutput } from '../../source.ts'
import { kafkaClient } from '../cluster.ts'
import { isKeepingNothing, NotReady, viewing } from '../formats/format.ts'
import { GroupCommits } from './group-commits.ts'
import { CONNECTOR, type KafkaSourceSettings } from './options.ts'
import { RecordEmitter } from './record-emitter.ts'
import { isOrder, splitId, type KafkaSplit, type SplitOrder, type TopicPartition } from './split.ts'

const RECORDS_PER_POLL = 256
/** How long the end of a job waits for offsets to be committed. */
const CLOSE_WAIT_MS = 5_000

/** A partition that is read. */
interface Assigned {
  readonly split: KafkaSplit
  readonly endOffset: number
  offset: number
  leaderEpoch: number
  /** Its offset was lost, and it is not known yet where it goes on: perhaps before that one. */
  isMoving: boolean
  output: SplitOutput<unknown> | undefined
}

/** Taken from the fetcher and not all emitted yet. */
interface Batch {
  readonly assigned: Assigned
  readonly fetched: FetchedRecords
  /** The next record. */
  at: number
}

export class KafkaReader implements SourceReader<unknown> {
  readonly timesSplits = true
  readonly #context: ReaderContext
  readonly #settings: KafkaSourceSettings
  readonly #client: LogClient
  readonly #fetcher: Fetcher
  readonly #emitter: RecordEmitter
  readonly #commits: GroupCommits | undefined
  readonly #assigned = new Map<string, Assigned>()
  #batches: Batch[] = []
  /** A format waits. */
  #isHeldUp = false
  /** Partitions have come, or it was said that there are none. */
  #hasNews = false
  #ends = false
  #isClosed = false

  constructor(context: ReaderContext, settings: KafkaSourceSettings) {
    this.#context = context
    this.#settings = settings
    this.#client = kafkaClient(CONNECTOR, settings.cluster, context)
    const { key, fetch, isolation } = settings
    const value = context.outputKeepsNothing === true ? viewing(settings.value) : settings.value
    // More is taken only when all is emitted: by then nobody has a view of what formats of ours were handed.
    const lendRecords = isKeepingNothing(value, 'deserialize') && (key === undefined || isKeepingNothing(key, 'deserialize'))
    this.#fetcher = this.#client.fetcher({ ...fetch, isolation, offsetReset: 'none', lendRecords })
    this.#fetcher.onReady(() => context.wake())
    context.metrics?.gauge('kafka_lag_records', () => this.#lag())
    this.#emitter = new RecordEmitter({ ...settings, value }, (message) => this.#report('KAFKA_POISON_SKIPPED', message))
    const { groupId } = settings
    this.#commits =
      groupId === undefined ? undefined : new GroupCommits(this.#client, groupId, (message) => this.#report('KAFKA_COMMIT_FAILED', message))
  }

  async open(): Promise<void> {
    await this.#emitter.open()
  }

  addSplits(splits: readonly Split[]): void {
    for (const split of splits as readonly (KafkaSplit | SplitOrder)[]) {
      if (isOrder(split)) this.#remove(split)
      else this.#add(split)
    }
    this.#hasNews = true
    this.#context.wake()
  }

  noMoreSplits(): void {
    this.#ends = true
    this.#context.wake()
  }

  poll(output: SourceOutput<unknown>): 'more' | 'wait' | 'end' {
    if (this.#hasNews) this.#tellNews(output)
    for (let room = RECORDS_PER_POLL; room > 0 && !this.#isHeldUp;) {
      const batch = this.#batches[0] ?? this.#take()
      if (batch === undefined) return this.#ends && this.#assigned.size === 0 ? 'end' : 'wait'
      room -= this.#emitSome(batch, room, output)
      if (output.enough === true) break
    }
    return this.#isHeldUp ? 'wait' : 'more'
  }

  snapshot(checkpointId?: number): readonly KafkaSplit[] {
    const splits = [...this.#assigned.values()].map(({ split, offset, leaderEpoch }) => ({ ...split, offset, leaderEpoch }))
    if (checkpointId !== undefined) this.#commits?.snapshot(checkpointId, splits)
    return splits
  }

  checkpointComplete(checkpointId: number): void {
    this.#commits?.complete(checkpointId)
  }

  position(): string {
    return this.#emitter.position()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#fetcher.close()
    if (this.#commits !== undefined) await this.#patiently(this.#commits.close())
    this.#client.close()
  }

  /** Waits, but not for ever. */
  async #patiently(work: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#context.clock.after(CLOSE_WAIT_MS, resolve)
    await Promise.race([work, promise])
    cancel()
  }

  #add(split: KafkaSplit): void {
    const { topic, partition, topicId, offset, leaderEpoch, endOffset = Infinity } = split
    this.#assigned.set(split.id, { split, endOffset, offset, leaderEpoch, isMoving: false, output: undefined })
    this.#context.metrics?.gauge('kafka_partition_lag_records', () => this.#lagOf(split.id), { topic, partition: String(partition) })
    if (offset >= endOffset) return
    const start = leaderEpoch >= 0 ? { offset, leaderEpoch } : { offset }
    this.#fetcher.assign([{ topic, partition, start, ...(topicId === '' ? {} : { topicId: Buffer.from(topicId, 'hex') }) }])
  }

  #remove({ topic, partition }: TopicPartition): void {
    const id = splitId({ topic, partition })
    const assigned = this.#assigned.get(id)
    if (assigned === undefined) return
    this.#fetcher.unassign([{ topic, partition }])
    assigned.output?.close?.()
    this.#assigned.delete(id)
    this.#batches = this.#batches.filter((batch) => batch.assigned !== assigned)
  }

  /** Records of a partition that are there for readers and were not emitted; NaN where it is not known, or not read here. */
  #lagOf(id: string): number {
    const assigned = this.#assigned.get(id)
    if (assigned === undefined || this.#isClosed) return NaN
    if (assigned.offset >= assigned.endOffset) return 0
    const end = this.#fetcher.endOffset(assigned.split) ?? NaN
    return Math.max(0, Math.min(end, assigned.endOffset) - assigned.offset)
  }

  /** Of all partitions that are known. */
  #lag(): number {
    let sum = 0
    for (const id of this.#assigned.keys()) sum += this.#lagOf(id) || 0
    return sum
  }

  /** New partitions count for event time before their first records do. Where there is none for this reader it must not hold the others back. */
  #tellNews(output: SourceOutput<unknown>): void {
    this.#hasNews = false
    for (const assigned of this.#assigned.values()) {
      const { id } = assigned.split
      assigned.output ??= output.ofSplit?.(id, () => this.#lagOf(id) > 0) ?? output
    }
    if (this.#assigned.size === 0) output.ofSplit?.('none').close?.()
  }

  /** The next of what was fetched, after all that was taken before has been emitted. */
  #take(): Batch | undefined {
    while (!this.#takeOnce());
    this.#passUnseen()
    return this.#batches[0]
  }

  /** False where a partition could not go on, and it was seen to: others may have something behind that. */
  #takeOnce(): boolean {
    try {
      for (const fetched of this.#fetcher.take(RECORDS_PER_POLL)) {
        const assigned = this.#assigned.get(splitId(fetched))
        if (assigned !== undefined) this.#batches.push({ assigned, fetched, at: 0 })
      }
      return true
    } catch (error) {
      this.#troubled(error as MillraceError)
      return false
    }
  }

  /** Where nothing waits to be emitted a partition is as far as its fetcher, past what is never shown. */
  #passUnseen(): void {
    const waiting = new Set(this.#batches.map(({ assigned }) => assigned))
    for (const assigned of this.#assigned.values()) {
      if (waiting.has(assigned)) continue
      if (assigned.offset < assigned.endOffset) {
        const position = this.#fetcher.position(assigned.split)
        if (position !== undefined) passTo(assigned, position.offset)
      }
      if (assigned.offset >= assigned.endOffset) this.#finish(assigned)
    }
  }

  #emitSome(batch: Batch, room: number, whole: SourceOutput<unknown>): number {
    const { assigned, fetched } = batch
    const { records } = fetched
    const { endOffset } = assigned
    const { topic, partition } = assigned.split
    const output = assigned.output!
    this.#emitter.at(topic, partition)
    const from = batch.at
    const to = Math.min(records.length, from + room)
    try {
      while (batch.at < to && records[batch.at]!.offset < endOffset) {
        this.#emitter.emit(records[batch.at]!, output)
        batch.at++
        if (whole.enough === true) break
      }
    } catch (error) {
      if (!(error instanceof NotReady)) throw error
      this.#holdUp(error.ready)
    }
    const emitted = batch.at - from
    if (emitted > 0) assigned.leaderEpoch = fetched.leaderEpoch
    assigned.isMoving = false
    const next = records[batch.at]
    assigned.offset = Math.min(next === undefined ? fetched.nextOffset : next.offset, endOffset)
    if (next === undefined || assigned.offset >= endOffset) this.#batches.shift()
    if (assigned.offset >= endOffset) this.#finish(assigned)
    return Math.max(1, emitted)
  }

  #finish(assigned: Assigned): void {
    const { topic, partition } = assigned.split
    this.#commits?.finished({ topic, partition, offset: assigned.offset, leaderEpoch: assigned.leaderEpoch })
    this.#remove(assigned.split)
  }

  /** Goes on with the same record once the format can. */
  #holdUp(ready: Promise<unknown>): void {
    this.#isHeldUp = true
    ready.then(
      () => {
        this.#isHeldUp = false
        this.#context.wake()
      },
      (error: unknown) => {
        if (!this.#isClosed) this.#context.fail(error)
      },
    )
  }

  /** A partition cannot go on. @throws what the policies do not accept */
  #troubled(error: MillraceError): void {
    const { code, details } = error
    const assigned = this.#assigned.get(splitId(details as unknown as TopicPartition))
    const { onOffsetLost, onTopicLost } = this.#settings
    if (assigned === undefined) throw error
    const { topic, partition } = assigned.split
    if (code === 'CLIENT_TOPIC_RECREATED') {
      if (onTopicLost === 'fail') throw engineError('KAFKA_TOPIC_RECREATED', { topic }, error)
      this.#report('KAFKA_TOPIC_LOST', error.message)
      this.#remove(assigned.split)
    } else if (code === 'CLIENT_OFFSET_OUT_OF_RANGE' || code === 'CLIENT_LOG_TRUNCATED') {
      const { offset } = assigned
      if (onOffsetLost === 'fail') throw engineError('KAFKA_OFFSET_LOST', { topic, partition, offset, problem: error.message }, error)
      const start = code === 'CLIENT_LOG_TRUNCATED' ? { offset: Number(details['endOffset']) } : onOffsetLost
      this.#report('KAFKA_OFFSET_LOST', `${error.message}; reading goes on at ${typeof start === 'string' ? start : start.offset}`)
      this.#fetcher.seek(assigned.split, start)
      assigned.isMoving = true
    } else throw error
  }

  #report(code: string, message: string): void {
    this.#context.report?.({ code, message: `${CONNECTOR}: ${message}` })
  }
}

/** A position without a record of its own: past what is never shown, or where reading goes on after an offset was lost. */
function passTo(assigned: Assigned, offset: number): void {
  const { isMoving, endOffset } = assigned
  assigned.offset = Math.min(isMoving ? offset : Math.max(assigned.offset, offset), endOffset)
  // It was that of a record which is not there any more.
  if (isMoving) assigned.leaderEpoch = -1
  assigned.isMoving = false
}
