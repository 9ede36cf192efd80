/**
 * The inputs of one task: takes elements from its channels in turn, aligns barriers, and combines what the channels say about time.
 *
 * 1. A channel that the aligner has blocked is not read: what it holds stays in it, in order. One that a snapshot has overtaken is read ahead, up to the
 *    barrier; nothing of it is processed that the snapshot has not seen.
 * 2. The end is given out once, after every channel has ended.
 */
import type { Cancel, Clock } from '@millrace/core'
import type { AlignerAction, AlignerEvent } from '../checkpoint/aligner-events.ts'
import { BarrierAligner } from '../checkpoint/aligner.ts'
import type { SavepointTarget } from '../checkpoint/coordinator-events.ts'
import type { CheckpointMode } from '../checkpoint/options.ts'
import type { ChannelEvent, Element, InputChannel, RecordBatch } from '../exchange/elements.ts'
import { CombinedTime, type TimeHandler } from './combined-time.ts'
import type { CollectingTimes } from './in-flight.ts'
import { ReadAhead, type Found } from './read-ahead.ts'

export interface GateChannel {
  readonly channel: InputChannel
  /** Which input of the head operator its records are for. */
  readonly input: 0 | 1
  /** 'orders[3]': for messages. */
  readonly label: string
  /** Its records could not be dealt out anew over another number of subtasks: no snapshot overtakes them. */
  readonly alignedOnly?: boolean
}

/** What the task does with what arrives. */
export interface GateHandler extends TimeHandler {
  records(batch: RecordBatch, channel: number): void
  aligned(action: AlignerAction): void
  /** Records of a channel that the snapshot just taken has overtaken; valid only now. */
  inFlight(batch: RecordBatch, channel: number): void
  /** Nothing more is in flight to that snapshot. */
  collected(times: CollectingTimes): void
  end(): void
  wake(): void
}

export interface GateOptions {
  readonly mode: CheckpointMode
  /** Ids of checkpoints up to this one are over. */
  readonly settledId: number
  /** Snapshots of unaligned checkpoints wait for barriers this long, from the trigger; undefined: there are no such checkpoints. */
  readonly alignedTimeoutMs?: number
  readonly clock: Clock
}

export class InputGate {
  readonly channels: readonly GateChannel[]
  readonly #handler: GateHandler
  readonly #aligner: BarrierAligner
  readonly #blocked: boolean[]
  readonly #ended: boolean[]
  readonly #time: CombinedTime
  #open: number
  #next = 0
  #aligning: { readonly checkpointId: number; readonly sinceMs: number; readonly readBytes: number } | undefined
  readonly #ahead: ReadAhead
  /** The checkpoint that channels are read ahead for. */
  #collecting: { readonly checkpointId: number; readonly sinceMs: number } | undefined
  readonly #alignedTimeoutMs: number | undefined
  /** An unaligned checkpoint whose snapshot still waits for barriers, and for how long. */
  #patience: { readonly checkpointId: number; readonly triggeredMs: number; over: boolean; readonly cancel: Cancel } | undefined
  readonly #clock: Clock
  /** Where the snapshots of savepoints go that are not taken yet. */
  readonly #savepoints: Map<number, SavepointTarget> = new Map()
  alignmentMs = 0
  /** Bytes of records received during the alignment that has just ended. */
  alignmentBytes = 0
  /** The newest unaligned checkpoint that was heard of. */
  unalignedId = 0
  /** The newest checkpoint that a barrier has told to be complete. */
  completedId = 0

