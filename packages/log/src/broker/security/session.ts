/** Whose connection it is, and what it may ask. */
import type { Connection } from '@millrace/core'
import type { ClientFacts, Principal } from './principal.ts'
import { EARLY_APIS } from './sasl/exchange-state.ts'
import type { SaslExchange } from './sasl/exchange.ts'

/** A connection's client, as far as it is known before any request. */
export interface ClientSession {
  readonly client: Omit<ClientFacts, 'id'>
  /** Where it has proven itself by SASL, and can do so again. */
  readonly sasl?: SaslExchange
  /** `connection.failed.authentication.delay.ms`, for one that fails later. */
  readonly failureDelayMs?: number
}

export function clientOf(connection: Connection, listener: string, principal: Principal): ClientSession['client'] {
  return { host: addressOf(connection), port: connection.remote.port, listener, principal }
}

/** Where it comes from: an IPv4 address that came to a socket of IPv6 is still that address. */
export function addressOf({ remote }: Connection): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(remote.host)?.[1] ?? remote.host
}

/** Whether a request may be asked now: not once the session is over, nor while it is being proven again, except for what belongs to that. */
export function mayAsk({ sasl }: ClientSession, apiName: string): boolean {
  if (sasl === undefined) return true
  if (sasl.state.kind !== 'ready') return EARLY_APIS[sasl.state.kind].includes(apiName)
  return !sasl.isExpired || apiName === 'SaslHandshake'
}
