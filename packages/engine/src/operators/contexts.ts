import { inspect } from 'node:util'
import { parseDuration, type Duration } from '@millrace/core'
import type { Emitter, EventTimers, Log, Metrics, ProcessingTimers, RecordContext } from '../api/contexts.ts'
import { engineError } from '../errors.ts'
import { NO_TIMESTAMP } from '../exchange/elements.ts'
import type { OperatorInvocation, OperatorState } from '../state/operator/operator-state.ts'
import type { KeyTimers, StateInvocation, TimerKind } from '../state/state-types.ts'
import type { OperatorHost } from './operator.ts'
import type { Receiver } from './receiver.ts'

const noStates: object = Object.freeze({})

/**
 * What operators without output of their own see: the record's circumstances, read through to the chain's cursor. One object serves call after call, until one
 * of them has answered a promise: from then on it is that call's.
 */
export class CursorContext implements RecordContext {
  protected readonly host: OperatorHost
  /** Of the call that it belongs to, whatever the chain does meanwhile. */
  protected kept: number | undefined = undefined

  constructor(host: OperatorHost) {
    this.host = host
  }

  /** Its call goes on while the chain does other things. */
  keep(timestamp: number): this {
    this.kept = timestamp
    return this
  }

  get timestamp(): number {
    return this.kept ?? this.host.cursor.timestamp
  }
  get subtask(): number {
    return this.host.subtask
  }
  get signal(): AbortSignal {
    return this.host.signal
  }
  get log(): Log {
    return this.host.log
  }
  get metrics(): Metrics {
    return this.host.metrics
  }
}

/** Emits straight on. One object an operator, used again for each record; between two calls it refuses its use. */
export class DirectContext extends CursorContext implements Emitter<unknown, Record<string, never>> {
  /** Whether a call is under way. */
  inUse = false
  readonly #main: Receiver
  readonly #sides: ReadonlyMap<string, Receiver>
  /** Broadcast state of operators that have one. */
  broadcast: unknown
  /** State of the subtask. */
  readonly operatorState: unknown

  constructor(host: OperatorHost, operatorState?: OperatorState) {
    super(host)
    this.operatorState = operatorState?.handles ?? noStates
    this.#main = host.outputs.main
    this.#sides = host.outputs.sides
  }

  override get timestamp(): number {
    if (!this.inUse) this.live('timestamp')
    return super.timestamp
  }

  emit(value: unknown): void {
    if (!this.inUse || this.kept !== undefined) this.#enter('emit')
    this.#main.receive(value)
  }

  emitTo(name: string, value: unknown): void {
    if (!this.inUse || this.kept !== undefined) this.#enter('emitTo')
    sideOutput(this.host, this.#sides, name).receive(value)
  }

  /** The promise of the call is settled. */
  end(): void {
    this.inUse = false
    this.kept = undefined
  }

  #enter(use: string): void {
    this.live(use)
    if (this.kept !== undefined) this.host.cursor.timestamp = this.kept
  }

  protected live(use: string): void {
    if (!this.inUse) throw engineError('CONTEXT_REVOKED', { operator: this.host.node.name, use })
  }
}

/** What an operator knows of its timers. */
export interface TimerFacts {
  watermark(): number
  /** Whether there is a function that is called when one is due. */
  handles(kind: TimerKind): boolean
}

/** The direct context of an operator with keys. `key` is set before each call. */
export class DirectKeyedContext extends DirectContext {
  #key: unknown = undefined
  readonly #state: unknown
  readonly eventTimers: EventTimers
  readonly processingTimers: ProcessingTimers

  constructor(host: OperatorHost, state: unknown, timers: KeyTimers, facts: TimerFacts, operatorState?: OperatorState) {
    super(host, operatorState)
    this.#state = state
    const checked: KeyTimers = {
      register: (kind, time) => {
        this.live('a timer')
        checkHandled(host, facts, kind)
        timers.register(kind, time)
      },
      delete: (kind, time) => {
        this.live('a timer')
        timers.delete(kind, time)
      },
    }
    this.eventTimers = eventTimersOf(
      host,
      checked,
      () => facts.watermark(),
      () => this.timestamp,
    )
    this.processingTimers = processingTimersOf(host, checked)
  }

  get key(): unknown {
    if (!this.inUse) this.live('key')
    return this.#key
  }
  set key(key: unknown) {
    this.#key = key
  }

  /** Of the last invocation, also when it is over. */
  get lastKey(): unknown {
    return this.#key
  }

  get state(): unknown {
    if (!this.inUse) this.live('state')
    return this.#state
  }
}

/**
 * The context of one invocation whose effects wait until it has succeeded. Used up once that is settled: whoever still holds it is told.
 */
export class InvocationContext implements Emitter<unknown, Record<string, never>> {
  readonly timestamp: number
  readonly broadcast: unknown
  readonly #host: OperatorHost
  readonly #outputs: Receiver[] = []
  readonly #values: unknown[] = []
  readonly #operatorState: OperatorInvocation | undefined
  #settled = false

