/**
 * Makes a log durable.
 *
 * 1. One sync of a log is under way at a time; what is asked for meanwhile is served by the next one, together.
 * 2. `syncData` covers the records; `flush` also what a restart needs not to look at them again, and moves the recovery point.
 * 3. Older segments are synced before younger ones: what survives is a prefix.
 */
import type { Cancel } from '@millrace/core'
import { replaceFile } from '../checkpoints/atomic-file.ts'
import type { Segment } from '../segment/segment.ts'
import type { LogState } from './log-state.ts'

export class Flusher {
  readonly #state: LogState
  #nextData: Promise<void> | undefined
  #nextFlush: Promise<void> | undefined
  #timer: Cancel | undefined
  /** The folder has names that may not be durable; true until a sync of it has succeeded. */
  #hasNewNames = false

  constructor(state: LogState) {
    this.#state = state
  }

  /** Resolves when everything written by now survives a crash. */
  syncData(): Promise<void> {
    this.#nextData ??= this.#state.syncing.run(() => {
      this.#nextData = undefined
      return this.#syncData()
    })
    return this.#nextData
  }

  /** As `syncData`, and the recovery point moves to what was written by now. */
  flush(): Promise<void> {
    this.#nextFlush ??= this.#state.syncing.run(() => {
      this.#nextFlush = undefined
      return this.flushLocked()
    })
    return this.#nextFlush
  }

  /** A failure is noted by the host; the next flush tries again, if the directory is not offline by then. */
  flushInBackground(): void {
    this.flush().catch((error: unknown) => {
      if (!this.#state.isClosed) this.#state.host.failedInBackground(error, this.#state.directory)
    })
  }

  /** Flushes `flush.ms` from now, unless that is due already. */
  armTimer(): void {
    const { config, host } = this.#state
    if (this.#timer !== undefined || config.flushMs > 0x7fff_ffff) return
    this.#timer = host.clock.after(config.flushMs, () => {
      this.#timer = undefined
      if (this.#state.refusal === undefined) this.flushInBackground()
    })
  }

  cancelTimer(): void {
    this.#timer?.()
    this.#timer = undefined
  }

  /** The flush itself, for who holds `syncing` already. With `isLast` the active segment is sealed, and its indexes are saved too. */
  async flushLocked(isLast = false): Promise<void> {
    const state = this.#state
    await this.#syncData()
    const target = state.syncedOffset
    try {
      await this.#saveCompanions(target, isLast ? state.segments : state.segments.slice(0, -1))
    } catch (error) {
      throw state.host.failed(error, state.directory)
    }
    // The active segment's indexes are not saved. Should it be rolled here and now, it must still be looked at after a crash:
    // the recovery point stays inside of it.
    const { active } = state
    const isUnindexed = active.indexes !== undefined && active.sizeBytes > 0
    const reach = isUnindexed ? Math.min(target, active.nextOffset - 1) : target
    state.recoveryPoint = Math.max(state.recoveryPoint, reach)
  }

  async #syncData(): Promise<void> {
    const state = this.#state
    const { refusal } = state
    if (refusal !== undefined) throw refusal
    const target = state.logEndOffset
    for (const segment of state.segments) {
      const { sizeBytes } = segment
      if (segment.syncedBytes >= sizeBytes) continue
      try {
        await state.host.sync(() => segment.file.use((handle) => handle.sync()))
      } catch (error) {
        throw state.host.failed(error, segment.path('log'), true)
      }
      segment.syncedBytes = sizeBytes
    }
    try {
      if (target > 0) await state.saveNames()
    } catch (error) {
      throw state.host.failed(error, state.directory)
    }
    state.syncedOffset = Math.max(state.syncedOffset, target)
  }

  /** What belongs to the records below `target`. */
  async #saveCompanions(target: number, sealed: readonly Segment[]): Promise<void> {
    const state = this.#state
    for (const segment of sealed) this.#hasNewNames = (await segment.saveSealedIndexes()) || this.#hasNewNames
    for (const [offset, bytes] of state.pendingSnapshots) {
      if (offset > target) continue
      await replaceFile(state.host.disk, state.snapshotPath(offset), bytes)
      this.#hasNewNames = true
      state.pendingSnapshots.delete(offset)
      state.snapshotOffsets.add(offset)
    }
    this.#hasNewNames = (await state.saveEpochs()) || this.#hasNewNames
    if (!this.#hasNewNames) return
    await state.host.disk.syncDirectory(state.directory)
    this.#hasNewNames = false
  }
}
