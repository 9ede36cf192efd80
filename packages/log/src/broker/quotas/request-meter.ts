/** What one request uses: its bytes, and the time that it holds the data loop. */
import type { ApiName } from '../../protocol/index.ts'
import type { ClientQuotas, QuotaClient } from './client-quotas.ts'

export interface RequestMeterOptions extends QuotaClient {
  readonly quotas: ClientQuotas
  readonly api: ApiName
  readonly version: number
}

interface MeteredReply {
  readonly responses?: readonly { readonly partitions?: readonly { readonly records?: { readonly length: number } | null }[] }[]
}

/** What of a request's context is needed here. */
interface MeteredContext {
  readonly meter: RequestMeter | undefined
  readonly origin: { mute(delayMs: number): void }
}

/** From these versions on a change of topics that is over the quota is refused; before them it is only made slow. */
const STRICT_SINCE: { readonly [N in ApiName]?: number } = { CreateTopics: 6, CreatePartitions: 3, DeleteTopics: 5 }
/** As much as a timer takes, and the field on the wire. */
const THROTTLE_MAX_MS = 0x7fff_ffff

export class RequestMeter {
  readonly #options: RequestMeterOptions
  #sinceMs: number
  #usedMs = 0
  #hasMutations = false

  constructor(options: RequestMeterOptions) {
    this.#options = options
    this.#sinceMs = options.quotas.nowMs()
  }

  get fetchBytesMax(): number {
    return this.#options.quotas.fetchBytesMax(this.#options)
  }

  /** The request waits for something else. */
  pause(): void {
    this.#usedMs += this.#options.quotas.nowMs() - this.#sinceMs
  }

  resume(): void {
    this.#sinceMs = this.#options.quotas.nowMs()
  }

  takeMutations(count: number): boolean {
    const { quotas, api, version } = this.#options
    this.#hasMutations = true
    return quotas.takeMutations(this.#options, count, version >= (STRICT_SINCE[api] ?? Infinity))
  }

  /** How long the client has to wait, once it is known what is answered. */
  finish(requestBytes: number, recordBytes: number): number {
    const { quotas, api } = this.#options
    this.pause()
    const throttles = [quotas.record('request_percentage', this.#options, this.#usedMs / 10)]
    if (api === 'Produce') throttles.push(quotas.record('producer_byte_rate', this.#options, requestBytes))
    if (api === 'Fetch') throttles.push(quotas.record('consumer_byte_rate', this.#options, recordBytes))
    if (this.#hasMutations) throttles.push(quotas.mutationThrottleMs(this.#options))
    return Math.min(Math.max(...throttles), THROTTLE_MAX_MS)
  }
}

/** A fetch is given no more than its client's quota has room for. */
export function limited<R>(request: R, { meter }: MeteredContext): R {
  if (meter === undefined || typeof request !== 'object' || request === null) return request
  if (!('maxBytes' in request) || typeof request.maxBytes !== 'number') return request
  return { ...request, maxBytes: Math.min(request.maxBytes, meter.fetchBytesMax) }
}

/** Tells a client that is over its quota how long to wait, and does not hear it meanwhile. */
export function throttled<R>(reply: R, { meter, origin }: MeteredContext, requestBytes: number): R {
  if (meter === undefined) return reply
  meter.resume()
  const throttleTimeMs = meter.finish(requestBytes, recordBytesOf(reply))
  if (throttleTimeMs === 0) return reply
  origin.mute(throttleTimeMs)
  return typeof reply === 'object' && reply !== null ? { ...reply, throttleTimeMs } : reply
}

function recordBytesOf(reply: unknown): number {
  if (typeof reply !== 'object' || reply === null || !('responses' in reply)) return 0
  let sum = 0
  for (const { partitions = [] } of (reply as MeteredReply).responses ?? []) {
    for (const { records } of partitions) sum += records?.length ?? 0
  }
  return sum
}
