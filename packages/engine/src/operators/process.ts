import { NO_TIMESTAMP } from '../exchange/elements.ts'
import { hashKey } from '../keys/hash.ts'
import { KeyLoad } from '../keys/load/key-load.ts'
import { AsyncExecution } from './async-execution.ts'
import type { OperatorFailure } from './failure.ts'
import { InputKeys } from './input-keys.ts'
import { Invocations, isTimer, type TimerInvocation } from './invocations.ts'
import { closeFailed, PlainOperator, type OperatorHost, type UnfinishedInput } from './operator.ts'
import { ProcessInput } from './process-input.ts'
import type { ProcessParts } from './process-parts.ts'
import type { Receiver } from './receiver.ts'
import { TimerFiring } from './timer-firing.ts'
import type { KeyedStateBackend, TimerKind } from '../state/state-types.ts'

/**
 * Every process function: keyed or not, one input or two, with broadcast state or not. Says which way an invocation takes, and in which order with the others.
 *
 * 1. A function that turns out to be asynchronous during a direct call (it answered a promise without being declared `async`) runs alone until that is settled:
 *    no other invocation, no timer, no snapshot meanwhile. All later ones are buffered.
 * 2. A watermark goes on when every timer it makes due has fired. While these fire in portions, a record that arrives all the same waits until all have fired.
 * 3. While an invocation runs alone its key stays the current one: where it is a timer's, those that are due with it wait until it is settled.
 * 4. No record that goes the direct way is asked whether its key is a sample: that of the last one is. Where records are buffered the next one tells its key, as one of a busy operator.
 */
export class ProcessOperator extends PlainOperator {
  readonly #fn: ProcessParts['fn']
  readonly #keyed: KeyedStateBackend | undefined
  readonly #keys: readonly [InputKeys, InputKeys]
  readonly #invocations: Invocations
  readonly #timers: TimerFiring
  readonly #inputs: readonly [Receiver, Receiver]
  #execution: AsyncExecution | undefined
  /** `open` was called, whatever became of it: then `close` is. */
  #isOpened = false
  #alone = false
  /** Records and watermarks (as numbers) that came meanwhile: a source cannot stop in the middle of a poll. */
  readonly #held: (UnfinishedInput | number)[] = []
  /** Whether a record cannot go the direct way: it must be buffered, has to wait, or tells its key. */
  busy = false
  readonly #keyLoad: KeyLoad | undefined
  /** Records that the key of the next one stands for; 0: it is no sample. */
  #sampledRecords = 0
  /** Its state has no room for more. */
  #isCrowded = false

