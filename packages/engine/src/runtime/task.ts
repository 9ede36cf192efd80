/**
 * One subtask of one chain: takes elements in, drives the chain, sends elements out. Cooperative: `step` does a short piece of work and returns.
 *
 * 1. A barrier is acted on between two records, never inside one, and never while an operator must be alone.
 * 2. Nothing more is taken in while output waits for room or its reader holds it back, while an operator is full, or before all is replayed that the restored
 *    checkpoint had in flight. Unaligned checkpoints do not wait for any of this.
 * 3. The barrier of a checkpoint is sent on before anything that was processed after its snapshot.
 * 4. After a failure the task does nothing any more but close.
 * 5. `finish` of the operators runs once in the life of the state: a snapshot taken after it says so.
 */
import type { RecordBatch } from '../exchange/elements.ts'
import type { Chain } from '../operators/chain.ts'
import type { Operator, UnfinishedInput } from '../operators/operator.ts'
import { SinkOperator } from '../operators/sink.ts'
import { BatchFeed } from './batch-feed.ts'
import { GateAlignment } from './gate-alignment.ts'
import type { GateChannel } from './gate-channel.ts'
import { InputGate, type GateHandler } from './input-gate.ts'
import { Overtaking, type Replayed } from './overtaking.ts'
import { SourceHead } from './source-head.ts'
import { TaskCheckpoints } from './task-checkpoints.ts'
import type { Trigger } from './task-orders.ts'
import { TaskOutputs } from './task-outputs.ts'
import type { StepOutcome, TaskHandler, TaskParts, TaskState } from './task-types.ts'

export class Task implements GateHandler {
  readonly parts: TaskParts
  readonly chain: Chain
  readonly #handler: TaskHandler
  #gate: InputGate | undefined
  #source: SourceHead | undefined
  readonly #feed: BatchFeed
  readonly #overtaking: Overtaking | undefined
  /** What the restored checkpoint had in flight, and is not handed in yet. */
  readonly #replay: Replayed[] = []
  readonly #outputs: TaskOutputs
  #state: TaskState = 'opening'
  #sourceNext: 'more' | 'wait' | 'end' = 'more'
  #draining = false
  /** What the inputs have come to, and what the outputs have been told. */
  #idle = false
  #toldIdle = false
  readonly #resumes: (() => void)[] = []
  readonly #checkpoints: TaskCheckpoints
  recordsIn = 0

