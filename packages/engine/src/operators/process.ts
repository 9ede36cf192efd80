import type { ErasedProcessFunction } from '../api/functions.ts'
import { hashKey } from '../keys/hash.ts'
import { canonicalKey } from '../keys/key.ts'
import { NO_TIMESTAMP, type RecordBatch } from '../exchange/elements.ts'
import type { OperatorState } from '../state/operator-state.ts'
import type { FireTimer, KeyedStateBackend } from '../state/state-types.ts'
import { AsyncExecution, type StartedInvocation } from './async-execution.ts'
import { DirectContext, DirectKeyedContext, InvocationContext, KeyedInvocationContext } from './contexts.ts'
import { operatorFailed, PlainOperator, type OperatorHost, type UnfinishedInput } from './operator.ts'
import type { Receiver } from './receiver.ts'
import { isAsyncFunction, isThenable } from './thenable.ts'

/** How many timers fire before the task gets a look at anything else. */
const TIMERS_A_TURN = 1024
/** How many timers fire before a look at whether their output still finds room. */
const TIMERS_A_LOOK = 16

export interface ProcessParts {
  readonly fn: ErasedProcessFunction
  /** State by key; undefined in operators without keys. */
  readonly keyed: KeyedStateBackend | undefined
  /** One for each keyed input. */
  readonly keySelectors: readonly [((value: unknown) => unknown) | undefined, ((value: unknown) => unknown) | undefined]
  /** Whether the sender computed the key's hash (an exchange), or the operator must (a direct call). */
  readonly hashArrives: boolean
  /** Broadcast state: its handles to read, and to write. */
  readonly broadcast: { readonly reading: unknown; readonly writing: unknown } | undefined
  /** State of the subtask, if the function declares any. */
  readonly operatorState?: OperatorState | undefined
}

type What = UnfinishedInput['what']
type Method = 'onElement' | 'onLeft' | 'onRight' | 'onBroadcast' | 'onEventTimer' | 'onProcessingTimer'

const methods: Record<What, Method> = {
  element: 'onElement',
  left: 'onLeft',
  right: 'onRight',
  'event-timer': 'onEventTimer',
  'processing-timer': 'onProcessingTimer',
}

/**
 * Every process function: keyed or not, one input or two, with broadcast state or not.
 *
 * Invocations take one of two ways. Direct: state is changed in place and output goes straight on; for synchronous functions whose failure fails the job.
 * Buffered: effects wait until the invocation has succeeded; for asynchronous functions, and where failures go to a side output.
 *
 * 1. No effect of a buffered invocation is seen before it succeeds, none if it fails.
 * 2. A function that turns out to be asynchronous during a direct call (it answered a promise without being declared `async`) runs alone until that is settled:
 *    no other invocation, no timer, no snapshot meanwhile. All later ones are buffered.
 * 3. A watermark goes on when every timer it makes due has fired. Where these are too many, or their output finds no room, firing stops half-way and goes on
 *    in `goOn`; a record that arrives all the same waits until all have fired.
 */
export class ProcessOperator extends PlainOperator {
  readonly #parts: ProcessParts
  readonly #direct: DirectContext | DirectKeyedContext
  readonly #broadcasting: DirectContext | undefined
  readonly #inputs: readonly [Receiver, Receiver]
  readonly #failuresAside: boolean
  #execution: AsyncExecution | undefined
  #alone = false
  /** Records, timers and watermarks (as numbers) that came meanwhile: a source cannot stop in the middle of a poll. */
  readonly #held: (UnfinishedInput | number)[] = []
  #watermark = -Infinity
  /** Some of the timers that the watermark has made due are still to fire; it has not been sent on. */
  #firing = false
  /** Whether a record cannot go the direct way: it must be buffered, or has to wait. */
  busy = false
  readonly #fireEvent: FireTimer = (key, hash, due) => this.#fireTimer('event-timer', key, hash, due)
  readonly #fireProcessing: FireTimer = (key, hash, due) => this.#fireTimer('processing-timer', key, hash, due)

