/**
 * What clients use, measured against their quotas.
 *
 * 1. Whoever is over a quota is answered at once, told how long to wait, and not heard meanwhile (KIP-219).
 * 2. Clients without a quota are not measured. A quota that changes counts from the next request on.
 * 3. Memory is kept only for clients that were heard of in the last windows.
 */
import type { Clock } from '@millrace/core'
import type { BrokerConfig } from '../config/index.ts'
import type { EntityStore } from '../security/store/entity-store.ts'
import { ExpiringMap } from './expiring-map.ts'
import { QuotaTable, type ClientQuota } from './quota-table.ts'
import { TokenBucket } from './token-bucket.ts'
import { WindowedRate, type WindowOptions } from './windowed-rate.ts'

export interface ClientQuotasOptions {
  readonly entities: EntityStore
  readonly config: BrokerConfig
  readonly clock: Clock
}

/** Whose usage it is. */
export interface QuotaClient {
  readonly user: string
  readonly clientId: string
}

type RateQuota = Exclude<ClientQuota, 'controller_mutation_rate'>

export class ClientQuotas {
  readonly #options: ClientQuotasOptions
  readonly #window: WindowOptions
  readonly #controllerWindow: WindowOptions
  readonly #rates = new ExpiringMap<WindowedRate>((rate, nowMs) => rate.isIdle(nowMs))
  readonly #buckets = new ExpiringMap<TokenBucket>((bucket, nowMs) => bucket.isFull(nowMs))
  /** Undefined where something has changed since anybody asked: a request may change thousands of quotas. */
  #known: QuotaTable | undefined

  constructor(options: ClientQuotasOptions) {
    const { entities, config } = options
    this.#options = options
    this.#window = { windows: config.get('quota.window.num'), windowMs: config.get('quota.window.size.seconds') * 1000 }
    this.#controllerWindow = {
      windows: config.get('controller.quota.window.num'),
      windowMs: config.get('controller.quota.window.size.seconds') * 1000,
    }
    entities.onChange(() => {
      this.#known = undefined
      // Buckets have their quota in them.
      this.#buckets.clear()
    })
  }

  get #table(): QuotaTable {
    return (this.#known ??= new QuotaTable(this.#options.entities.all()))
  }

  /** Whether anybody has a quota. */
  get isActive(): boolean {
    return !this.#table.isEmpty
  }

  nowMs(): number {
    return this.#options.clock.monotonic()
  }

  /** Notes what was used, and gives how long the client has to wait. */
  record(quota: RateQuota, { user, clientId }: QuotaClient, used: number): number {
    const found = this.#table.ofClient(quota, user, clientId)
    if (found === undefined) return 0
    const nowMs = this.nowMs()
    const rate = this.#rates.get(`${quota} ${found.sharedBy}`, () => new WindowedRate(this.#window), nowMs)
    rate.record(used, nowMs)
    const throttleMs = rate.throttleMs(found.limit, nowMs)
    // As in Kafka time on the processor is paid back within a window.
    return quota === 'request_percentage' ? Math.min(throttleMs, this.#window.windowMs) : throttleMs
  }

  /** What fits into all windows: no response needs to be larger. */
  fetchBytesMax({ user, clientId }: QuotaClient): number {
    const limit = this.#table.ofClient('consumer_byte_rate', user, clientId)?.limit
    return limit === undefined ? Infinity : Math.max(1, Math.floor((limit * (this.#window.windows - 1) * this.#window.windowMs) / 1000))
  }

  /** Notes changes of topics; false, with nothing noted, where `isStrict` and the client is over its quota. */
  takeMutations({ user, clientId }: QuotaClient, count: number, isStrict: boolean): boolean {
    const bucket = this.#mutations(user, clientId)
    if (bucket === undefined) return true
    if (isStrict && bucket.throttleMs(this.nowMs()) > 0) return false
    bucket.take(count, this.nowMs())
    return true
  }

  mutationThrottleMs({ user, clientId }: QuotaClient): number {
    return this.#mutations(user, clientId)?.throttleMs(this.nowMs()) ?? 0
  }

  /** Notes a new connection, and gives how long it has to be kept waiting before it is closed; 0: it is welcome. */
  connectionThrottleMs(ip: string): number {
    const limit = this.#table.ofAddress(ip)
    if (limit === undefined) return 0
    const nowMs = this.nowMs()
    const rate = this.#rates.get(`connection ${ip}`, () => new WindowedRate(this.#window), nowMs)
    rate.record(1, nowMs)
    const throttleMs = rate.throttleMs(limit, nowMs)
    if (throttleMs > 0) rate.record(-1, nowMs)
    return Math.min(throttleMs, this.#window.windowMs)
  }

  #mutations(user: string, clientId: string): TokenBucket | undefined {
    const found = this.#table.ofClient('controller_mutation_rate', user, clientId)
    if (found === undefined) return undefined
    const { windows, windowMs } = this.#controllerWindow
    const burst = (found.limit * windows * windowMs) / 1000
    const nowMs = this.nowMs()
    return this.#buckets.get(found.sharedBy, () => new TokenBucket(found.limit, burst, nowMs), nowMs)
  }
}
