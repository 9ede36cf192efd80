/** A SASL mechanism as the server speaks it. */
export interface SaslMechanism {
  /** As in the handshake: 'SCRAM-SHA-256'. */
  readonly name: string
  /** One authentication. */
  start(): SaslServer
}

export interface SaslServer {
  /** Takes the client's next token. Never rejects for what a client sends. */
  respond(token: Uint8Array): SaslStep | Promise<SaslStep>
}

export type SaslStep =
  | { readonly kind: 'challenge'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'success'
      readonly bytes: Uint8Array
      readonly user: string
      /** When what was shown ends to be valid, in milliseconds since 1970. */
      readonly expiresAtMs?: number
    }
  /** `told`: what the client may know of it; nothing else may tell a missing user from a wrong password. */
  | { readonly kind: 'failure'; readonly reason: string; readonly told?: string }

export function failure(reason: string, told?: string): SaslStep {
  return told === undefined ? { kind: 'failure', reason } : { kind: 'failure', reason, told }
}
