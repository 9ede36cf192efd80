/**
 * Checkpoints at the inputs of one task: does to its channels what the aligner decides, and measures it.
 *
 * 1. A channel that the aligner has blocked is not read: what it holds stays in it, in order.
 * 2. One that a snapshot has overtaken is read ahead, up to the barrier; nothing of it is processed that the snapshot has not seen.
 * 3. Snapshots are asked for between two records: at a barrier, at a trigger, or from `collect`.
 */
import type { Clock } from '@millrace/core'
import type { AlignerAction, AlignerEvent } from '../../checkpoint/aligner/aligner-events.ts'
import { BarrierAligner } from '../../checkpoint/aligner/aligner.ts'
import type { CheckpointMode } from '../../checkpoint/options.ts'
import type { ChannelEvent, Element, RecordBatch } from '../../exchange/elements.ts'
import { AlignmentTimeout } from './alignment-timeout.ts'
import type { GateChannel } from './gate-channel.ts'
import type { CollectingTimes } from '../snapshot/in-flight.ts'
import { KnownCheckpoints } from './known-checkpoints.ts'
import { ReadAhead, type Found } from './read-ahead.ts'
import type { Alignment } from '../snapshot/snapshot-timings.ts'
import type { Trigger } from './trigger.ts'

/** What the task does with what is decided. */
export interface AlignmentHandler {
  aligned(action: AlignerAction): void
  /** Records for an input that the snapshot just taken has overtaken; valid only now. */
  inFlight(batch: RecordBatch, input: 0 | 1): void
  /** Nothing more is in flight to that snapshot. */
  collected(times: CollectingTimes): void
}

export interface AlignmentOptions {
  readonly mode: CheckpointMode
  /** Ids of checkpoints up to this one are over. */
  readonly settledId: number
  /** Snapshots of unaligned checkpoints wait for barriers this long, from the trigger; undefined: there are no such checkpoints. */
  readonly alignedTimeoutMs?: number
  readonly clock: Clock
  /** Told when `collect` has something new to do. */
  readonly wake: () => void
}

export class GateAlignment {
  readonly known: KnownCheckpoints = new KnownCheckpoints()
  readonly #channels: readonly GateChannel[]
  readonly #handler: AlignmentHandler
  readonly #aligner: BarrierAligner
  readonly #blocked: boolean[]
  readonly #clock: Clock
  readonly #timeout: AlignmentTimeout | undefined
  readonly #ahead: ReadAhead
  #aligning: { readonly checkpointId: number; readonly sinceMs: number; readonly readBytes: number } | undefined
  /** The checkpoint that channels are read ahead for. */
  #collecting: { readonly checkpointId: number; readonly sinceMs: number } | undefined
  /** From the first barrier of the alignment that has just ended to its last. */
  measured: Alignment = { ms: 0, bytes: 0 }

  constructor(channels: readonly GateChannel[], options: AlignmentOptions, handler: AlignmentHandler) {
    const { mode, settledId, alignedTimeoutMs, clock, wake } = options
    this.#channels = channels
    this.#handler = handler
    this.#clock = clock
    this.#timeout = alignedTimeoutMs === undefined ? undefined : new AlignmentTimeout(alignedTimeoutMs, clock, wake)
    this.#ahead = new ReadAhead(channels)
    const alignedOnly = channels.map((channel) => channel.alignedOnly === true)
    this.#aligner = new BarrierAligner({ channels: channels.length, mode, settledId, alignedOnly })
    this.#blocked = channels.map(() => false)
  }

  // ---------- what may be processed

