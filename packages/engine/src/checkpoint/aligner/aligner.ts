import { engineError } from '../../errors.ts'
import type { AlignerAction, AlignerEvent, AlignerOptions, AlignmentDecline } from './aligner-events.ts'
import type { CheckpointMode } from '../options.ts'

/** A checkpoint that has begun here and is not decided. */
interface Pending {
  readonly checkpointId: number
  readonly triggeredMs: number
  /** Channels that have delivered the barrier. */
  readonly delivered: Set<number>
  /** Barriers of other channels are not waited for, where that can be. */
  overtakes: boolean
}

/** A checkpoint whose snapshot is taken, while what is in flight is still being read. */
interface Collecting {
  readonly checkpointId: number
  /** Channels whose barrier has not come. */
  readonly awaited: Set<number>
}

/**
 * Barrier alignment of one task: told what arrives on its input channels, answers when to block, to snapshot and to give up.
 *
 * A channel is aligned for a checkpoint once it has delivered its barrier or has ended.
 *
 * 1. A snapshot is asked for exactly when the last channel becomes aligned, or at the trigger where there is none left to wait for, or, of a checkpoint that
 *    overtakes, when the last channel is aligned that cannot be overtaken; never twice, and never for a checkpoint that was cancelled, aborted or superseded:
 *    ids up to `settledId` are over.
 * 2. Snapshot ids ascend.
 * 3. exactly-once: a channel that has delivered its barrier is blocked until the snapshot is taken or given up. At most one checkpoint
 *    has barriers; a newer barrier gives up the older one.
 * 4. While a channel is blocked there is another one that is neither blocked nor ended: nothing stays blocked for ever.
 * 5. Everything given up is declined to the coordinator and cancelled downstream, whatever the cause; no end of a channel hides it.
 *    What is older than a checkpoint given up is given up with it.
 * 6. A trigger gives up nothing: it waits for all channels to end, or becomes the barrier's checkpoint.
 * 7. At most `pendingMax` checkpoints are followed.
 * 8. After a snapshot that has overtaken channels, exactly one of these follows: all of them have delivered its barrier or ended (`collected`), or it is given
 *    up, which is declined unless the coordinator said so itself. Later alignments do not wait for it.
 */
export class BarrierAligner {
  readonly #channels: number
  readonly #mode: CheckpointMode
  readonly #alignedOnly: readonly boolean[]
  readonly #pendingMax: number
  readonly #ended = new Set<number>()
  readonly #blocked = new Set<number>()
  /** Id of the last barrier of each channel. */
  readonly #lastBarriers: Float64Array
  /** Ascending by id. */
  #pending: Pending[] = []
  #collecting: Collecting | undefined
  #settledId: number
  #actions: AlignerAction[] = []

  constructor(options: AlignerOptions) {
    this.#channels = options.channels
    this.#mode = options.mode
    this.#alignedOnly = options.alignedOnly ?? []
    this.#pendingMax = options.pendingMax ?? 50
    this.#settledId = options.settledId ?? 0
    this.#lastBarriers = new Float64Array(options.channels).fill(-1)
  }

  /** The checkpoint that channels are being aligned for, if any: time limits start when it appears. */
  get aligningId(): number | undefined {
    return this.#pending.find((pending) => pending.delivered.size > 0)?.checkpointId
  }

  /** Whether all channels have ended (true of sources). */
  get allEnded(): boolean {
    return this.#ended.size === this.#channels
  }

  isBlocked(channel: number): boolean {
    return this.#blocked.has(channel)
  }

  /** Whether what the channel brings up to its barrier is part of a snapshot that has been taken. */
  isAwaited(channel: number): boolean {
    return this.#collecting?.awaited.has(channel) === true
  }

  /** Whether a snapshot of this checkpoint may still be asked for here. */
  isOpen(checkpointId: number): boolean {
    return checkpointId > this.#settledId
  }

