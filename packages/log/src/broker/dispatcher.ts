/** Finds the handler of a request, and turns what it answers into bytes. */
import { LinkedList } from '@millrace/core'
import { ProtocolError } from '../errors.ts'
import {
  apiByName,
  decodeRequest,
  encodeResponse,
  encodeStreamedResponse,
  ERROR_CODE,
  type ApiName,
  type RequestFrame,
  type StreamedBytes,
} from '../protocol/index.ts'
import type { ApiHandler, BrokerFacts, RequestContext, RequestOrigin, ServedApi } from './handler.ts'
import { requestLogEntry as entryOf, type RequestLogEntry } from './metrics/request-log.ts'
import { limited, RequestMeter, throttled } from './quotas/request-meter.ts'
import type { ClientFacts } from './security/principal.ts'
import { mayAsk, type ClientSession } from './security/session.ts'

/** A response in its frame; or that there is none, or that the connection ends in its place. */
type Answer = readonly (Uint8Array | StreamedBytes)[] | 'none' | 'close'

/** A handler whose API is no longer known to the type checker. */
export interface ServedHandler extends ServedApi {
  readonly name: ApiName
  readonly isPipelined: boolean
  answer(request: RequestFrame, context: RequestContext): Promise<Answer>
}

export function serve<N extends ApiName>(handler: ApiHandler<N>): ServedHandler {
  const { name } = handler
  const { key, minVersion, maxVersion } = apiByName(name)
  return {
    key,
    name,
    minVersion: handler.advertisedMinVersion ?? minVersion,
    maxVersion,
    isPipelined: handler.isPipelined ?? false,
    async answer({ version, correlationId, body }, context) {
      const requestBytes = body.remaining
      const request = limited(decodeRequest(name, version, body), context)
      const pending = context.broker.faults.around(name, request, context, () => handler.handle(request, context))
      context.meter?.pause()
      const reply = throttled(await pending, context, requestBytes)
      return reply === 'none' || reply === 'close' ? reply : encodeStreamedResponse(name, version, correlationId, reply)
    },
  }
}

export interface DispatcherOptions {
  /** Hears of every request that was answered: the request log. */
  readonly onRequest?: ((request: RequestLogEntry) => void) | undefined
}

export class Dispatcher {
  readonly #broker: BrokerFacts
  readonly #handlers: ReadonlyMap<number, ServedHandler>
  readonly #underWay = new LinkedList<Promise<Answer>>()
  readonly #options: DispatcherOptions

  constructor(broker: BrokerFacts, handlers: readonly ServedHandler[], options: DispatcherOptions = {}) {
    this.#options = options
    this.#broker = broker
    this.#handlers = new Map(handlers.map((handler) => [handler.key, handler]))
  }

  /** Resolves when no request that has begun is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#underWay)
  }

  isPipelined({ api }: RequestFrame): boolean {
    return this.#handlers.get(api.key)?.isPipelined ?? false
  }

  /**
   * Begins the request before it returns: requests that are pipelined keep the order of the calls.
   * Rejects with a ProtocolError for what is malformed or not served: the connection is to be closed
   */
  answer(request: RequestFrame, origin: RequestOrigin): Promise<Answer> {
    const answer = this.#answer(request, origin)
    const link = this.#underWay.add(answer)
    const forget = (): void => void this.#underWay.remove(link)
    answer.then(forget, forget)
    return answer
  }

  /** The answer to ApiVersions for a client that has yet to prove itself. */
  async answerVersions(request: RequestFrame, session: ClientSession): Promise<readonly Uint8Array[]> {
    const nothing = (): void => undefined
    const answer = await this.answer(request, { session, signal: AbortSignal.abort(), mute: nothing, hold: () => nothing, end: nothing })
    return Array.isArray(answer) ? (answer as readonly Uint8Array[]) : []
  }

  async #answer(request: RequestFrame, origin: RequestOrigin): Promise<Answer> {
    const { api, version, isSupported, correlationId } = request
    const handler = this.#handlers.get(api.key)
    if (handler === undefined) throw new ProtocolError('PROTOCOL_UNKNOWN_API', { key: api.key })
    if (!mayAsk(origin.session, api.name)) return 'close'
    if (isSupported) return await this.#perform(handler, request, origin)
    const { key, minVersion, maxVersion } = handler
    if (api.name !== 'ApiVersions') {
      throw new ProtocolError('PROTOCOL_UNSUPPORTED_VERSION', { message: api.name, version, from: minVersion, to: maxVersion })
    }
    // A client that is newer than the broker learns from this which version to ask in (KIP-511).
    const apiKeys = [{ apiKey: key, minVersion, maxVersion }]
    return encodeResponse('ApiVersions', 0, correlationId, { errorCode: ERROR_CODE.UNSUPPORTED_VERSION, apiKeys })
  }

  async #perform(handler: ServedHandler, request: RequestFrame, origin: RequestOrigin): Promise<Answer> {
    const { metrics, clock } = this.#broker
    const sinceMs = clock.monotonic()
    const answer = await handler.answer(request, this.#contextOf(request, origin))
    const durationMs = clock.monotonic() - sinceMs
    metrics.requestAnswered(handler.name, request.version, durationMs)
    this.#options.onRequest?.(entryOf(request, origin, answer, durationMs))
    return answer
  }

  #contextOf({ api, version, clientId }: RequestFrame, origin: RequestOrigin): RequestContext {
    const broker = this.#broker
    const { authorizer, quotas } = broker.security
    const user = origin.session.client.principal.name
    const meter = quotas.isActive ? new RequestMeter({ quotas, user, clientId: clientId ?? '', api: api.name, version }) : undefined
    const facts: ClientFacts = { ...origin.session.client, id: clientId }
    return {
      broker,
      version,
      client: facts,
      advertised: broker.advertisedOn(facts.listener),
      allows: (operation, resource, name) => authorizer.allows(facts, operation, resource, name),
      allowsSome: (operation, resource) => authorizer.allowsSome(facts, operation, resource),
      takeMutations: (count) => meter?.takeMutations(count) ?? true,
      meter,
      signal: origin.signal,
      origin,
    }
  }
}
