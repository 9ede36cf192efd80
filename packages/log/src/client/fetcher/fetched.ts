import { type MillraceError } from '@millrace/core'
import { BatchCursor, records as recordsOf, type LogRecord } from '../../records/index.ts'
import { clientError } from '../errors.ts'
import { AbortedFilter, type AbortedTransaction } from './aborted.ts'

/** Records of one partition, in order, as `poll` gives them. */
export interface FetchedRecords {
  readonly topic: string
  readonly partition: number
  /** Keys and values are views of one fetched buffer: copy what is kept for long, or that buffer is kept with it. */
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
  readonly bytes: Uint8Array
  readonly aborted: readonly AbortedTransaction[] | null
  readonly readCommitted: boolean
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly broker: string
}

/** What reading a range came to: records, and then perhaps a batch that cannot be read. */
export interface DecodedRange {
  readonly fetched: FetchedRecords
  readonly sizeBytes: number
  /** At `fetched.nextOffset`; its detail `nextOffset` is where the batch that cannot be read ends, as far as it says so. */
  readonly error: MillraceError | undefined
}

/** Decodes a range. Nothing is thrown: what cannot be read ends it. */
export function decodeRange(range: FetchedRange): DecodedRange {
  const { topic, partition, bytes, offset, readCommitted, highWatermark, lastStableOffset } = range
  const filter = new AbortedFilter(readCommitted ? range.aborted : null)
  const cursor = new BatchCursor(bytes, { verifyCrc: true })
  const records: LogRecord[] = []
  let nextOffset = offset
  let leaderEpoch = -1
  let error: MillraceError | undefined
  for (let batch = cursor.next(); batch !== undefined; batch = cursor.next()) {
    const before = records.length
    try {
      if (batch.nextOffset > offset && filter.shows(batch))
        for (const record of recordsOf(batch)) if (record.offset >= offset) records.push(record)
    } catch (cause) {
      records.length = before
      error = corrupt(range, nextOffset, batch.nextOffset, (cause as Error).message, cause)
      break
    }
    nextOffset = Math.max(nextOffset, batch.nextOffset)
    leaderEpoch = batch.partitionLeaderEpoch
  }
  if (cursor.stop?.reason === 'corrupt') {
    error = corrupt(range, nextOffset, claimedEnd(bytes, cursor.position, nextOffset), cursor.stop.problem)
  }
  const fetched = { topic, partition, records, nextOffset, leaderEpoch, highWatermark, lastStableOffset }
  return { fetched, sizeBytes: bytes.length, error }
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
