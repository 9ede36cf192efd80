/**
 * Faults that a test asks a broker for: late answers, lost connections, error codes.
 *
 * 1. Without a fault a request costs one look at a number.
 * 2. A fault applies to requests that begin after it was asked for and before it was removed, in the order of asking: the first that fits is the one.
 * 3. Whatever a fault does, the broker's own state is what an unharmed request, or none, would have left.
 */
import type { Clock } from '@millrace/core'
import { ERROR_CODE, type ApiName, type ApiRequest, type ErrorCodeName } from '../../protocol/index.ts'
import type { Reply, RequestContext } from '../handler.ts'
import type { ClientFacts } from '../security/principal.ts'
import { requestTopics } from './request-topics.ts'
import { falsify, refusalOf } from './refusals.ts'

/** Which requests a fault concerns. */
export interface FaultScope<N extends ApiName = ApiName> {
  /** 'Produce', 'Fetch', … */
  readonly api: N
  /** Only requests that name this topic, by its name or its id. */
  readonly topic?: string
  /** Those it holds for, by what is asked and by whom; all by default. What it throws closes the connection. */
  readonly where?: (request: ApiRequest<N>, client: ClientFacts) => boolean
  /** To how many requests it happens; without an end by default. */
  readonly times?: number
}

/** Answers that come late. */
export interface DelayFault<N extends ApiName> extends FaultScope<N> {
  /** How much later the answer leaves, in milliseconds. The request itself is performed at once. */
  readonly delayMs: number
}

/** `before`, the default: the request is not performed. `after`: it is, but its client does not learn of it. */
export type FaultMoment = 'before' | 'after'

/** Connections that are closed in place of an answer. */
export interface DropFault<N extends ApiName> extends FaultScope<N> {
  readonly when?: FaultMoment
}

/** Errors that are answered. */
export interface ErrorFault<N extends ApiName> extends FaultScope<N> {
  /** Kafka's name of the error that is answered: 'NOT_LEADER_OR_FOLLOWER', … */
  readonly error: ErrorCodeName
  readonly when?: FaultMoment
}

/** A fault that was asked for. */
export interface Fault {
  /** Requests it has happened to. */
  readonly count: number
  /** Ends it; what is under way is not changed. */
  remove(): void
}

type Effect =
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'drop'; readonly when: FaultMoment }
  | { readonly kind: 'error'; readonly errorCode: number; readonly when: FaultMoment }

interface Active {
  readonly api: ApiName
  readonly topic: string | undefined
  readonly where: (request: never, client: ClientFacts) => boolean
  readonly effect: Effect
  timesLeft: number
  count: number
}

/** Faults of a broker in a test, as `log.faults`: those asked for first come first, and each lasts until it is removed or has happened `times` times. */
export class Faults {
  readonly #clock: Clock
  readonly #active = new Set<Active>()

  /** @internal Made by the broker. */
  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Answers come late. Later answers of the same connection wait behind them, as ever. */
  delay<N extends ApiName>(fault: DelayFault<N>): Fault {
    return this.#add(fault, { kind: 'delay', delayMs: fault.delayMs })
  }

  /** The connection is closed in place of an answer. */
  drop<N extends ApiName>(fault: DropFault<N>): Fault {
    return this.#add(fault, { kind: 'drop', when: fault.when ?? 'before' })
  }

  /** An error is answered, for everything that the request is about. */
  error<N extends ApiName>(fault: ErrorFault<N>): Fault {
    return this.#add(fault, { kind: 'error', errorCode: ERROR_CODE[fault.error], when: fault.when ?? 'before' })
  }

  /** Ends all faults. */
  clear(): void {
    this.#active.clear()
  }

  /** @internal Performs a request, or not, as the faults say. */
  around<N extends ApiName>(
    name: N,
    request: ApiRequest<N>,
    { broker, client, signal }: RequestContext,
    perform: () => Reply<N> | Promise<Reply<N>>,
  ): Reply<N> | Promise<Reply<N>> {
    if (this.#active.size === 0) return perform()
    const nameOf = (id: Uint8Array): string | undefined => broker.topics.withId(id)?.name
    const effect = this.#take(name, request, client, nameOf)
    if (effect === undefined) return perform()
    switch (effect.kind) {
      case 'delay':
        return this.#late(perform, effect.delayMs, signal)
      case 'drop':
        return effect.when === 'before' ? 'close' : lost(name, perform)
      case 'error': {
        const refusal = effect.when === 'before' ? refusalOf(name, request, effect.errorCode) : undefined
        return refusal ?? falsified(name, perform, effect.errorCode)
      }
    }
  }

  #add<N extends ApiName>({ api, topic, where = () => true, times = Infinity }: FaultScope<N>, effect: Effect): Fault {
    const active: Active = { api, topic, where: where, effect, timesLeft: times, count: 0 }
    this.#active.add(active)
    return {
      get count() {
        return active.count
      },
      remove: () => void this.#active.delete(active),
    }
  }

  #take(name: ApiName, request: object, client: ClientFacts, nameOf: (id: Uint8Array) => string | undefined): Effect | undefined {
    for (const active of this.#active) {
      if (active.api !== name || active.timesLeft <= 0) continue
      if (active.topic !== undefined && !requestTopics(request, nameOf).has(active.topic)) continue
      if (!active.where(request as never, client)) continue
      active.timesLeft--
      active.count++
      return active.effect
    }
    return undefined
  }

  async #late<R>(perform: () => R | Promise<R>, delayMs: number, signal: AbortSignal): Promise<R> {
    const reply = await perform()
    await new Promise<void>((resolve) => {
      const end = (): void => {
        signal.removeEventListener('abort', end)
        cancel()
        resolve()
      }
      const cancel = this.#clock.after(delayMs, end)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
    })
    return reply
  }
}

async function lost<N extends ApiName>(name: N, perform: () => Reply<N> | Promise<Reply<N>>): Promise<'close'> {
  await falsified(name, perform, ERROR_CODE.NONE)
  return 'close'
}

async function falsified<N extends ApiName>(name: N, perform: () => Reply<N> | Promise<Reply<N>>, errorCode: number): Promise<Reply<N>> {
  const reply = await perform()
  return reply === 'none' || reply === 'close' ? reply : falsify(name, reply, errorCode)
}
