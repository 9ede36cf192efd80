import type { ClientFacts } from './principal.ts'

/** A connection's client, as far as it is known before any request. */
export interface ClientSession {
  readonly client: Omit<ClientFacts, 'id'>
}