  /** @throws BARRIER_REPEATED, CHANNEL_CORRUPT: the stream is not what a task sends; the task must fail. */
  on(event: AlignerEvent): readonly AlignerAction[] {
    this.#actions = []
    switch (event.kind) {
      case 'barrier':
        this.#barrier(event.channel, event.checkpointId, event.triggeredMs)
        break
      case 'cancel-barrier':
        this.#cancelBarrier(event.channel, event.checkpointId)
        break
      case 'end':
        this.#end(event.channel)
        break
      case 'trigger':
        this.#trigger(event.checkpointId, event.triggeredMs)
        break
      case 'abort':
        this.#abort(event.checkpointId)
        break
      case 'overtake':
        this.#overtake(event.checkpointId, event.triggeredMs)
        break
      case 'ends-ahead':
        this.#collectFrom(event.channel)
        break
      case 'skips-ahead':
        if (this.isAwaited(event.channel)) this.#giveUpCollecting('superseded')
        break
      case 'limit-exceeded':
        this.#limitExceeded(event.limit)
        break
    }
    return this.#actions
  }

  #barrier(channel: number, checkpointId: number, triggeredMs: number): void {
    this.#expectLive(channel, 'a barrier')
    const last = this.#lastBarriers[channel]!
    if (checkpointId === last) throw engineError('BARRIER_REPEATED', { channel, checkpointId })
    if (this.#collecting?.checkpointId === checkpointId && this.isAwaited(channel)) {
      this.#lastBarriers[channel] = checkpointId
      return this.#collectFrom(channel)
    }
    if (checkpointId <= this.#settledId || checkpointId < last) return this.#ignore(checkpointId)
    this.#lastBarriers[channel] = checkpointId
    this.#supersede(channel, checkpointId)
    const pending = this.#follow(checkpointId, triggeredMs)
    if (pending === undefined) return
    pending.delivered.add(channel)
    if (this.#isReady(pending)) return this.#snapshotAligned()
    if (this.#mode === 'at-least-once') return
    this.#blocked.add(channel)
    this.#actions.push({ kind: 'block', channel })
  }

  #cancelBarrier(channel: number, checkpointId: number): void {
    this.#expectLive(channel, 'a barrier cancellation')
    if (this.isAwaited(channel) && checkpointId >= this.#collecting!.checkpointId) this.#giveUpCollecting('cancelled-upstream')
    if (checkpointId <= this.#settledId) return this.#ignore(checkpointId)
    this.#giveUpTo(checkpointId, 'cancelled-upstream')
  }

  #end(channel: number): void {
    this.#expectLive(channel, 'a second end')
    this.#ended.add(channel)
    this.#snapshotAligned()
  }

  #trigger(checkpointId: number, triggeredMs: number): void {
    if (checkpointId <= this.#settledId) return this.#ignore(checkpointId)
    if (this.#follow(checkpointId, triggeredMs) !== undefined) this.#snapshotAligned()
  }

  #overtake(checkpointId: number, triggeredMs: number): void {
    if (checkpointId <= this.#settledId) return this.#ignore(checkpointId)
    const pending = this.#follow(checkpointId, triggeredMs)
    if (pending === undefined) return
    pending.overtakes = true
    this.#snapshotAligned()
  }

  #abort(checkpointId: number): void {
    if (this.#collecting !== undefined && this.#collecting.checkpointId <= checkpointId) this.#giveUpCollecting(undefined)
    if (checkpointId <= this.#settledId) return this.#ignore(checkpointId)
    this.#giveUpTo(checkpointId, undefined)
  }

  #limitExceeded(limit: 'bytes' | 'time'): void {
    const reason = limit === 'bytes' ? 'alignment-bytes' : 'alignment-time'
    if (this.#collecting !== undefined) return this.#giveUpCollecting(reason)
    const aligningId = this.aligningId
    if (aligningId !== undefined) this.#giveUpTo(aligningId, reason)
  }

  #collectFrom(channel: number): void {
    const { checkpointId, awaited } = this.#collecting ?? { checkpointId: 0, awaited: new Set() }
    if (!awaited.delete(channel) || awaited.size > 0) return
    this.#collecting = undefined
    this.#actions.push({ kind: 'collected', checkpointId })
  }

  /** `reason` is undefined where the coordinator itself gave it up. */
  #giveUpCollecting(reason: AlignmentDecline | undefined): void {
    const { checkpointId } = this.#collecting!
    this.#collecting = undefined
    this.#actions.push({ kind: 'give-up-collecting', checkpointId })
    if (reason !== undefined) this.#actions.push({ kind: 'decline', checkpointId, reason })
  }

  /** A barrier shows which older checkpoints this channel will never deliver; with blocking, no two alignments overlap at all. */
  #supersede(channel: number, checkpointId: number): void {
    const lost = this.#pending.findLast(
      (pending) => pending.checkpointId < checkpointId && (this.#mode === 'exactly-once' || !pending.delivered.has(channel)),
    )
    if (lost !== undefined) this.#giveUpTo(lost.checkpointId, 'superseded')
    if (this.#mode === 'exactly-once') this.#settledId = Math.max(this.#settledId, checkpointId - 1)
  }

  /** The pending checkpoint of this id, begun if it is not there; undefined if a channel has skipped it or there is no room for it. */
  #follow(checkpointId: number, triggeredMs: number): Pending | undefined {
    const index = this.#pending.findIndex((pending) => pending.checkpointId >= checkpointId)
    if (this.#pending[index]?.checkpointId === checkpointId) return this.#pending[index]
    if (this.#lastBarriers.some((last) => last > checkpointId)) {
      this.#ignore(checkpointId)
      return undefined
    }
    const begun: Pending = { checkpointId, triggeredMs, delivered: new Set(), overtakes: false }
    this.#pending.splice(index === -1 ? this.#pending.length : index, 0, begun)
    if (this.#pending.length > this.#pendingMax) this.#giveUpTo(this.#pending[0]!.checkpointId, 'too-many-pending')
    return checkpointId > this.#settledId ? begun : undefined
  }

  /** Channels whose barrier has not come. */
  #missing({ delivered }: Pending): readonly number[] {
    const missing: number[] = []
    for (let channel = 0; channel < this.#channels; channel++) {
      if (!delivered.has(channel) && !this.#ended.has(channel)) missing.push(channel)
    }
    return missing
  }

  #isReady(pending: Pending): boolean {
    const missing = this.#missing(pending)
    return missing.length === 0 || (pending.overtakes && missing.every((channel) => this.#alignedOnly[channel] !== true))
  }

  #snapshotAligned(): void {
    for (let at = 0; at < this.#pending.length;) {
      const pending = this.#pending[at]!
      if (!this.#isReady(pending)) {
        at++
        continue
      }
      const { checkpointId, triggeredMs } = pending
      if (at > 0) this.#giveUpTo(this.#pending[at - 1]!.checkpointId, 'superseded')
      this.#pending.shift()
      this.#settledId = checkpointId
      const overtaken = this.#missing(pending)
      if (overtaken.length > 0) this.#collect(checkpointId, overtaken)
      this.#actions.push({ kind: 'snapshot', checkpointId, triggeredMs, overtaken })
      this.#unblockAll()
      at = 0
    }
  }

  #collect(checkpointId: number, channels: readonly number[]): void {
    if (this.#collecting !== undefined) this.#giveUpCollecting('superseded')
    this.#collecting = { checkpointId, awaited: new Set(channels) }
  }

  /** Settles everything up to `checkpointId`, declining what is pending; `reason` is undefined for what the coordinator itself gave up. */
  #giveUpTo(checkpointId: number, reason: AlignmentDecline | undefined): void {
    const given = this.#pending.filter((pending) => pending.checkpointId < checkpointId)
    const heldBarriers = this.#pending.some((pending) => pending.checkpointId <= checkpointId && pending.delivered.size > 0)
    this.#pending = this.#pending.filter((pending) => pending.checkpointId > checkpointId)
    this.#settledId = checkpointId
    if (heldBarriers) this.#unblockAll()
    for (const older of given) this.#decline(older.checkpointId, 'superseded')
    this.#decline(checkpointId, reason)
  }

  #decline(checkpointId: number, reason: AlignmentDecline | undefined): void {
    if (reason !== undefined) this.#actions.push({ kind: 'decline', checkpointId, reason })
    this.#actions.push({ kind: 'forward-cancel', checkpointId })
  }

  #unblockAll(): void {
    if (this.#blocked.size === 0) return
    this.#blocked.clear()
    this.#actions.push({ kind: 'unblock-all' })
  }

  #ignore(checkpointId: number): void {
    this.#actions.push({ kind: 'ignored', checkpointId })
  }

  #expectLive(channel: number, what: string): void {
    if (!Number.isInteger(channel) || channel < 0 || channel >= this.#channels) {
      throw engineError('CHANNEL_CORRUPT', { channel, problem: `there are only ${this.#channels} channels` })
    }
    if (this.#ended.has(channel)) throw engineError('CHANNEL_CORRUPT', { channel, problem: `${what} after its end` })
  }
}
