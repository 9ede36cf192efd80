/**
 * The read path of one log: plans byte ranges, loads no records.
 *
 * 1. A plan's segments are pinned before the first look at their files, and until the plan is released.
 * 2. What lies at the isolation's bound or above is never in a plan.
 * 3. Offsets that are not there are passed over, as compaction leaves such; where nothing is compacted that is told, once a log.
 */
import { logError } from '../../errors.ts'
import { abortedIn, type AbortedTransaction } from '../index/transaction-index.ts'
import type { Segment } from '../segment/segment.ts'
import type { LogState } from './log-state.ts'
import { fillFromRanges, type FileRange, type Isolation, type ReadOptions, type ReadPlan } from './read-plan.ts'
import type { BatchPlace } from './recent-batches.ts'

export class Reader {
  readonly #state: LogState
  #isGapTold = false

  constructor(state: LogState) {
    this.#state = state
  }

  /** @throws `STORAGE_OFFSET_OUT_OF_RANGE`, `STORAGE_OFFLINE`, `STORAGE_CLOSED` */
  async read(options: ReadOptions): Promise<ReadPlan> {
    const state = this.#state
    this.#check(options.startOffset)
    const bound = boundOf(state, options.isolation)
    const facts = {
      logStartOffset: state.logStartOffset,
      logEndOffset: state.logEndOffset,
      highWatermark: state.highWatermark,
      lastStableOffset: state.lastStableOffset,
    }
    const segments = this.#segmentsFor(options)
    const releases = segments.map((segment) => segment.pin())
    const release = (): void => releases.forEach((unpin) => unpin())
    try {
      const { ranges, sizeBytes, endOffset } = await this.#plan(segments, options, bound)
      const abortedTransactions =
        options.isolation === 'last-stable' ? await this.aborted(options.startOffset, Math.min(bound, endOffset)) : undefined
      const readInto = (into: Uint8Array, position: number): Promise<void> => this.#load(ranges, into, position)
      return { ranges, sizeBytes, ...facts, abortedTransactions, readInto, release }
    } catch (error) {
      release()
      throw state.refusal ?? state.host.failed(error, state.directory)
    }
  }

  /** The first batch that ends at `offset` or above in this segment; undefined if there is none. The segment is pinned. */
  async find(segment: Segment, offset: number): Promise<BatchPlace | undefined> {
    if (segment === this.#state.active) {
      const recent = this.#state.recent.find(offset)
      if (recent !== undefined) return recent
    }
    const end = segment.sizeBytes
    const { position } = (await segment.currentIndexes()).offsets.lookup(offset)
    const scanner = segment.scan(position, end)
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
      if (batch.lastOffset < offset) continue
      return { position: scanner.batchPosition, sizeBytes: batch.sizeBytes, baseOffset: batch.baseOffset, lastOffset: batch.lastOffset }
    }
    if (scanner.stop !== 'end') throw logError('STORAGE_CORRUPT', { path: segment.path('log'), problem: scanner.problem })
    return undefined
  }

  /** The aborted transactions that concern a reader of `[startOffset, endOffset)`. */
  async aborted(startOffset: number, endOffset: number): Promise<AbortedTransaction[]> {
    const { segments } = this.#state
    const all: AbortedTransaction[] = []
    for (const segment of segments.slice(Math.max(0, this.#state.segmentIndexFor(startOffset)))) {
      if (!segment.hasAborted) continue
      const unpin = segment.pin()
      try {
        const { found, complete } = abortedIn((await segment.currentIndexes()).aborted, startOffset, endOffset)
        all.push(...found)
        if (complete) break
      } finally {
        unpin()
      }
    }
    return all
  }

  async #load(ranges: readonly FileRange[], into: Uint8Array, position: number): Promise<void> {
    const state = this.#state
    try {
      if (await fillFromRanges(ranges, into, position)) return
    } catch (error) {
      throw state.refusal ?? state.host.failed(error, state.directory)
    }
    const error = logError('STORAGE_CORRUPT', { path: state.directory, problem: 'a segment is shorter than it was' })
    throw state.refusal ?? state.host.failed(error, state.directory)
  }

  /** The segment of the start, and so many behind it as can hold what is asked for. */
  #segmentsFor({ startOffset, maxBytes }: ReadOptions): Segment[] {
    const { segments } = this.#state
    const first = Math.max(0, this.#state.segmentIndexFor(startOffset))
    let end = first + 1
    for (let behindBytes = 0; end < segments.length && behindBytes < Math.max(maxBytes, 1); end++) behindBytes += segments[end]!.sizeBytes
    return segments.slice(first, end)
  }

  #check(offset: number): void {
    const { refusal, logStartOffset, logEndOffset, name } = this.#state
    if (refusal !== undefined) throw refusal
    if (offset < logStartOffset || offset > logEndOffset) {
      throw logError('STORAGE_OFFSET_OUT_OF_RANGE', { offset, partition: name, logStart: logStartOffset, logEnd: logEndOffset })
    }
  }

  async #plan(
    segments: readonly Segment[],
    { startOffset, maxBytes, minOneBatch }: ReadOptions,
    bound: number,
  ): Promise<{ ranges: FileRange[]; sizeBytes: number; endOffset: number }> {
    const ranges: FileRange[] = []
    let sizeBytes = 0
    if (startOffset >= bound) return { ranges, sizeBytes, endOffset: startOffset }
    for (const segment of segments) {
      if (segment.baseOffset >= bound || (sizeBytes > 0 && sizeBytes >= maxBytes)) break
      const end = await this.#endPosition(segment, bound)
      const first = sizeBytes === 0 ? await this.find(segment, startOffset) : undefined
      if (sizeBytes === 0 && (first === undefined || first.baseOffset >= bound)) continue
      if (first !== undefined && first.baseOffset > startOffset) this.#passedOver(startOffset, first.baseOffset)
      const position = first?.position ?? 0
      const floorBytes = minOneBatch && first !== undefined ? first.sizeBytes : 0
      const lengthBytes = Math.min(end - position, Math.max(maxBytes - sizeBytes, floorBytes))
      // A reader makes nothing of a first batch that is cut off.
      if (lengthBytes <= 0 || (first !== undefined && lengthBytes < first.sizeBytes)) break
      ranges.push({ file: segment.file, position, lengthBytes })
      sizeBytes += lengthBytes
      if (position + lengthBytes < end) return { ranges, sizeBytes, endOffset: await offsetBound(segment, position + lengthBytes) }
    }
    return { ranges, sizeBytes, endOffset: bound }
  }

  #passedOver(from: number, to: number): void {
    const { config, host, directory } = this.#state
    if (config.cleanupCompact || this.#isGapTold) return
    this.#isGapTold = true
    host.notice({ kind: 'gap', path: directory, problem: `offsets ${from} to ${to - 1} were asked for and are not there` })
  }

  /** Where in the segment's file `bound` begins. */
  async #endPosition(segment: Segment, bound: number): Promise<number> {
    const { sizeBytes } = segment
    if (bound >= segment.nextOffset) return sizeBytes
    return (await this.find(segment, bound))?.position ?? sizeBytes
  }
}

export function boundOf(state: LogState, isolation: Isolation): number {
  if (isolation === 'log-end') return state.logEndOffset
  return isolation === 'high-watermark' ? state.highWatermark : state.lastStableOffset
}

/** An offset at or above all that begins before `position`, as close as the index tells. */
async function offsetBound(segment: Segment, position: number): Promise<number> {
  const { offsets } = await segment.currentIndexes()
  return offsets.firstAtPosition(position)?.offset ?? segment.nextOffset
}