  constructor(host: OperatorHost, parts: ProcessParts) {
    super(host)
    this.#parts = parts
    const { keyed, fn, operatorState } = parts
    const watermark = (): number => this.#watermark
    this.#direct =
      keyed === undefined
        ? new DirectContext(host, operatorState)
        : new DirectKeyedContext(host, keyed.handles, keyed.timers, watermark, operatorState)
    this.#direct.broadcast = parts.broadcast?.reading
    if (parts.broadcast !== undefined) {
      this.#broadcasting = new DirectContext(host, operatorState)
      this.#broadcasting.broadcast = parts.broadcast.writing
    }
    this.#failuresAside = fn.onError === 'side'
    if (['onElement', 'onLeft', 'onRight', 'onEventTimer', 'onProcessingTimer'].some((name) => isAsyncFunction(fn[name as Method])))
      this.#becomeAsync()
    this.#inputs = [this.#inputFor(0), this.#inputFor(1)]
  }

  override input(index: 0 | 1): Receiver {
    return this.#inputs[index]
  }

  override receive(value: unknown): void {
    this.#inputs[0].receive(value)
  }

  override async open(): Promise<void> {
    await this.#life('open', () => this.#parts.fn.open?.(this.#direct))
  }

  override async finish(): Promise<void> {
    await this.#life('finish', () => this.#parts.fn.finish?.(this.#direct))
  }

  override async close(): Promise<void> {
    await this.#parts.fn.close?.()
  }

  // ---------- invocations

  /** The way of a record that need not be buffered. `hash` is 0 without keys. */
  invokeDirect(what: What, value: unknown, key: unknown, hash: number): void {
    const { keyed } = this.#parts
    if (keyed !== undefined) {
      keyed.use(key, hash)
      ;(this.#direct as DirectKeyedContext).key = key
    }
    this.#callDirect(what, value, key)
  }

  /** With the key's state current already, as a timer's is. */
  #callDirect(what: What, value: unknown, key: unknown): void {
    const { fn } = this.#parts
    const context = this.#direct
    let result: unknown
    try {
      result = what === 'element' ? fn.onElement!(value, context) : fn[methods[what]]!(value as never, context)
    } catch (error) {
      throw operatorFailed(this.host, methods[what], error, value, key)
    }
    if (result !== undefined && isThenable(result)) this.#runAlone(what, value, key, result)
  }

  /** The way of a record where the operator is `busy`. */
  submit(input: UnfinishedInput): void {
    if (this.#firing) this.#fire('all')
    if (this.#alone) this.#held.push(input)
    else if (this.#execution !== undefined) {
      this.#execution.submit(input)
      if (this.#execution.full) this.cursor.interrupted = true
    } else {
      const { what, value, timestamp, hash } = input
      this.cursor.timestamp = timestamp
      if (this.#failuresAside) this.invokeAside(what, value, this.keyOf(what, value), hash)
      else this.invokeDirect(what, value, this.keyOf(what, value), hash)
    }
  }

  #look(): void {
    this.busy = this.#execution !== undefined || this.#alone || this.#firing
  }

  /** A synchronous function whose failures go aside: buffered, and settled within the call. */
  invokeAside(what: What, value: unknown, key: unknown, hash: number): void {
    const context = this.#invocationContext(this.cursor.timestamp, key, hash)
    let result: unknown
    try {
      result = this.#call(what, value, context)
    } catch (error) {
      context.revoke()
      this.#failAside(what, value, error)
      return
    }
    if (!isThenable(result)) return context.flush()
    // Not declared async, but is: nothing has been applied yet, so it simply joins the queue.
    this.#becomeAsync()
    const input: UnfinishedInput = {
      what,
      value: isTimer(what) ? key : value,
      timestamp: isTimer(what) ? (value as number) : this.cursor.timestamp,
      hash,
    }
    this.#execution!.adopt(input, this.#started(input, context, result))
  }

  #call(what: What, value: unknown, context: unknown): unknown {
    return this.#parts.fn[methods[what]]!(value as never, context)
  }

  #invocationContext(timestamp: number, key: unknown, hash: number): InvocationContext {
    const { keyed, broadcast, operatorState } = this.#parts
    const states = operatorState?.invocation()
    if (keyed === undefined) return new InvocationContext(this.host, timestamp, broadcast?.reading, states)
    const invocation = keyed.invocation(key, hash)
    return new KeyedInvocationContext(this.host, timestamp, broadcast?.reading, states, key, invocation, () => this.#watermark)
  }

  #start(input: UnfinishedInput): StartedInvocation {
    const key = isTimer(input.what) ? input.value : this.keyOf(input.what, input.value)
    const argument = isTimer(input.what) ? input.timestamp : input.value
    const timestamp = input.what === 'processing-timer' ? NO_TIMESTAMP : input.timestamp
    const context = this.#invocationContext(timestamp, key, input.hash)
    const answer = (async () => await this.#call(input.what, argument, context))()
    return this.#started(input, context, answer)
  }

  #started(input: UnfinishedInput, context: InvocationContext, answer: PromiseLike<unknown>): StartedInvocation {
    return {
      done: Promise.resolve(answer),
      apply: () => context.flush(),
      reject: (error) => {
        context.revoke()
        if (!this.#failuresAside) throw operatorFailed(this.host, methods[input.what], error, input.value)
        this.cursor.timestamp = input.timestamp
        this.#failAside(input.what, input.value, error)
      },
    }
  }

  #failAside(what: What, value: unknown, error: unknown): void {
    if (isTimer(what)) throw operatorFailed(this.host, methods[what], error, value)
    if (this.cursor.failure !== undefined) throw this.cursor.failure
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
    this.host.outputs.failures.receive({ record: value, error: { name, message, stack: stack ?? '' } })
  }

  #runAlone(what: What, value: unknown, key: unknown, promise: PromiseLike<unknown>): void {
    this.#alone = true
    this.busy = true
    this.cursor.interrupted = true
    Promise.resolve(promise).then(
      () => {
        this.#alone = false
        this.#becomeAsync()
        this.#look()
        for (const held of this.#held.splice(0)) {
          if (typeof held === 'number') this.#execution!.watermark(held)
          else this.submit(held)
        }
        this.host.wake()
      },
      (error) => this.host.fail(operatorFailed(this.host, methods[what], error, value, key)),
    )
  }

