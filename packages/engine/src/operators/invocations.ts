/**
 * How the function of a process operator is called: in one of two ways.
 *
 * Direct: state is changed in place and output goes straight on; for synchronous functions whose failure fails the job.
 * Buffered: effects wait until the invocation has succeeded; for asynchronous functions, and where failures go to a side output.
 *
 * 1. No effect of a buffered invocation is seen before it succeeds, none if it fails.
 * 2. A failure fails the job, or is sent to the side output with its record; that of a timer, which has none, fails the job in any case.
 */
import { engineError } from '../errors.ts'
import { NO_TIMESTAMP } from '../exchange/elements.ts'
import type { StartedInvocation } from './async-execution.ts'
import { DirectContext, DirectKeyedContext, InvocationContext, KeyedInvocationContext, type TimerFacts } from './contexts.ts'
import type { OperatorFailure } from './failure.ts'
import type { InputKeys } from './input-keys.ts'
import { operatorFailed, type OperatorHost, type UnfinishedInput } from './operator.ts'
import type { ProcessParts } from './process-parts.ts'
import type { WaitingTimers } from '../state/state-types.ts'
import { isAsyncFunction, isThenable } from './thenable.ts'
import { describeThrown } from './thrown.ts'

export type InvocationKind = UnfinishedInput['what']
export type TimerInvocation = Extract<InvocationKind, 'event-timer' | 'processing-timer'>
type Method = 'onElement' | 'onLeft' | 'onRight' | 'onEventTimer' | 'onProcessingTimer'

const methods: Record<InvocationKind, Method> = {
  element: 'onElement',
  left: 'onLeft',
  right: 'onRight',
  'event-timer': 'onEventTimer',
  'processing-timer': 'onProcessingTimer',
}

export interface InvocationHooks {
  /** Of the operator, as functions see it. */
  watermark(): number
  /** Timers that have become due while others of their keys were under way. */
  readonly waiting: WaitingTimers
  /** A direct call has answered a promise: what it has done so far is seen already. `ended` is called once it has succeeded. */
  promised(promise: PromiseLike<unknown>, failed: (error: unknown) => OperatorFailure, ended: () => void): void
  /** A buffered call has answered a promise although the function is not declared async: nothing has been applied yet. */
  adopt(input: UnfinishedInput, started: StartedInvocation): void
}

export class Invocations {
  readonly #host: OperatorHost
  readonly #parts: ProcessParts
  readonly #keys: readonly [InputKeys, InputKeys]
  readonly #hooks: InvocationHooks
  readonly #timerFacts: TimerFacts
  /** One for all direct calls. */
  readonly #context: DirectContext | DirectKeyedContext
  /** Of `open` and `finish`, which have no key. */
  readonly #lifeContext: DirectContext
  readonly #broadcasting: DirectContext | undefined
  /** Whether failures go to a side output. */
  readonly failuresAside: boolean

