/**
 * One subtask of one chain: takes elements in, drives the chain, sends elements out. Cooperative: `step` does a short piece of work and returns.
 *
 * 1. A barrier is acted on between two records, never inside one, and never while an operator must be alone.
 * 2. Nothing more is taken in while output waits for room or its reader holds it back, while an operator is full, or before all is replayed that the restored
 *    checkpoint had in flight. Unaligned checkpoints do not wait for any of this.
 * 3. The barrier of a checkpoint is sent on before anything that was processed after its snapshot.
 * 4. After a failure the task does nothing any more but close.
 *    When its input has ended it waits for what is under way, and takes checkpoints meanwhile; from the first `finish` to the last it takes none.
 * 5. `finish` of an operator runs once in the life of its state: a snapshot taken after it says so, also over restores. It runs again where input has come to it after it all the same:
 *    a restore deals out splits of others anew, also to those that had come to their end.
 */
import type { RecordBatch } from '../../exchange/elements.ts'
import type { Chain } from '../../operators/chain.ts'
import { SinkOperator } from '../../operators/sink.ts'
import { EventTimeOrder } from '../gate/event-time-order.ts'
import { finishChain, settled } from './finish-chain.ts'
import { GateAlignment } from '../gate/gate-alignment.ts'
import type { GateChannel } from '../gate/gate-channel.ts'
import type { StalledInput } from '../source/stalled-time.ts'
import { InputGate, type GateHandler } from '../gate/input-gate.ts'
import { PortionedChannel } from '../gate/portioned-channel.ts'
import type { SourceHead } from '../source/source-head.ts'
import { SourceInput, type SourceInputHandler } from '../source/source-input.ts'
import { TaskCheckpoints } from './task-checkpoints.ts'
import { TaskIntake } from './task-intake.ts'
import type { Trigger } from '../gate/trigger.ts'
import { TaskOutputs } from './task-outputs.ts'
import type { StepOutcome, TaskHandler, TaskParts, TaskState } from './task-types.ts'

export class Task implements GateHandler, SourceInputHandler {
  readonly parts: TaskParts
  readonly chain: Chain
  readonly #handler: TaskHandler
  #gate: InputGate | undefined
  #source: SourceInput | undefined
  /** What goes into the chain besides what a source reads. */
  readonly intake: TaskIntake
  readonly #outputs: TaskOutputs
  #state: TaskState = 'opening'
  /** What the inputs have come to, and what the outputs have been told. */
  #idle = false
  #toldIdle = false
  readonly #checkpoints: TaskCheckpoints
  /** Who waits for the next step. */
  #stepped: PromiseWithResolvers<void> | undefined