  #becomeAsync(): void {
    this.#execution ??= new AsyncExecution(
      { keyed: this.#parts.keyed !== undefined, capacity: this.host.asyncCapacity },
      {
        start: (input) => this.#start(input),
        fireEventTimers: (time) => this.#fireEventTimers(time),
        forwardWatermark: (time) => super.watermark(time),
        wake: this.host.wake,
      },
    )
    this.#look()
  }

  // ---------- time

  override watermark(time: number): void {
    if (time <= this.#watermark) return
    if (this.#alone) this.#held.push(time)
    else if (this.#execution !== undefined) this.#execution.watermark(time)
    else {
      this.#watermark = time
      this.#fire('some')
    }
  }

  /** Fires the timers that the watermark has made due, and sends it on after the last. */
  #fire(howMany: 'some' | 'all'): void {
    const timers = this.#parts.keyed?.timers
    this.#firing = timers !== undefined
    for (let fired = TIMERS_A_LOOK; this.#firing; fired += TIMERS_A_LOOK) {
      if (!timers!.advance('event', this.#watermark, this.#fireEvent, TIMERS_A_LOOK)) this.#firing = false
      else if (howMany === 'some' && !this.#alone && (this.cursor.interrupted || fired >= TIMERS_A_TURN)) return this.#stopFiring()
    }
    this.#look()
    // A timer's handler may just have turned out to be asynchronous: what it emits comes before the watermark.
    if (this.#alone) this.#held.push(this.#watermark)
    else if (this.#execution !== undefined) this.#execution.watermark(this.#watermark)
    else super.watermark(this.#watermark)
  }

  #stopFiring(): void {
    this.#look()
    this.cursor.interrupted = true
  }

  #fireEventTimers(time: number): void {
    this.#watermark = time
    const timers = this.#parts.keyed?.timers
    if (timers === undefined) return
    while (timers.advance('event', time, this.#fireEvent, TIMERS_A_TURN));
  }

  override get stopped(): boolean {
    return this.#firing
  }

  override goOn(): void {
    if (this.#firing) this.#fire('some')
  }

  override processingTime(nowMs: number): boolean {
    const timers = this.#parts.keyed?.timers
    if (timers === undefined || this.#alone) return false
    for (let fired = 0; fired < TIMERS_A_TURN && !this.cursor.interrupted; fired += TIMERS_A_LOOK) {
      if (!timers.advance('processing', nowMs, this.#fireProcessing, TIMERS_A_LOOK)) return false
    }
    return true
  }

  override get nextProcessingTimerMs(): number | undefined {
    return this.#parts.keyed?.timers.next('processing')
  }

  #fireTimer(what: 'event-timer' | 'processing-timer', key: unknown, hash: number, due: number): void {
    if (this.#parts.fn[methods[what]] === undefined) return
    this.cursor.timestamp = what === 'event-timer' ? due : NO_TIMESTAMP
    if (this.#alone) {
      this.#held.push({ what, value: key, timestamp: due, hash })
      return
    }
    if (this.#execution === undefined) {
      if (this.#failuresAside) return this.invokeAside(what, due, key, hash)
      ;(this.#direct as DirectKeyedContext).key = key
      return this.#callDirect(what, due, key)
    }
    const input: UnfinishedInput = { what, value: key, timestamp: due, hash }
    if (what === 'event-timer') this.#execution.submitTimer(input)
    else this.#execution.submit(input)
  }

  // ---------- between the records

  override get pending(): number {
    return (this.#execution?.pending ?? 0) + this.#held.length + (this.#alone || this.#firing ? 1 : 0)
  }
  override get full(): boolean {
    return this.#firing || (this.#execution?.full ?? false)
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
    for (const input of inputs) this.#execution!.submit(input)
  }

  /** The key of a record of an input; undefined without keys. */
  keyOf(what: What, value: unknown): unknown {
    const select = this.#parts.keySelectors[what === 'right' ? 1 : 0]
    if (select === undefined) return undefined
    try {
      return canonicalKey(select(value))
    } catch (error) {
      throw operatorFailed(this.host, 'the key selector', error, value)
    }
  }

  /** The key's hash: as it arrived with the record, or computed here. */
  hashOf(key: unknown): number {
    if (this.#parts.keyed === undefined) return 0
    return this.#parts.hashArrives ? this.cursor.hash : hashKey(key)
  }

  /** Keys of records that are about to come. */
  lookAhead(what: What, values: readonly unknown[], hashes: ArrayLike<number>, count: number): Promise<void> | undefined {
    const { keyed, keySelectors } = this.#parts
    const select = keySelectors[what === 'right' ? 1 : 0]
    if (keyed === undefined || !keyed.looksAhead || select === undefined) return undefined
    const known = keysUpToFailure(values, select, count)
    return keyed.lookAhead(
      known.length,
      (index) => known[index],
      (index) => hashes[index]!,
    )
  }

  #inputFor(index: 0 | 1): Receiver {
    const { broadcast, fn } = this.#parts
    const watermark = (time: number): void => this.watermark(time)
    if (index === 1 && broadcast !== undefined) return { receive: (value) => this.#receiveBroadcast(value), watermark }
    const what: What = fn.onElement !== undefined || broadcast !== undefined ? 'element' : index === 0 ? 'left' : 'right'
    return new ProcessInput(this, what, this.#failuresAside)
  }

  #receiveBroadcast(value: unknown): void {
    if (this.#firing) {
      const { timestamp } = this.cursor
      this.#fire('all')
      this.cursor.timestamp = timestamp
    }
    try {
      this.#parts.fn.onBroadcast!(value, this.#broadcasting)
    } catch (error) {
      throw operatorFailed(this.host, 'onBroadcast', error, value)
    }
  }

  async #life(during: string, call: () => unknown): Promise<void> {
    try {
      await call()
    } catch (error) {
      throw operatorFailed(this.host, during, error, undefined)
    }
  }
}

/** The entry of one input. A class of its own so that the way of a record is one short, monomorphic call. */
class ProcessInput implements Receiver {
  readonly #operator: ProcessOperator
  readonly #what: What
  readonly #aside: boolean

  constructor(operator: ProcessOperator, what: What, aside: boolean) {
    this.#operator = operator
    this.#what = what
    this.#aside = aside
  }

  receive(value: unknown): void {
    const operator = this.#operator
    const key = operator.keyOf(this.#what, value)
    const hash = operator.hashOf(key)
    if (operator.busy) operator.submit({ what: this.#what, value, timestamp: operator.host.cursor.timestamp, hash })
    else if (this.#aside) operator.invokeAside(this.#what, value, key, hash)
    else operator.invokeDirect(this.#what, value, key, hash)
  }

  watermark(time: number): void {
    this.#operator.watermark(time)
  }

  prepare({ values, hashes, count }: RecordBatch): Promise<void> | undefined {
    return hashes === undefined ? undefined : this.#operator.lookAhead(this.#what, values, hashes, count)
  }
}

/** A selector that fails does so again when the record comes: then it is told. */
function keysUpToFailure(values: readonly unknown[], select: (value: unknown) => unknown, count: number): readonly unknown[] {
  const keys: unknown[] = []
  try {
    for (let index = 0; index < count; index++) keys.push(canonicalKey(select(values[index])))
  } catch {
    return keys
  }
  return keys
}

function isTimer(what: What): boolean {
  return what === 'event-timer' || what === 'processing-timer'
}