  constructor(host: OperatorHost, parts: ProcessParts) {
    super(host)
    const { fn, keyed, keySelectors, hashArrives } = parts
    this.#fn = fn
    this.#keyed = keyed
    this.#keyLoad = keyed === undefined ? undefined : new KeyLoad()
    this.#keys = [new InputKeys(host, keySelectors[0], keyed, hashArrives), new InputKeys(host, keySelectors[1], keyed, hashArrives)]
    this.#timers = new TimerFiring({
      timers: keyed?.timers,
      cursor: host.cursor,
      fireEvent: (key, hash, due) => this.#fireTimer('event-timer', key, hash, due),
      fireProcessing: (key, hash, due) => this.#fireTimer('processing-timer', key, hash, due),
      pauses: () => this.#alone,
    })
    this.#invocations = new Invocations(host, parts, this.#keys, {
      watermark: () => this.#timers.watermark,
      waiting: {
        has: (...timer) => this.#execution?.hasTimer(timerInput(...timer)) === true,
        drop: (...timer) => this.#execution?.dropTimer(timerInput(...timer)),
      },
      promised: (promise, failed, ended) => this.#runAlone(promise, failed, ended),
      adopt: (input, started) => {
        this.#becomeAsync()
        this.#execution!.adopt(input, started)
      },
    })
    if (this.#invocations.asynchronous) this.#becomeAsync()
    if (keyed !== undefined) keyed.onCrowded = (relieved) => this.#waitUntil(relieved)
    this.#inputs = [this.#inputFor(0, parts), this.#inputFor(1, parts)]
  }

  override input(index: 0 | 1): Receiver {
    return this.#inputs[index]
  }

  override receive(value: unknown): void {
    this.#inputs[0].receive(value)
  }

  #inputFor(index: 0 | 1, { broadcast, fn }: ProcessParts): Receiver {
    if (index === 1 && broadcast !== undefined)
      return { receive: (value) => this.#receiveBroadcast(value), watermark: (time) => this.watermark(time) }
    const what = fn.onElement !== undefined || broadcast !== undefined ? 'element' : index === 0 ? 'left' : 'right'
    return new ProcessInput(this, this.#invocations, this.#keys[index], what, this.cursor)
  }

  override async open(): Promise<void> {
    this.#isOpened = true
    await this.#invocations.life('open')
  }

  override fireOverdue(): void {
    if (!this.#timers.overdue) return
    if (this.#execution !== undefined) this.#execution.watermark(this.#timers.watermark)
    else this.#fire('some')
    // The rest of them fires in the task's turns.
    this.host.wake()
  }

  override async finish(): Promise<void> {
    await this.#invocations.life('finish')
  }

  override async close(): Promise<void> {
    if (!this.#isOpened) return
    try {
      await this.#fn.close?.()
    } catch (error) {
      throw closeFailed(this.host, error)
    }
  }

  // ---------- records

  /** The way of a record where the operator is `busy`. */
  submit(input: UnfinishedInput): void {
    if (this.#sampledRecords > 0) this.#takeSample(input)
    if (this.#timers.underWay && !this.#alone) this.#fire('all')
    if (this.#alone) this.#held.push(input)
    else if (this.#execution !== undefined) {
      this.#execution.submit(input)
      if (this.#execution.full) this.cursor.interrupted = true
    } else {
      const { what, value, timestamp, hash } = input
      this.cursor.timestamp = timestamp
      const key = this.#keys[what === 'right' ? 1 : 0].keyOf(value)
      if (this.#invocations.failuresAside) this.#invocations.aside(what, value, key, hash)
      else this.#invocations.direct(what, value, key, hash)
    }
  }

  #receiveBroadcast(value: unknown): void {
    if (this.#timers.underWay && !this.#alone) {
      const { timestamp } = this.cursor
      this.#fire('all')
      this.cursor.timestamp = timestamp
    }
    this.#invocations.broadcast(value)
  }

  #look(): void {
    this.busy = this.#execution !== undefined || this.#alone || this.#timers.underWay || this.#sampledRecords > 0
  }

  override get keyLoad(): KeyLoad | undefined {
    return this.#keyLoad
  }

  override sampleKey(records: number): void {
    if (this.#keyLoad === undefined) return
    if (this.#execution === undefined && !this.#invocations.failuresAside) {
      const key = this.#invocations.lastKey
      if (key !== undefined) this.#keyLoad.add(key, hashKey(key), records)
      return
    }
    // One that is still to be taken stands for these records too.
    this.#sampledRecords += records
    this.busy = true
  }

  #takeSample({ what, value, hash }: UnfinishedInput): void {
    const records = this.#sampledRecords
    this.#sampledRecords = 0
    this.#look()
    this.#keyLoad!.add(this.#keys[what === 'right' ? 1 : 0].keyOf(value), hash, records)
  }

  #runAlone(promise: PromiseLike<unknown>, failed: (error: unknown) => OperatorFailure, ended: () => void): void {
    this.#alone = true
    this.busy = true
    this.cursor.interrupted = true
    Promise.resolve(promise).then(
      () => {
        ended()
        this.#alone = false
        this.#becomeAsync()
        if (this.#timers.giveUp()) this.#execution!.watermark(this.#timers.watermark)
        this.#look()
        for (const held of this.#held.splice(0)) {
          if (typeof held === 'number') this.#execution!.watermark(held)
          else this.submit(held)
        }
        this.host.wake()
      },
      (error) => this.host.fail(failed(error)),
    )
  }

  #becomeAsync(): void {
    this.#execution ??= new AsyncExecution(
      {
        keyed: this.#keyed !== undefined,
        capacity: this.#fn.capacity ?? this.host.asyncCapacity,
        serial: this.#keyed !== undefined && this.#invocations.has('event-timer'),
      },
      {
        start: (input) => this.#invocations.start(input),
        fireEventTimers: (time) => this.#timers.advance(time),
        forwardWatermark: (time) => super.watermark(time),
        wake: this.host.wake,
      },
    )
    this.#look()
  }

  // ---------- time

  override watermark(time: number): void {
    if (time <= this.#timers.watermark) return
    if (this.#alone) this.#held.push(time)
    else if (this.#execution !== undefined) this.#execution.watermark(time)
    else {
      this.#timers.watermark = time
      this.#fire('some')
    }
  }

  /** Fires the timers that the watermark has made due, and sends it on after the last. */
  #fire(howMany: 'some' | 'all'): void {
    const all = this.#timers.fire(howMany)
    this.#look()
    if (!all) {
      this.cursor.interrupted = true
      return
    }
    const { watermark } = this.#timers
    if (this.#execution !== undefined) this.#execution.watermark(watermark)
    else super.watermark(watermark)
  }

  override get stopped(): boolean {
    return this.#timers.underWay && !this.#alone && !this.#isCrowded
  }

  override goOn(): void {
    if (this.stopped) this.#fire('some')
  }

  override processingTime(nowMs: number): boolean {
    return !this.#alone && this.#timers.fireProcessing(nowMs)
  }

  override get nextProcessingTimerMs(): number | undefined {
    return this.#timers.nextProcessingMs
  }

  /** Answers whether another may fire now. */
  #fireTimer(what: TimerInvocation, key: unknown, hash: number, due: number): boolean {
    if (!this.#invocations.has(what)) return true
    this.cursor.timestamp = what === 'event-timer' ? due : NO_TIMESTAMP
    if (this.#execution === undefined) {
      if (this.#invocations.failuresAside) this.#invocations.aside(what, due, key, hash)
      else this.#invocations.directTimer(what, due, key)
      return !this.#alone
    }
    const input: UnfinishedInput = { what, value: key, timestamp: due, hash }
    if (what === 'event-timer') this.#execution.submitTimer(input)
    else this.#execution.submit(input)
    if (what === 'processing-timer' && this.#execution.full) this.cursor.interrupted = true
    return true
  }

  // ---------- between the records

  /** While a call runs alone its key stays the current one. */
  override rest(): void {
    if (!this.#alone) this.#keyed?.release()
  }

  override get pending(): number {
    return (this.#execution?.pending ?? 0) + this.#held.length + (this.#alone || this.#timers.underWay ? 1 : 0)
  }
  override get full(): boolean {
    return this.#isCrowded || this.#timers.underWay || (this.#execution?.full ?? false)
  }
  #waitUntil(relieved: Promise<void>): void {
    this.cursor.interrupted = true
    if (this.#isCrowded) return
    this.#isCrowded = true
    void relieved.then(() => {
      this.#isCrowded = false
      this.host.wake()
    })
  }
  override get exclusive(): boolean {
    return this.#alone
  }
  override settle(): void {
    this.#execution?.settle()
  }
  override unfinished(): readonly UnfinishedInput[] {
    return this.#execution?.unfinished() ?? []
  }
  override resume(inputs: readonly UnfinishedInput[]): void {
    if (inputs.length === 0) return
    this.#becomeAsync()
    // A timer that was under way when the function still had a method for it is dropped, as one that fires is.
    for (const input of inputs) if (!isTimer(input.what) || this.#invocations.has(input.what)) this.#execution!.submit(input)
  }
}

function timerInput(kind: TimerKind, timestamp: number, key: unknown, hash: number): UnfinishedInput {
  return { what: kind === 'event' ? 'event-timer' : 'processing-timer', value: key, timestamp, hash }
}
