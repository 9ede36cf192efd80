/** OAUTHBEARER (RFC 7628) of the server: a token that somebody else has issued. */
import { messageOf } from '@millrace/core'
import { failure, type SaslMechanism, type SaslServer, type SaslStep } from './mechanism.ts'

export interface VerifiedToken {
  readonly user: string
  /** In milliseconds since 1970. */
  readonly expiresAtMs: number
}

/** Rejects with the reason for what is not to be believed. */
export type TokenVerifier = (token: string) => Promise<VerifiedToken>

const ACKNOWLEDGEMENT = 0x01
const NOTHING = new Uint8Array(0)
const SEPARATOR = '\u0001'

export function oauthBearerMechanism(verify: TokenVerifier): SaslMechanism {
  return { name: 'OAUTHBEARER', start: () => new OAuthBearerServer(verify) }
}

class OAuthBearerServer implements SaslServer {
  readonly #verify: TokenVerifier
  /** Why, once the client has been told that its token is refused. */
  #refused: string | undefined

  constructor(verify: TokenVerifier) {
    this.#verify = verify
  }

  async respond(message: Uint8Array): Promise<SaslStep> {
    const refused = this.#refused
    if (refused !== undefined) {
      const isAcknowledged = message.length === 1 && message[0] === ACKNOWLEDGEMENT
      return failure(isAcknowledged ? refused : 'it goes on with a token that is refused', '{"status":"invalid_token"}')
    }
    const { authorizationId, token } = readMessage(Buffer.from(message).toString('latin1'))
    if (token === undefined) return failure('the message is malformed')
    try {
      const { user, expiresAtMs } = await this.#verify(token)
      if (authorizationId !== '' && authorizationId !== user) return failure('it asks for the identity of another user')
      return { kind: 'success', bytes: NOTHING, user, expiresAtMs }
    } catch (error) {
      // The client answers this before it is told that it has failed.
      this.#refused = messageOf(error)
      return { kind: 'challenge', bytes: Buffer.from('{"status":"invalid_token"}') }
    }
  }
}

/** The header with the identity that is asked for, then key-value pairs, and an empty one at the end. */
function readMessage(text: string): { readonly authorizationId: string; readonly token: string | undefined } {
  const [header = '', ...pairs] = text.split(SEPARATOR)
  const matched = /^n,(?:a=([^,]*))?,$/.exec(header)
  const isEnded = pairs.length > 2 && pairs.at(-1) === '' && pairs.at(-2) === ''
  if (matched === null || !isEnded) return { authorizationId: '', token: undefined }
  const values = pairs.map((pair) => /^auth=Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(pair)?.[1]).filter((token) => token !== undefined)
  return { authorizationId: matched[1] ?? '', token: values.length === 1 ? values[0] : undefined }
}