  constructor(host: OperatorHost, timestamp: number, broadcast: unknown, operatorState: OperatorInvocation | undefined) {
    this.#operatorState = operatorState
    this.#host = host
    this.timestamp = timestamp
    this.broadcast = broadcast
  }

  get subtask(): number {
    return this.#host.subtask
  }
  get signal(): AbortSignal {
    return this.#host.signal
  }
  get log(): Log {
    return this.#host.log
  }
  get metrics(): Metrics {
    return this.#host.metrics
  }

  emit(value: unknown): void {
    this.live('emit')
    this.#outputs.push(this.#host.outputs.main)
    this.#values.push(value)
  }

  emitTo(name: string, value: unknown): void {
    this.live('emitTo')
    this.#outputs.push(sideOutput(this.#host, this.#host.outputs.sides, name))
    this.#values.push(value)
  }

  get operatorState(): unknown {
    this.live('operatorState')
    return this.#operatorState?.handles ?? noStates
  }

  /** The call is over, its effects still to be applied or forgotten: whatever it does from now on is in neither. */
  end(): void {
    this.#settled = true
  }

  /** Sends on what was emitted. */
  flush(): void {
    this.#settled = true
    this.#operatorState?.commit()
    for (let i = 0; i < this.#outputs.length; i++) {
      this.#host.cursor.timestamp = this.timestamp
      this.#outputs[i]!.receive(this.#values[i])
    }
  }

  /** Forgets what was emitted. */
  revoke(): void {
    this.#settled = true
    this.#operatorState?.discard()
  }

  protected live(use: string): void {
    if (this.#settled) throw engineError('CONTEXT_REVOKED', { operator: this.#host.node.name, use })
  }
}

export class KeyedInvocationContext extends InvocationContext {
  readonly key: unknown
  readonly eventTimers: EventTimers
  readonly processingTimers: ProcessingTimers
  readonly #invocation: StateInvocation

  constructor(
    host: OperatorHost,
    timestamp: number,
    broadcast: unknown,
    operatorState: OperatorInvocation | undefined,
    key: unknown,
    invocation: StateInvocation,
    facts: TimerFacts,
  ) {
    super(host, timestamp, broadcast, operatorState)
    this.key = key
    this.#invocation = invocation
    const checked: KeyTimers = {
      register: (kind, time) => {
        this.live('a timer')
        checkHandled(host, facts, kind)
        invocation.timers.register(kind, time)
      },
      delete: (kind, time) => {
        this.live('a timer')
        invocation.timers.delete(kind, time)
      },
    }
    this.eventTimers = eventTimersOf(
      host,
      checked,
      () => facts.watermark(),
      () => timestamp,
    )
    this.processingTimers = processingTimersOf(host, checked)
  }

  get state(): unknown {
    this.live('state')
    return this.#invocation.handles
  }

  override flush(): void {
    this.#invocation.commit()
    super.flush()
  }

  override revoke(): void {
    this.#invocation.discard()
    super.revoke()
  }
}

function sideOutput(host: OperatorHost, sides: ReadonlyMap<string, Receiver>, name: string): Receiver {
  const side = sides.get(name)
  if (side === undefined) throw engineError('SIDE_OUTPUT_UNDECLARED', { operator: host.node.name, side: name })
  return side
}

function checkHandled(host: OperatorHost, facts: TimerFacts, kind: TimerKind): void {
  if (facts.handles(kind)) return
  const handler = kind === 'event' ? 'onEventTimer' : 'onProcessingTimer'
  throw engineError('TIMER_UNHANDLED', { operator: host.node.name, handler })
}

function wholeTime(host: OperatorHost, time: number): number {
  if (!Number.isFinite(time)) throw engineError('TIMER_TIME_INVALID', { operator: host.node.name, time: inspect(time) })
  return Math.ceil(time)
}

function later(host: OperatorHost, from: number, delay: Duration): number {
  const delayMs = parseDuration(delay)
  if (delayMs === undefined) throw engineError('TIMER_TIME_INVALID', { operator: host.node.name, time: inspect(delay) })
  if (from === NO_TIMESTAMP) {
    throw engineError('TIMER_TIME_INVALID', { operator: host.node.name, time: `${delay} after the time stamp of a record that has none` })
  }
  return wholeTime(host, from + delayMs)
}

function eventTimersOf(host: OperatorHost, access: KeyTimers, watermark: () => number, timestamp: () => number): EventTimers {
  return {
    get watermark() {
      return watermark()
    },
    at: (time) => access.register('event', wholeTime(host, time)),
    after: (delay) => {
      const time = later(host, timestamp(), delay)
      access.register('event', time)
      return time
    },
    deleteAt: (time) => access.delete('event', wholeTime(host, time)),
  }
}

function processingTimersOf(host: OperatorHost, access: KeyTimers): ProcessingTimers {
  return {
    get now() {
      return host.clock.now()
    },
    at: (time) => access.register('processing', wholeTime(host, time)),
    after: (delay) => {
      const time = later(host, host.clock.now(), delay)
      access.register('processing', time)
      return time
    },
    deleteAt: (time) => access.delete('processing', wholeTime(host, time)),
  }
}
