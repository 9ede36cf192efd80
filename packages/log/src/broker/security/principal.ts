/** Who speaks on a connection, once it has proven it. */
export interface Principal {
  readonly type: 'User'
  readonly name: string
}

/** Of connections that prove nothing. */
export const ANONYMOUS: Principal = { type: 'User', name: 'ANONYMOUS' }

/** 'User:name', as access control lists have it. */
export function formatPrincipal({ type, name }: Principal): string {
  return `${type}:${name}`
}

/** Whose request it is, as far as its handler may know. */
export interface ClientFacts {
  /** `client.id` of the request's header: what the client calls itself. */
  readonly id: string | null
  /** The address and port that it connects from. */
  readonly host: string
  readonly port: number
  /** The name of the listener that it came by. */
  readonly listener: string
  readonly principal: Principal
}