  constructor(parts: TaskParts, handler: TaskHandler) {
    this.parts = parts
    this.chain = parts.chain
    this.intake = new TaskIntake(parts, () => this.#handler.wake())
    this.#outputs = new TaskOutputs(parts.outputs, parts.unaligned !== undefined)
    this.#handler = handler
    this.#checkpoints = new TaskCheckpoints({
      chain: parts.chain,
      intake: this.intake,
      outputs: this.#outputs,
      handler,
      state: () => this.#state,
    })
  }

  readFrom(channels: readonly GateChannel[], mode: 'exactly-once' | 'at-least-once', settledId: number): void {
    const { clock, unaligned } = this.parts
    const timeout = unaligned === undefined ? {} : { alignedTimeoutMs: unaligned.alignedTimeoutMs }
    const options = { mode, settledId, clock, wake: () => this.#handler.wake(), ...timeout }
    const inputs = channels.map((each) => ({ ...each, channel: new PortionedChannel(each.channel) }))
    const alignment = new GateAlignment(inputs, options, this.#checkpoints)
    this.#gate = new InputGate(inputs, alignment, this, inputs.length < 2 ? undefined : this.#orderOf(inputs))
    this.#checkpoints.readFrom(alignment, undefined)
  }

  /** What is looked up ahead is so for a whole batch. */
  #orderOf(inputs: readonly { readonly channel: PortionedChannel }[]): EventTimeOrder {
    const looksAhead = (): boolean => this.chain.inputs.some((input) => input.looksAhead === true)
    return new EventTimeOrder(
      inputs.map(({ channel }) => channel),
      this.parts.clock,
      looksAhead,
    )
  }

  readSource(head: SourceHead): void {
    this.#source = new SourceInput(head, this.chain, this)
    this.#checkpoints.readFrom(undefined, this.#source)
  }

  get source(): SourceInput | undefined {
    return this.#source
  }

  /** Whether an operator has finished: now, or before the restored checkpoint, and nothing has come to it since. */
  hasFinished(operator: number): boolean {
    return this.#state === 'finished' || this.chain.finishedBefore.has(operator)
  }

  get currentWatermark(): number {
    return this.#gate?.watermark ?? this.#source?.head.watermark ?? -Infinity
  }

  /** The channel for which event time stands still, if that is to be told now. */
  stalledFor(nowMs: number): StalledInput<GateChannel> | undefined {
    return this.#gate?.stalledFor(nowMs)
  }

  get recordsIn(): number {
    return this.intake.recordsIn + (this.#source?.head.emitted ?? 0)
  }

  get recordsOut(): number {
    let out = 0
    for (const output of this.parts.outputs) out += output.written
    for (const operator of this.chain.operators) if (operator instanceof SinkOperator) out += operator.written
    return out
  }

  /** Encoded, from and to other threads. */
  get bytes(): { readonly in: number; readonly out: number } {
    return { in: this.#gate?.readBytes ?? 0, out: this.#outputs.writtenBytes }
  }

  async open(): Promise<void> {
    // Keys that were restored are nobody's current ones.
    this.chain.rest()
    await this.chain.open()
    await this.#source?.head.open()
    this.intake.resume()
    this.#state = 'running'
  }

  /** A split has been added, a promise has settled, or anything else that makes another look worth it. */
  wake(): void {
    this.#source?.lookAgain()
    this.#handler.wake()
  }

  /** A short piece of work. `patient`: it is asked again as long as anything of the slot has work, so that input which is ahead of the rest may wait. */
  step(patient: boolean = false): StepOutcome {
    if (this.#state === 'over' || this.#state === 'opening') return 'over'
    try {
      return this.#step(patient)
    } catch (error) {
      this.fail(error)
      return 'over'
    } finally {
      this.chain.rest()
      this.#stepped?.resolve()
      this.#stepped = undefined
    }
  }

  fail(error: unknown): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#handler.failed(this.chain.cursor.failure ?? error)
  }

  #step(patient: boolean): StepOutcome {
    const { chain } = this
    if (chain.pending > 0) chain.settle()
    const drained = this.#outputs.drain()
    this.#checkpoints.actOnOrders(!drained)
    const collected = this.intake.overtaking !== undefined && !chain.exclusive && this.#checkpoints.collect()
    if (!drained) return collected ? 'worked' : 'back-pressured'
    if (chain.cursor.interrupted && chain.stopped && chain.goOn()) return 'worked'
    if (this.#idle !== this.#toldIdle) this.#tellIdle()
    const timers = this.#fireTimers()
    if (this.#interrupted()) return timers || collected ? 'worked' : chain.pressed ? 'back-pressured' : 'idle'
    if (this.intake.feed.waits) return timers || collected ? 'worked' : 'idle'
    if (this.intake.feed.holds) {
      this.intake.goOn()
      return 'worked'
    }
    if (this.#state !== 'running') return timers ? 'worked' : 'idle'
    const took = this.intake.replayNext() || (this.#source === undefined ? this.#gate!.poll(patient) : this.#source.poll())
    return took || timers || collected ? 'worked' : 'idle'
  }

  // ---------- records

  records(batch: RecordBatch, { input, label }: GateChannel, channel: number): void {
    this.intake.take(batch, { channel, label, operator: 0, input }, this.chain.inputs[input])
  }

  /** Where the record that is passing came from. */
  position(): string | undefined {
    if (this.#source !== undefined) return this.#source.head.position()
    return this.intake.feed.position()
  }

  /** Whether the chain takes no record now; clears the flag if there is no reason left. */
  #interrupted(): boolean {
    const { cursor } = this.chain
    if (cursor.failure !== undefined) throw cursor.failure
    if (!cursor.interrupted) return false
    if (this.chain.full) return true
    cursor.interrupted = false
    return false
  }

  /** Sends what is under construction. */
  flush(): void {
    this.#outputs.flush()
  }

  /** The slot has nothing to do: nothing waits for company any longer. */
  idleFlush(): void {
    this.flush()
    if (this.#state !== 'running') return
    try {
      for (const operator of this.chain.operators) operator.flush()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Whether input has arrived that a step would take. */
  get ready(): boolean {
    if (this.#state !== 'running' || this.#gate === undefined) return false
    if (this.#checkpoints.collectable) return true
    const { pressure } = this.#outputs
    if (pressure !== 'no') return pressure === 'released'
    // An operator without room wakes the task when it has some again.
    if (this.chain.cursor.interrupted && this.chain.full) return false
    return !this.intake.feed.holds && this.#gate.available
  }

  // ---------- time

  watermark(time: number): void {
    this.chain.watermark(time)
  }

  idle(): void {
    this.#idle = true
    this.#tellIdle()
  }

  active(): void {
    this.#idle = false
    this.#tellIdle()
  }

  /** What is under way in the chain, with its records and watermarks, comes before the news that none will. */
  #tellIdle(): void {
    if (this.#idle === this.#toldIdle || (this.#idle && this.chain.pending > 0)) return
    this.#toldIdle = this.#idle
    this.#outputs.tell({ kind: this.#idle ? 'idle' : 'active' })
  }

  get nextTimerMs(): number | undefined {
    if (this.#state !== 'running') return undefined
    const { chain } = this
    // While an operator is full no timer fires; it wakes the task when it has room again.
    const timer = chain.cursor.interrupted && chain.full ? undefined : chain.nextProcessingTimerMs
    const look = this.#source?.nextLookMs
    return timer === undefined || (look !== undefined && look < timer) ? look : timer
  }

  #fireTimers(): boolean {
    const next = this.nextTimerMs
    if (next === undefined) return false
    const nowMs = this.parts.clock.now()
    if (next > nowMs) return false
    this.chain.processingTime(nowMs)
    return true
  }

  // ---------- checkpoints

  /** From the coordinator; acted on between two records. */
  trigger(trigger: Omit<Trigger, 'kind'>): void {
    this.#checkpoints.trigger(trigger)
    this.#handler.wake()
  }

  /**
   * From the enumerator to the reader; acted on behind the triggers that came before it, for the enumerator's part of those checkpoints still has the
   * splits that it gives away now.
   */
  tellReader(tell: (source: SourceHead) => void): void {
    this.#checkpoints.tellReader(tell)
    this.#handler.wake()
  }

  abort(checkpointId: number): void {
    if (this.#checkpoints.abort(checkpointId)) this.wake()
  }

  // ---------- the end

  end(): void {
    this.#state = 'ending'
    this.#finish().then(
      () => {
        if (this.#state !== 'finishing') return
        this.#outputs.tell({ kind: 'end' })
        this.#state = 'finished'
        this.#handler.inputFinished()
        this.#handler.wake()
      },
      (error: unknown) => this.fail(error),
    )
  }

  async #finish(): Promise<void> {
    const { clock } = this.parts
    const goesOn = (): boolean => this.#state === 'ending' || this.#state === 'finishing'
    const stepped = (): Promise<void> => (this.#stepped ??= Promise.withResolvers()).promise
    const options = { clock, goesOn, stepped }
    if (this.chain.pending > 0) await settled(this.chain, this.chain, options)
    if (!goesOn()) return
    this.#state = 'finishing'
    await finishChain(this.chain, options)
  }

  /** Closes source and operators; answers what they threw. */
  async close(): Promise<readonly unknown[]> {
    this.#state = 'over'
    const errors: unknown[] = []
    this.#source?.head.limit?.close()
    try {
      await this.#source?.head.close()
    } catch (error) {
      errors.push(error)
    }
    errors.push(...(await this.chain.close()))
    this.#gate?.close()
    this.#outputs.close()
    return errors
  }
}