  constructor(host: OperatorHost, parts: ProcessParts, keys: readonly [InputKeys, InputKeys], hooks: InvocationHooks) {
    this.#host = host
    this.#parts = parts
    this.#keys = keys
    this.#hooks = hooks
    const { keyed, fn, operatorState, broadcast } = parts
    const handled = { event: this.has('event-timer'), processing: this.has('processing-timer') }
    this.#timerFacts = { watermark: () => hooks.watermark(), handles: (kind) => handled[kind] }
    this.#lifeContext = new DirectContext(host, operatorState)
    this.#context =
      keyed === undefined
        ? new DirectContext(host, operatorState)
        : new DirectKeyedContext(host, keyed.handles, keyed.timers, this.#timerFacts, operatorState)
    this.#context.broadcast = broadcast?.reading
    if (broadcast !== undefined) {
      this.#broadcasting = new DirectContext(host, operatorState)
      this.#broadcasting.broadcast = broadcast.writing
    }
    this.failuresAside = fn.onError === 'side'
  }

  /** Whether a method is declared async. */
  get asynchronous(): boolean {
    return Object.values(methods).some((name) => isAsyncFunction(this.#parts.fn[name]))
  }

  has(what: InvocationKind): boolean {
    return this.#parts.fn[methods[what]] !== undefined
  }

  // ---------- direct

  /** `hash` is 0 without keys. */
  direct(what: InvocationKind, value: unknown, key: unknown, hash: number): void {
    const { keyed } = this.#parts
    if (keyed !== undefined) {
      keyed.use(key, hash)
      ;(this.#context as DirectKeyedContext).key = key
    }
    this.#callDirect(what, value, key)
  }

  /** With the key's state current already. */
  directTimer(what: TimerInvocation, due: number, key: unknown): void {
    const context = this.#context as DirectKeyedContext
    const ofRecord = context.lastKey
    context.key = key
    this.#callDirect(what, due, key)
    if (!context.inUse) context.key = ofRecord
  }

  /** Of the record that was worked off last by `direct`; undefined before the first one. A timer that has run alone may have left its own. */
  get lastKey(): unknown {
    return this.#parts.keyed === undefined ? undefined : (this.#context as DirectKeyedContext).lastKey
  }

  #callDirect(what: InvocationKind, value: unknown, key: unknown): void {
    const { fn } = this.#parts
    const context = this.#context
    let result: unknown
    context.inUse = true
    try {
      result = what === 'element' ? fn.onElement!(value, context) : fn[methods[what]]!(value as never, context)
    } catch (error) {
      throw operatorFailed(this.#host, methods[what], error, value, key, !isTimer(what))
    }
    if (result !== undefined && isThenable(result)) {
      context.keep(this.#host.cursor.timestamp)
      const failed = (error: unknown): OperatorFailure => operatorFailed(this.#host, methods[what], error, value, key, false)
      this.#hooks.promised(result, failed, () => context.end())
    } else context.inUse = false
  }

  broadcast(value: unknown): void {
    const context = this.#broadcasting!
    // It is about no key, whatever has passed before it.
    this.#parts.keyed?.release()
    context.inUse = true
    let result: unknown
    try {
      result = this.#parts.fn.onBroadcast!(value, context)
      if (isThenable(result)) throw engineError('BROADCAST_ASYNC', { operator: this.#host.node.name })
    } catch (error) {
      if (isThenable(result)) Promise.resolve(result).catch(() => {})
      throw operatorFailed(this.#host, 'onBroadcast', error, value)
    }
    context.inUse = false
  }

  // ---------- life

  async life(during: 'open' | 'finish'): Promise<void> {
    const context = this.#lifeContext
    context.inUse = true
    // It is about no record, and others pass while it is under way.
    context.keep(NO_TIMESTAMP)
    try {
      await this.#parts.fn[during]?.(context)
    } catch (error) {
      throw operatorFailed(this.#host, during, error, undefined)
    }
    context.end()
  }

  // ---------- buffered

  /** A synchronous function whose failures go aside: buffered, and settled within the call. */
  aside(what: InvocationKind, value: unknown, key: unknown, hash: number): void {
    const { timestamp } = this.#host.cursor
    const context = this.#buffering(timestamp, key, hash)
    let result: unknown
    try {
      result = this.#call(what, value, context)
    } catch (error) {
      context.revoke()
      this.#failAside(what, value, key, error)
      return
    }
    if (!isThenable(result)) return context.flush()
    const input: UnfinishedInput = isTimer(what) ? { what, value: key, timestamp: value as number, hash } : { what, value, timestamp, hash }
    this.#hooks.adopt(input, this.#started(input, key, context, result))
  }

  start(input: UnfinishedInput): StartedInvocation {
    const { what, value, hash } = input
    const key = isTimer(what) ? value : this.#keys[what === 'right' ? 1 : 0].keyOf(value)
    const argument = isTimer(what) ? input.timestamp : value
    const timestamp = what === 'processing-timer' ? NO_TIMESTAMP : input.timestamp
    const context = this.#buffering(timestamp, key, hash)
    const answer = (async () => await this.#call(what, argument, context))()
    return this.#started(input, key, context, answer)
  }

  #call(what: InvocationKind, value: unknown, context: unknown): unknown {
    return this.#parts.fn[methods[what]]!(value as never, context)
  }

  #buffering(timestamp: number, key: unknown, hash: number): InvocationContext {
    const { keyed, broadcast, operatorState } = this.#parts
    const states = operatorState?.invocation()
    if (keyed === undefined) return new InvocationContext(this.#host, timestamp, broadcast?.reading, states)
    const invocation = keyed.invocation(key, hash, this.#hooks.waiting)
    return new KeyedInvocationContext(this.#host, timestamp, broadcast?.reading, states, key, invocation, this.#timerFacts)
  }

  #started(input: UnfinishedInput, key: unknown, context: InvocationContext, answer: PromiseLike<unknown>): StartedInvocation {
    const { what } = input
    const argument = isTimer(what) ? input.timestamp : input.value
    return {
      done: Promise.resolve(answer).finally(() => context.end()),
      apply: () => context.flush(),
      reject: (error) => {
        context.revoke()
        // Others are passing by now.
        this.#host.cursor.timestamp = context.timestamp
        if (!this.failuresAside) throw operatorFailed(this.#host, methods[what], error, argument, key, false)
        this.#failAside(what, argument, key, error)
      },
    }
  }

  #failAside(what: InvocationKind, value: unknown, key: unknown, error: unknown): void {
    if (isTimer(what)) throw operatorFailed(this.#host, methods[what], error, value, key, false)
    const { failure } = this.#host.cursor
    if (failure !== undefined) throw failure
    const { name, message, stack } = describeThrown(error)
    this.#host.outputs.failures.receive({ record: value, error: { name, message, stack } })
  }
}

/** Whether a timer is what a function is called for, and not a record. */
export function isTimer(what: InvocationKind): what is TimerInvocation {
  return what === 'event-timer' || what === 'processing-timer'
}