  /** The next element of a channel that may be processed. */
  take(channel: number): Element | undefined {
    if (this.#blocked[channel]) return undefined
    if (!this.#ahead.any && this.#collecting === undefined) return this.#channels[channel]!.channel.poll()
    return this.#ahead.has(channel) || !this.#aligner.isAwaited(channel) ? this.#ahead.take(channel) : undefined
  }

  /** Whether every channel may be read, and `take` would answer what is next in it. */
  get free(): boolean {
    return !this.#ahead.any && this.#collecting === undefined && !this.#blocked.includes(true)
  }

  /** Whether `take` would find anything. */
  has(channel: number): boolean {
    if (this.#blocked[channel]) return false
    return this.#ahead.has(channel) || (!this.#aligner.isAwaited(channel) && this.#channels[channel]!.channel.available)
  }

  // ---------- what is heard

  barrier(barrier: Extract<ChannelEvent, { kind: 'barrier' }>, channel: number): void {
    const { checkpointId, triggeredMs } = barrier
    this.known.hear(barrier)
    this.#align({ kind: 'barrier', channel, checkpointId, triggeredMs })
    if (barrier.unaligned === true) this.#beginTimeout(checkpointId, triggeredMs)
  }

  cancelBarrier(checkpointId: number, channel: number): void {
    this.#align({ kind: 'cancel-barrier', channel, checkpointId })
  }

  end(channel: number): void {
    this.#align({ kind: 'end', channel })
  }

  /** From the coordinator, like `abort`. */
  trigger(trigger: Trigger): void {
    const { checkpointId, triggeredMs } = trigger
    this.known.hear(trigger)
    this.#align({ kind: 'trigger', checkpointId, triggeredMs })
    if (trigger.unaligned === true) this.#beginTimeout(checkpointId, triggeredMs)
  }

  abort(checkpointId: number): void {
    this.#align({ kind: 'abort', checkpointId })
  }

  /** Too much is in flight. */
  exceeded(): void {
    this.#align({ kind: 'limit-exceeded', limit: 'bytes' })
  }

  close(): void {
    this.#timeout?.cancel()
  }

  // ---------- unaligned checkpoints

  /** Whether `collect` would find anything. */
  get collectable(): boolean {
    return (
      this.#collecting !== undefined && this.#channels.some(({ channel }, index) => this.#aligner.isAwaited(index) && channel.available)
    )
  }

  /** Whether channels are read ahead. */
  get collecting(): boolean {
    return this.#collecting !== undefined
  }

  /** Between two records: takes the snapshot that waits no longer for barriers, and reads on in the channels that one has overtaken. Answers whether there was anything to do. */
  collect(): boolean {
    const overdue = this.#timeout?.take()
    if (overdue !== undefined) {
      const { checkpointId, triggeredMs } = overdue
      this.#align({ kind: 'overtake', checkpointId, triggeredMs })
      return true
    }
    if (this.#collecting === undefined) return false
    const { checkpointId } = this.#collecting
    let worked = false
    for (let index = 0; index < this.#channels.length; index++) {
      if (!this.#aligner.isAwaited(index)) continue
      const { found, any } = this.#ahead.read(index, checkpointId, (batch) => this.#inFlight(batch, index))
      if (any) worked = true
      this.#found(found, index, checkpointId)
    }
    return worked
  }

  /** This checkpoint need not be aligned. */
  #beginTimeout(checkpointId: number, triggeredMs: number): void {
    if (this.#timeout === undefined || !this.#aligner.isOpen(checkpointId)) return
    if (this.#timeout.begin(checkpointId, triggeredMs)) this.#align({ kind: 'overtake', checkpointId, triggeredMs })
  }

  #beginCollecting(checkpointId: number, overtaken: readonly number[]): void {
    this.#collecting = { checkpointId, sinceMs: this.#aligning?.sinceMs ?? this.#clock.monotonic() }
    for (const index of overtaken) {
      if (this.#collecting?.checkpointId !== checkpointId) return
      const found = this.#ahead.search(index, checkpointId, (batch) => this.#inFlight(batch, index))
      this.#found(found, index, checkpointId)
    }
  }

  #inFlight(batch: RecordBatch, channel: number): void {
    this.#handler.inFlight(batch, this.#channels[channel]!.input)
  }

  #found(found: Found, channel: number, checkpointId: number): void {
    if (found === 'more') return
    if (found === 'barrier') this.#align({ kind: 'barrier', channel, checkpointId, triggeredMs: 0 })
    else this.#align({ kind: found === 'end' ? 'ends-ahead' : 'skips-ahead', channel })
  }

  // ---------- the aligner

  #align(event: AlignerEvent): void {
    if ((event.kind === 'barrier' || event.kind === 'overtake') && event.checkpointId > (this.#aligning?.checkpointId ?? 0)) {
      this.#aligning = { checkpointId: event.checkpointId, sinceMs: this.#clock.monotonic(), readBytes: this.readBytes }
    }
    for (const action of this.#aligner.on(event)) this.#perform(action)
    const awaited = this.#timeout?.checkpointId
    if (awaited !== undefined && !this.#aligner.isOpen(awaited)) this.#timeout!.cancel()
  }

  #perform(action: AlignerAction): void {
    switch (action.kind) {
      case 'block':
        this.#blocked[action.channel] = true
        return
      case 'unblock-all':
        this.#blocked.fill(false)
        return
      case 'snapshot':
        this.#measure()
        this.#handler.aligned(action)
        if (action.overtaken.length > 0) this.#beginCollecting(action.checkpointId, action.overtaken)
        return
      case 'collected':
        this.#handler.collected({ alignmentMs: this.#msSince(this.#collecting?.sinceMs), processedBytes: this.measured.bytes })
        this.#collecting = undefined
        return
      case 'give-up-collecting':
        this.#collecting = undefined
        this.#handler.aligned(action)
        return
      case 'decline':
      case 'forward-cancel':
      case 'ignored':
        this.#handler.aligned(action)
        return
      default:
        action satisfies never
    }
  }

  #measure(): void {
    const bytes = this.#aligning === undefined ? 0 : this.readBytes - this.#aligning.readBytes
    this.measured = { ms: this.#msSince(this.#aligning?.sinceMs), bytes }
  }

  #msSince(sinceMs: number | undefined): number {
    return sinceMs === undefined ? 0 : this.#clock.monotonic() - sinceMs
  }

  /** Of all channels, so far. */
  get readBytes(): number {
    let bytes = 0
    for (const { channel } of this.#channels) bytes += channel.readBytes
    return bytes
  }
}
