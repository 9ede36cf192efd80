/**
 * The inputs of one task: takes elements from its channels in turn, aligns barriers, and combines what the channels say about time.
 *
 * 1. A channel that the aligner has blocked is not read: what it holds stays in it, in order.
 * 2. The watermark given out is the smallest of all channels that are neither idle nor at the end of time, and never falls. When all of these have gone idle
 *    it is the largest of theirs, so that it does not depend on the order in which they did. It is the end of time only when all channels are there:
 *    an idle one may still have records.
 * 3. The end is given out once, after every channel has ended.
 */
import type { Clock } from '@millrace/core'
import { BarrierAligner, type AlignerAction, type AlignerEvent } from '../checkpoint/aligner.ts'
import type { SavepointTarget } from '../checkpoint/coordinator-events.ts'
import type { CheckpointMode } from '../checkpoint/options.ts'
import type { ChannelEvent, InputChannel, RecordBatch } from '../exchange/elements.ts'

export interface GateChannel {
  readonly channel: InputChannel
  /** Which input of the head operator its records are for. */
  readonly input: 0 | 1
  /** 'orders[3]': for messages. */
  readonly label: string
}

/** What the task does with what arrives. */
export interface GateHandler {
  records(batch: RecordBatch, channel: number): void
  watermark(time: number): void
  idle(): void
  active(): void
  aligned(action: AlignerAction): void
  end(): void
}

export interface GateOptions {
  readonly mode: CheckpointMode
  /** Ids of checkpoints up to this one are over. */
  readonly settledId: number
  readonly clock: Clock
}

const NEVER = -Infinity

export class InputGate {
  readonly channels: readonly GateChannel[]
  readonly #handler: GateHandler
  readonly #aligner: BarrierAligner
  readonly #blocked: boolean[]
  readonly #ended: boolean[]
  readonly #idle: boolean[]
  readonly #watermarks: number[]
  #watermark = NEVER
  #allIdle = false
  #open: number
  #next = 0
  #aligning: { readonly checkpointId: number; readonly sinceMs: number } | undefined
  readonly #clock: Clock
  /** Where the snapshots of savepoints go that are not taken yet. */
  readonly #savepoints: Map<number, SavepointTarget> = new Map()
  alignmentMs = 0
  /** The newest checkpoint that a barrier has told to be complete. */
  completedId = 0

  constructor(channels: readonly GateChannel[], options: GateOptions, handler: GateHandler) {
    this.channels = channels
    this.#handler = handler
    this.#clock = options.clock
    this.#aligner = new BarrierAligner({ channels: channels.length, mode: options.mode, settledId: options.settledId })
    this.#blocked = channels.map(() => false)
    this.#ended = channels.map(() => false)
    this.#idle = channels.map(() => false)
    this.#watermarks = channels.map(() => NEVER)
    this.#open = channels.length
  }

  get watermark(): number {
    return this.#watermark
  }

  /** Takes one element from the next channel that has one; answers whether there was any. */
  poll(): boolean {
    const count = this.channels.length
    for (let tried = 0; tried < count; tried++) {
      const index = this.#next
      this.#next = index + 1 === count ? 0 : index + 1
      if (this.#blocked[index] || this.#ended[index]) continue
      const element = this.channels[index]!.channel.poll()
      if (element === undefined) continue
      if (element.kind === 'records') this.#handler.records(element, index)
      else this.#event(element, index)
      return true
    }
    return false
  }

  /** Whether `poll` would find anything. */
  get available(): boolean {
    return this.channels.some(({ channel }, index) => !this.#blocked[index] && !this.#ended[index] && channel.available)
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
  control(event: Extract<AlignerEvent, { kind: 'trigger' | 'abort' }>): void {
    this.#align(event)
  }

  #event(event: ChannelEvent, index: number): void {
    switch (event.kind) {
      case 'watermark':
        this.#watermarks[index] = Math.max(this.#watermarks[index]!, event.time)
        this.#combine()
        return
      case 'idle':
      case 'active':
        this.#idle[index] = event.kind === 'idle'
        this.#combine()
        return
      case 'barrier':
        this.completedId = Math.max(this.completedId, event.completedId)
        if (event.savepoint !== undefined) this.expectSavepoint(event.checkpointId, event.savepoint)
        this.#align({ kind: 'barrier', channel: index, checkpointId: event.checkpointId, triggeredMs: event.triggeredMs })
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
    if (this.#open === 0) this.#handler.end()
    else this.#combine()
  }

  #align(event: AlignerEvent): void {
    if (event.kind === 'barrier' && this.#aligning?.checkpointId !== event.checkpointId) {
      this.#aligning = { checkpointId: event.checkpointId, sinceMs: this.#clock.monotonic() }
    }
    for (const action of this.#aligner.on(event)) {
      if (action.kind === 'snapshot') this.alignmentMs = this.#aligning === undefined ? 0 : this.#clock.monotonic() - this.#aligning.sinceMs
      if (action.kind === 'block') this.#blocked[action.channel] = true
      else if (action.kind === 'unblock-all') this.#blocked.fill(false)
      else this.#handler.aligned(action)
    }
  }

  #combine(): void {
    let smallest = Infinity
    let speaking = 0
    let largestIdle = NEVER
    let unfinished = false
    for (let index = 0; index < this.channels.length; index++) {
      const time = this.#watermarks[index]!
      if (this.#ended[index] || time === Infinity) continue
      unfinished = true
      if (this.#idle[index]) largestIdle = Math.max(largestIdle, time)
      else {
        speaking++
        smallest = Math.min(smallest, time)
      }
    }
    const idle = unfinished && speaking === 0
    if (!idle) this.#setIdle(false)
    this.#advance(idle ? largestIdle : smallest)
    if (idle) this.#setIdle(true)
  }

  #setIdle(idle: boolean): void {
    if (idle === this.#allIdle) return
    this.#allIdle = idle
    if (idle) this.#handler.idle()
    else this.#handler.active()
  }

  #advance(time: number): void {
    if (time <= this.#watermark) return
    this.#watermark = time
    this.#handler.watermark(time)
  }
}