  constructor(parts: TaskParts, handler: TaskHandler) {
    this.parts = parts
    this.chain = parts.chain
    this.#feed = new BatchFeed(parts.chain, () => this.#handler.wake())
    if (parts.unaligned !== undefined) this.#overtaking = new Overtaking(parts.unaligned, this.#feed, parts.clock, parts.sliceRecords)
    this.#outputs = new TaskOutputs(parts.outputs, parts.unaligned !== undefined)
    this.#handler = handler
    this.#checkpoints = new TaskCheckpoints({
      chain: parts.chain,
      feed: this.#feed,
      overtaking: this.#overtaking,
      replay: this.#replay,
      outputs: this.#outputs,
      handler,
      state: () => this.#state,
      lookAgain: () => {
        if (this.#sourceNext === 'wait') this.#sourceNext = 'more'
      },
    })
  }

  readFrom(channels: readonly GateChannel[], mode: 'exactly-once' | 'at-least-once', settledId: number): void {
    const { clock, unaligned } = this.parts
    const timeout = unaligned === undefined ? {} : { alignedTimeoutMs: unaligned.alignedTimeoutMs }
    const options = { mode, settledId, clock, wake: () => this.#handler.wake(), ...timeout }
    const alignment = new GateAlignment(channels, options, this.#checkpoints)
    this.#gate = new InputGate(channels, alignment, this)
    this.#checkpoints.readFrom(alignment, undefined)
  }

  readSource(source: SourceHead): void {
    this.#source = source
    this.#checkpoints.readFrom(undefined, source)
  }

  /** Of a source over all its subtasks; undefined: no limit. */
  limitSource(recordsPerSecond: number | undefined): void {
    this.#source?.limit?.change(recordsPerSecond)
  }

  get source(): SourceHead | undefined {
    return this.#source
  }

  get finished(): boolean {
    return this.#state === 'finished'
  }

  get currentWatermark(): number {
    return this.#gate?.watermark ?? this.#source?.watermark ?? -Infinity
  }

  get recordsOut(): number {
    let out = 0
    for (const output of this.parts.outputs) out += output.written
    for (const operator of this.chain.operators) if (operator instanceof SinkOperator) out += operator.written
    return out
  }

  async open(): Promise<void> {
    await this.chain.open()
    await this.#source?.reader.open?.()
    for (const resume of this.#resumes.splice(0)) resume()
    this.#state = 'running'
  }

  /** What is handed in again between `open` and the first record: inputs that were unfinished at the restored checkpoint. */
  resumeAfterOpen(resume: () => void): void {
    this.#resumes.push(resume)
  }

  /** Handed in again before any new input, in this order: what was in flight at the restored checkpoint. */
  replay(replayed: Replayed): void {
    this.#replay.push(replayed)
  }

  /** What the operator has not finished, or not begun again since the restore. */
  unfinished(operator: Operator): readonly UnfinishedInput[] {
    const waiting = this.#replay.flatMap((each) => (each.kind === 'unfinished' && each.operator === operator ? each.inputs : []))
    return waiting.length === 0 ? operator.unfinished() : [...waiting, ...operator.unfinished()]
  }

  /** A split has been added, a promise has settled, or anything else that makes another look worth it. */
  wake(): void {
    if (this.#sourceNext === 'wait') this.#sourceNext = 'more'
    this.#handler.wake()
  }

  /** A short piece of work. */
  step(): StepOutcome {
    if (this.#state === 'over' || this.#state === 'opening') return 'over'
    try {
      return this.#step()
    } catch (error) {
      this.fail(error)
      return 'over'
    }
  }

  fail(error: unknown): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#handler.failed(this.chain.cursor.failure ?? error)
  }

  #step(): StepOutcome {
    const { chain } = this
    if (chain.pending > 0) chain.settle()
    const drained = this.#outputs.drain()
    if (drained || this.#checkpoints.overtakes) this.#checkpoints.actOnOrders()
    const collected = this.#overtaking !== undefined && !chain.exclusive && this.#checkpoints.collect()
    if (!drained) return collected ? 'worked' : 'back-pressured'
    if (chain.cursor.interrupted && chain.stopped) {
      chain.goOn()
      return 'worked'
    }
    if (this.#idle !== this.#toldIdle) this.#tellIdle()
    const timers = this.#fireTimers()
    if (this.#interrupted()) return timers || collected ? 'worked' : chain.pending > 0 ? 'idle' : 'back-pressured'
    if (this.#feed.waits) return timers || collected ? 'worked' : 'idle'
    if (this.#feed.holds) {
      this.#hand(() => this.#feed.goOn())
      return 'worked'
    }
    if (this.#state !== 'running') return timers ? 'worked' : 'idle'
    const took =
      this.#replay.length > 0 ? this.#replayNext() : this.#source === undefined ? this.#gate!.poll() : this.#pollSource(this.#source)
    return took || timers || collected ? 'worked' : 'idle'
  }

  // ---------- records

  records(batch: RecordBatch, { input, label }: GateChannel, channel: number): void {
    this.recordsIn += batch.count
    this.#hand(() => this.#feed.take(batch, { channel, label, operator: 0, input }, this.chain.inputs[input]))
  }

  #hand(some: () => void): void {
    if (this.#overtaking === undefined) some()
    else this.#overtaking.feed(some)
  }

  #replayNext(): boolean {
    const next = this.#replay.shift()!
    if (next.kind === 'unfinished') {
      next.operator.resume(next.inputs)
      return true
    }
    const { batch, origin, receiver } = next
    this.recordsIn += batch.count
    this.#hand(() => this.#feed.take(batch, origin, receiver))
    return true
  }

  #pollSource(source: SourceHead): boolean {
    if (this.#sourceNext === 'end') return false
    if (this.#waitsForTime) return source.lookAtTime()
    if (!this.#draining && (this.#checkpoints.stoppedFor !== undefined || this.#sourceNext !== 'more')) return false
    const before = source.emitted
    this.#sourceNext = this.#draining ? 'end' : source.poll()
    this.recordsIn += source.emitted - before
    if (this.chain.cursor.failure !== undefined) throw this.chain.cursor.failure
    if (this.#sourceNext === 'end') {
      source.finishTime()
      this.end()
    }
    return this.#sourceNext !== 'wait' || source.emitted > before
  }

  /** Where the record that is passing came from. */
  position(): string | undefined {
    if (this.#source !== undefined) return this.#source.position()
    return this.#feed.position()
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
    return pressure === 'released' || (pressure === 'no' && !this.#feed.holds && this.#gate.available)
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
    const timer = this.chain.nextProcessingTimerMs
    const look = this.#waitsForTime ? this.#source!.nextLookMs : undefined
    return timer === undefined || (look !== undefined && look < timer) ? look : timer
  }

  /** The reader has nothing at hand; event time may have something to tell all the same. */
  get #waitsForTime(): boolean {
    return (
      this.#source !== undefined &&
      this.#sourceNext === 'wait' &&
      this.#checkpoints.stoppedFor === undefined &&
      !this.#draining &&
      !this.chain.cursor.interrupted
    )
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

  /** The source reads no further: its input ends here, as if there were no more. */
  drain(): void {
    if (this.#source === undefined) return
    this.#draining = true
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
    this.#state = 'finishing'
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
    for (const operator of this.chain.operators) {
      await this.#settled(operator)
      if (!this.parts.finishedBefore) await operator.finish()
    }
  }

  /** Resolves once nothing of the operator is under way. Its promises wake the task, whose steps settle them. */
  async #settled(operator: { readonly pending: number }): Promise<void> {
    while (operator.pending > 0) {
      if (this.#state !== 'finishing') throw this.chain.cursor.failure ?? new Error('the task is over')
      await new Promise<void>((resolve) => this.parts.clock.after(1, resolve))
      this.chain.settle()
    }
  }

  /** Closes source and operators; answers what they threw. */
  async close(): Promise<readonly unknown[]> {
    this.#state = 'over'
    const errors: unknown[] = []
    this.#source?.limit?.close()
    try {
      await this.#source?.reader.close()
    } catch (error) {
      errors.push(error)
    }
    errors.push(...(await this.chain.close()))
    this.#gate?.close()
    this.#outputs.close()
    return errors
  }
}
