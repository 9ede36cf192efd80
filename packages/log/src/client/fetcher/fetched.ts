import { type MillraceError } from '@millrace/core'
import { BatchCursor, BatchRecords, BatchView, type LogRecord } from '../../records/index.ts'
import { clientError } from '../errors.ts'
import { AbortedFilter, type AbortedTransaction } from './aborted.ts'

/** Records of one partition, in order, as `poll` gives them. */
export interface FetchedRecords {
  readonly topic: string
  readonly partition: number
  /**
   * Keys and values are views of the memory of their batch: copy what is kept for long, or all of it is kept. With `lendRecords` they are good until the next `take` or
   * `poll` only, and made each time they are asked for.
   */
  readonly records: readonly LogRecord[]
  /** Where reading goes on: behind the last record and what follows it that is not shown (markers, aborted records, gaps). */
  readonly nextOffset: number
  /** Of the leader that the records came from; -1 where it is not known. */
  readonly leaderEpoch: number
  /** As the broker said with this answer: the first offset that is not replicated, and the first that is not decided. */
  readonly highWatermark: number
  readonly lastStableOffset: number
}

export interface FetchedRange {
  readonly topic: string
  readonly partition: number
  /** Records before are not shown: a batch may begin earlier. */
  readonly offset: number
  /** Good until `release` is called. */
  readonly bytes: Uint8Array
  /** Whether what is made of them is good for so long only; else it is copied. */
  readonly lent: boolean
  readonly aborted: readonly AbortedTransaction[] | null
  readonly readCommitted: boolean
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly broker: string
  readonly release: () => void
}

/** A range as it came: what of it is to be shown, and then perhaps a batch that cannot be read. */
export interface OpenedRange {
  /** What is known of all its records together; `nextOffset` is behind all of them. */
  readonly about: Omit<FetchedRecords, 'records'>
  readonly records: RecordSupply
  readonly sizeBytes: number
  /** At `about.nextOffset`; its detail `nextOffset` is where the batch that cannot be read ends, as far as it says so. */
  readonly error: MillraceError | undefined
  /** Nobody takes records of it any more, and those that were lent are not looked at. */
  readonly release: () => void
}

/** Records that are made as they are taken: those that wait are bytes, which the garbage collector need not look at. */
export interface RecordSupply {
  readonly hasMore: boolean
  /** Set once a record could not be read; there are no more then. */
  readonly error: MillraceError | undefined
  /** The next records, at most `limit` of them; fewer only where there are no more. */
  take(limit: number): LogRecord[]
}

/** Looks through the batches of a range. Nothing is thrown: what cannot be read ends it. */
export function openRange(range: FetchedRange): OpenedRange {
  const { topic, partition, bytes, offset, readCommitted, highWatermark, lastStableOffset } = range
  const filter = new AbortedFilter(readCommitted ? range.aborted : null)
  const cursor = new BatchCursor(bytes, { verifyCrc: true })
  const shown: BatchView[] = []
  let nextOffset = offset
  let leaderEpoch = -1
  let error: MillraceError | undefined
  for (let batch = cursor.next(); batch !== undefined; batch = cursor.next()) {
    if (batch.nextOffset > offset && filter.shows(batch)) shown.push(batch)
    nextOffset = Math.max(nextOffset, batch.nextOffset)
    leaderEpoch = batch.partitionLeaderEpoch
  }
  if (cursor.stop?.reason === 'corrupt') {
    error = corrupt(range, nextOffset, claimedEnd(bytes, cursor.position, nextOffset), cursor.stop.problem)
  }
  const about = { topic, partition, nextOffset, leaderEpoch, highWatermark, lastStableOffset }
  return { about, records: new ShownRecords(range, shown), sizeBytes: bytes.length, error, release: range.release }
}

class ShownRecords implements RecordSupply {
  readonly #range: FetchedRange
  readonly #batches: readonly BatchView[]
  #nextBatch = 0
  #batch: BatchRecords | undefined
  /** Behind the last record that was taken. */
  #nextOffset: number
  error: MillraceError | undefined

  constructor(range: FetchedRange, batches: readonly BatchView[]) {
    this.#range = range
    this.#batches = batches
    this.#nextOffset = range.offset
  }

  get hasMore(): boolean {
    return this.error === undefined && (this.#batch?.hasMore === true || this.#nextBatch < this.#batches.length)
  }

  take(limit: number): LogRecord[] {
    const taken: LogRecord[] = []
    while (taken.length < limit && this.hasMore) {
      try {
        if (this.#batch?.hasMore !== true) this.#batch = this.#open(this.#batches[this.#nextBatch++]!)
        this.#batch.take(taken, limit, this.#range.offset)
      } catch (cause) {
        const last = taken.at(-1)
        if (last !== undefined) this.#nextOffset = last.offset + 1
        const batch = this.#batches[this.#nextBatch - 1]!
        const offset = Math.max(this.#nextOffset, batch.baseOffset)
        this.error = corrupt(this.#range, offset, Math.max(offset + 1, batch.nextOffset), (cause as Error).message, cause)
      }
    }
    const last = taken.at(-1)
    if (last !== undefined) this.#nextOffset = last.offset + 1
    return taken
  }

  /** Records of a compressed batch have memory of their own in any case. */
  #open(batch: BatchView): BatchRecords {
    const isOwn = this.#range.lent || batch.compression !== 0
    return new BatchRecords(isOwn ? batch : new BatchView(Buffer.from(batch.whole)), this.#range.lent)
  }
}

function corrupt(
  { topic, partition, broker }: FetchedRange,
  offset: number,
  nextOffset: number,
  problem: string,
  cause?: unknown,
): MillraceError {
  return clientError('CLIENT_RECORD_CORRUPT', { topic, partition, offset, nextOffset, broker, problem }, cause)
}

const LAST_OFFSET_DELTA_AT = 23
const HEADER_BYTES = 61

/** Where a batch ends whose header may be damaged: as it says, or one offset on where that makes no sense. */
function claimedEnd(bytes: Uint8Array, at: number, offset: number): number {
  if (bytes.length - at < HEADER_BYTES) return offset + 1
  const view = new DataView(bytes.buffer, bytes.byteOffset + at)
  const end = Number(view.getBigInt64(0)) + view.getInt32(LAST_OFFSET_DELTA_AT) + 1
  return end > offset && end - offset <= 0x7fff_ffff ? end : offset + 1
}
