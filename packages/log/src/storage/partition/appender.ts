/**
 * The write path of one log.
 *
 * 1. Appends are decided in the order of their arrival, those of a turn together, and written with one call; one write is outstanding.
 * 2. An append is visible only after its bytes are written, and acknowledged after that or, by the flush policy, after a sync.
 * 3. A write that fails is cut off, durably, before anything else is written; where that fails too the directory goes offline.
 * 4. A group lies in one segment; a roll lies between two groups.
 */
import { logError } from '../../errors.ts'
import { RELATIVE_OFFSET_MAX } from '../index/offset-index.ts'
import { AppendGroup } from './append-group.ts'
import { prepareAppend, type AppendOptions, type AppendRequest, type AppendResult } from './append-request.ts'
import type { Flusher } from './flusher.ts'
import type { LogState } from './log-state.ts'
import { rollReason } from './roll.ts'
import { SerialLane } from './serial-lane.ts'

/** Bytes written with one call, unless a single append is larger. */
const groupBytesMax = 16 * 1024 * 1024

export class Appender {
  readonly lane: SerialLane<AppendRequest>
  readonly #state: LogState
  readonly #flusher: Flusher

  constructor(state: LogState, flusher: Flusher) {
    this.#state = state
    this.#flusher = flusher
    this.lane = new SerialLane(state.host.clock, (requests) => this.#write(requests))
  }

  append(bytes: Uint8Array, options: AppendOptions): Promise<AppendResult> {
    return new Promise((resolve, reject) => this.lane.push(prepareAppend(bytes, options, resolve, reject)))
  }

  /** Starts a new segment at the end of the log; does nothing while the active one is empty. Only in the lane. */
  async roll(baseOffset: number = this.#state.logEndOffset): Promise<void> {
    const state = this.#state
    const { active } = state
    if (active.baseOffset === baseOffset) return
    const segment = await state.createSegment(baseOffset)
    active.seal()
    active.nextOffset = Math.max(active.nextOffset, state.logEndOffset)
    state.segments = [...state.segments, segment]
    state.recent.clear()
    state.pendingSnapshots.set(baseOffset, state.producers.snapshot())
    this.#flusher.flushInBackground()
  }

  async #write(requests: readonly AppendRequest[]): Promise<number> {
    const { refusal } = this.#state
    if (refusal !== undefined) {
      for (const request of requests) request.reject(refusal)
      return requests.length
    }
    const [first] = requests
    if (this.#needsRoll(first!, undefined)) {
      try {
        await this.roll(this.#newBaseOffset(first!))
      } catch (error) {
        first!.reject(this.#state.host.failed(error, this.#state.directory))
        return 1
      }
    }
    return await this.#writeGroup(requests)
  }

  async #writeGroup(requests: readonly AppendRequest[]): Promise<number> {
    const group = new AppendGroup(this.#state)
    let count = 0
    for (const request of requests) {
      if (count > 0 && (group.sizeBytes > groupBytesMax || this.#needsRoll(request, group))) break
      count++
      if (this.#isTooLarge(request)) continue
      group.decide(request)
    }
    if (await this.#persist(group)) this.#acknowledge(group)
    return count
  }

  /** Whether the group has been written; if not, its appends have been refused. */
  async #persist(group: AppendGroup): Promise<boolean> {
    const { active, host } = this.#state
    const position = active.sizeBytes
    if (group.chunks.length > 0) {
      if (!(await this.#hasNames(group))) return false
      try {
        await active.file.use((handle) => handle.writeAll(group.chunks, position))
      } catch (error) {
        group.undo(await this.#cutOff(position, host.failed(error, active.path('log'))))
        return false
      }
      host.wrote()
    }
    group.publish()
    return true
  }

  /** Where the acknowledgement is to wait for a sync, the folder is made durable first: what it needs may not be there, and then nothing is written. */
  async #hasNames(group: AppendGroup): Promise<boolean> {
    const state = this.#state
    if (state.areNamesDurable || !this.#isSyncDue(group.nextOffset)) return true
    try {
      await state.saveNames()
      return true
    } catch (error) {
      group.undo(state.host.failed(error, state.directory))
      return false
    }
  }

  async #cutOff(position: number, refusal: unknown): Promise<unknown> {
    const { active, host } = this.#state
    if (host.offline !== undefined) return refusal
    try {
      await active.file.use(async (handle) => {
        await handle.truncate(position)
        await handle.sync()
      })
      return refusal
    } catch (error) {
      return host.failed(error, active.path('log'), true)
    }
  }

  #acknowledge(group: AppendGroup): void {
    const { logEndOffset } = this.#state
    if (!this.#isSyncDue(logEndOffset)) {
      this.#flusher.armTimer()
      group.resolve()
      return
    }
    // The records' own sync is what an acknowledgement means; the rest of a flush may fail on a full disk and be tried again.
    const synced = this.#flusher.syncData()
    if (this.#isFlushDue(logEndOffset)) this.#flusher.flushInBackground()
    synced.then(
      () => group.resolve(),
      (error: unknown) => group.reject(error),
    )
  }

  #isFlushDue(logEndOffset: number): boolean {
    const { config, recoveryPoint } = this.#state
    return logEndOffset - recoveryPoint >= config.flushMessages
  }

  #isSyncDue(logEndOffset: number): boolean {
    return this.#state.config.durable || this.#isFlushDue(logEndOffset)
  }

  #needsRoll(request: AppendRequest, group: AppendGroup | undefined): boolean {
    const { config, active, host, segmentJitterMs } = this.#state
    const nextOffset = group?.nextOffset ?? this.#state.logEndOffset
    const lastOffset = request.origin === 'replication' ? request.batches.at(-1)!.lastOffset : nextOffset + request.offsetCount - 1
    const { baseOffset, createdMs, firstBatchTimestamp } = active
    const isIndexFull = active.indexes?.isFull(config.segmentIndexBytes) ?? false
    const reason = rollReason({
      config,
      jitterMs: segmentJitterMs,
      nowMs: host.clock.now(),
      segment: { baseOffset, createdMs, firstBatchTimestamp, isIndexFull },
      sizeBytes: active.sizeBytes + (group?.sizeBytes ?? 0),
      append: { sizeBytes: request.bytes.length, maxTimestamp: request.maxTimestamp, lastOffset },
    })
    return reason !== undefined
  }

  /** The log's end, unless the segment could not reach the append's last offset from there (replication of a compacted log). */
  #newBaseOffset(request: AppendRequest): number {
    const { logEndOffset } = this.#state
    const isInReach = request.origin !== 'replication' || request.batches.at(-1)!.lastOffset - logEndOffset <= RELATIVE_OFFSET_MAX
    return isInReach ? logEndOffset : request.batches[0]!.baseOffset
  }

  #isTooLarge(request: AppendRequest): boolean {
    const { segmentBytes } = this.#state.config
    const isTooLarge = request.origin !== 'replication' && request.bytes.length > segmentBytes
    if (isTooLarge) request.reject(logError('STORAGE_APPEND_TOO_LARGE', { size: request.bytes.length, limit: segmentBytes }))
    return isTooLarge
  }
}