  constructor(channels: readonly GateChannel[], options: GateOptions, handler: GateHandler) {
    this.channels = channels
    this.#handler = handler
    this.#clock = options.clock
    this.#alignedTimeoutMs = options.alignedTimeoutMs
    this.#ahead = new ReadAhead(channels)
    this.#aligner = new BarrierAligner({
      channels: channels.length,
      mode: options.mode,
      settledId: options.settledId,
      alignedOnly: channels.map(({ alignedOnly }) => alignedOnly === true),
    })
    this.#blocked = channels.map(() => false)
    this.#ended = channels.map(() => false)
    this.#time = new CombinedTime(channels.length, handler)
    this.#open = channels.length
  }

  get watermark(): number {
    return this.#time.watermark
  }

  /** Takes one element from the next channel that has one; answers whether there was any. */
  poll(): boolean {
    const count = this.channels.length
    for (let tried = 0; tried < count; tried++) {
      const index = this.#next
      this.#next = index + 1 === count ? 0 : index + 1
      if (this.#blocked[index] || this.#ended[index]) continue
      const element = this.#ahead.any || this.#collecting !== undefined ? this.#take(index) : this.channels[index]!.channel.poll()
      if (element === undefined) continue
      if (element.kind === 'records') this.#handler.records(element, index)
      else this.#event(element, index)
      return true
    }
    return false
  }

  /** Whether `poll` would find anything. */
  get available(): boolean {
    return this.channels.some(
      ({ channel }, index) =>
        !this.#blocked[index] && !this.#ended[index] && (this.#ahead.has(index) || (!this.#aligner.isAwaited(index) && channel.available)),
    )
  }

  // ---------- unaligned checkpoints

  /** Whether `collect` would find anything. */
  get collectable(): boolean {
    return this.#collecting !== undefined && this.channels.some(({ channel }, index) => this.#aligner.isAwaited(index) && channel.available)
  }

  /** Whether channels are read ahead. */
  get collecting(): boolean {
    return this.#collecting !== undefined
  }

  /** Between two records: takes the snapshot whose patience with barriers is over, and reads on in the channels that one has overtaken. Answers whether there was anything to do. */
  collect(): boolean {
    const patience = this.#patience
    if (patience?.over === true) {
      this.#patience = undefined
      this.#align({ kind: 'overtake', checkpointId: patience.checkpointId, triggeredMs: patience.triggeredMs })
      return true
    }
    if (this.#collecting === undefined) return false
    const { checkpointId } = this.#collecting
    let worked = false
    for (let index = 0; index < this.channels.length; index++) {
      if (!this.#aligner.isAwaited(index)) continue
      const { found, any } = this.#ahead.read(index, checkpointId, (batch) => this.#handler.inFlight(batch, index))
      if (any) worked = true
      this.#found(found, index, checkpointId)
    }
    return worked
  }

  /** Too much is in flight. */
  exceeded(): void {
    this.#align({ kind: 'limit-exceeded', limit: 'bytes' })
  }

  close(): void {
    this.#patience?.cancel()
    for (const { channel } of this.channels) channel.close()
  }

  /** The next of what may be processed. */
  #take(index: number): Element | undefined {
    return this.#ahead.has(index) || !this.#aligner.isAwaited(index) ? this.#ahead.take(index) : undefined
  }

  /** This checkpoint need not be aligned. */
  #beImpatient(checkpointId: number, triggeredMs: number): void {
    const timeoutMs = this.#alignedTimeoutMs
    if (timeoutMs === undefined || !this.#aligner.isOpen(checkpointId) || checkpointId <= (this.#patience?.checkpointId ?? 0)) return
    if (timeoutMs === 0) return this.#align({ kind: 'overtake', checkpointId, triggeredMs })
    this.#patience?.cancel()
    const leftMs = Math.min(timeoutMs, Math.max(0, triggeredMs + timeoutMs - this.#clock.now()))
    const cancel = this.#clock.after(leftMs, () => {
      patience.over = true
      this.#handler.wake()
    })
    const patience = { checkpointId, triggeredMs, over: false, cancel }
    this.#patience = patience
  }

  #beginCollecting(checkpointId: number, overtaken: readonly number[]): void {
    this.#collecting = { checkpointId, sinceMs: this.#aligning?.sinceMs ?? this.#clock.monotonic() }
    for (const index of overtaken) {
      if (this.#collecting?.checkpointId !== checkpointId) return
      const found = this.#ahead.search(index, checkpointId, (batch) => this.#handler.inFlight(batch, index))
      this.#found(found, index, checkpointId)
    }
  }

  #found(found: Found, channel: number, checkpointId: number): void {
    if (found === 'more') return
    if (found === 'barrier') this.#align({ kind: 'barrier', channel, checkpointId, triggeredMs: 0 })
    else this.#align({ kind: found === 'end' ? 'ends-ahead' : 'skips-ahead', channel })
  }

  /** A snapshot that will be asked for is one for a savepoint. */
  expectSavepoint(checkpointId: number, target: SavepointTarget): void {
    this.#savepoints.set(checkpointId, target)
  }

  /** Where the snapshot of a checkpoint goes that is taken now, or given up: nothing older will be taken any more. */
  takeSavepoint(checkpointId: number): SavepointTarget | undefined {
    if (this.#savepoints.size === 0) return undefined
    const target = this.#savepoints.get(checkpointId)
    for (const id of this.#savepoints.keys()) if (id <= checkpointId) this.#savepoints.delete(id)
    return target
  }

  /** Tells the aligner what the coordinator says. */
  control(event: Extract<AlignerEvent, { kind: 'trigger' | 'abort' }>, unaligned: boolean = false): void {
    if (unaligned) this.unalignedId = Math.max(this.unalignedId, event.checkpointId)
    this.#align(event)
    if (unaligned && event.kind === 'trigger') this.#beImpatient(event.checkpointId, event.triggeredMs)
  }

  #event(event: ChannelEvent, index: number): void {
    switch (event.kind) {
      case 'watermark':
        this.#time.advance(index, event.time)
        return
      case 'idle':
      case 'active':
        this.#time.setIdle(index, event.kind === 'idle')
        return
      case 'barrier':
        this.completedId = Math.max(this.completedId, event.completedId)
        if (event.savepoint !== undefined) this.expectSavepoint(event.checkpointId, event.savepoint)
        if (event.unaligned === true) this.unalignedId = Math.max(this.unalignedId, event.checkpointId)
        this.#align({ kind: 'barrier', channel: index, checkpointId: event.checkpointId, triggeredMs: event.triggeredMs })
        if (event.unaligned === true) this.#beImpatient(event.checkpointId, event.triggeredMs)
        return
      case 'cancel-barrier':
        this.#align({ kind: 'cancel-barrier', channel: index, checkpointId: event.checkpointId })
        return
      case 'end':
        this.#end(index)
        return
      case 'latency':
        return
      default:
        event satisfies never
    }
  }

  #end(index: number): void {
    this.#ended[index] = true
    this.#open--
    this.#align({ kind: 'end', channel: index })
    this.#time.end(index)
    if (this.#open === 0) this.#handler.end()
  }

  #align(event: AlignerEvent): void {
    if ((event.kind === 'barrier' || event.kind === 'overtake') && event.checkpointId > (this.#aligning?.checkpointId ?? 0)) {
      this.#aligning = { checkpointId: event.checkpointId, sinceMs: this.#clock.monotonic(), readBytes: this.#readBytes() }
    }
    for (const action of this.#aligner.on(event)) this.#perform(action)
    const patience = this.#patience
    if (patience === undefined || this.#aligner.isOpen(patience.checkpointId)) return
    patience.cancel()
    this.#patience = undefined
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
        this.alignmentMs = this.#msSince(this.#aligning?.sinceMs)
        this.alignmentBytes = this.#aligning === undefined ? 0 : this.#readBytes() - this.#aligning.readBytes
        this.#handler.aligned(action)
        if (action.overtaken.length > 0) this.#beginCollecting(action.checkpointId, action.overtaken)
        return
      case 'collected':
        this.#handler.collected({ alignmentMs: this.#msSince(this.#collecting?.sinceMs), processedBytes: this.alignmentBytes })
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

  #msSince(sinceMs: number | undefined): number {
    return sinceMs === undefined ? 0 : this.#clock.monotonic() - sinceMs
  }

  #readBytes(): number {
    let bytes = 0
    for (const { channel } of this.channels) bytes += channel.readBytes
    return bytes
  }
}
