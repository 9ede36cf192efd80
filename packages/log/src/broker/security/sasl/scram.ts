/**
 * SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, 7677) of the server, without channel binding.
 *
 * 1. A user that is not known gets a salt like any other, the same each time, and fails only with the proof: nobody learns who there is.
 * 2. Proofs are compared in constant time.
 */
import { secretsEqual } from './equal.ts'
import { failure, type SaslMechanism, type SaslServer, type SaslStep } from './mechanism.ts'
import { hash, hmac, SCRAM_ITERATIONS_MIN, type ScramCredential, type ScramName } from './scram-credential.ts'
import { formatServerFinal, formatServerFirst, readClientFinal, readClientFirst, type ClientFirst } from './scram-messages.ts'

export interface ScramOptions {
  readonly name: ScramName
  readonly credentialOf: (user: string, name: ScramName) => Promise<ScramCredential | undefined>
  readonly randomBytes: (length: number) => Uint8Array
  /** What salts of users that are not there are made of. */
  readonly secret: Uint8Array
}

interface Challenged {
  readonly first: ClientFirst
  readonly nonce: string
  readonly serverFirst: string
  readonly credential: ScramCredential
  readonly isKnown: boolean
}

const NONCE_BYTES = 24
const SALT_BYTES = 20

export function scramMechanism(options: ScramOptions): SaslMechanism {
  return { name: options.name, start: () => new ScramServer(options) }
}

class ScramServer implements SaslServer {
  readonly #options: ScramOptions
  #challenged: Challenged | undefined

  constructor(options: ScramOptions) {
    this.#options = options
  }

  async respond(token: Uint8Array): Promise<SaslStep> {
    const challenged = this.#challenged
    return challenged === undefined ? await this.#first(token) : this.#final(token, challenged)
  }

  async #first(token: Uint8Array): Promise<SaslStep> {
    const first = readClientFirst(token)
    if (first === undefined) return failure('the first message is malformed')
    if (first.authorizationId !== '' && first.authorizationId !== first.user) return failure('it asks for the identity of another user')
    if (first.extensions.get('tokenauth') === 'true') return failure('there are no delegation tokens')
    const { name, credentialOf, randomBytes } = this.#options
    const known = await credentialOf(first.user, name)
    const credential = known ?? this.#credentialOfNobody(first.user)
    const nonce = first.nonce + Buffer.from(randomBytes(NONCE_BYTES)).toString('base64url')
    const serverFirst = formatServerFirst({ ...credential, nonce })
    this.#challenged = { first, nonce, serverFirst, credential, isKnown: known !== undefined }
    return { kind: 'challenge', bytes: Buffer.from(serverFirst) }
  }

  #final(token: Uint8Array, { first, nonce, serverFirst, credential, isKnown }: Challenged): SaslStep {
    const final = readClientFinal(token)
    if (final === undefined) return failure('the final message is malformed')
    if (final.nonce !== nonce) return failure('the nonce is another')
    if (Buffer.from(final.channelBinding, 'base64').toString() !== first.gs2Header) return failure('the channel binding is another')
    const { name } = this.#options
    const covered = `${first.bare},${serverFirst},${final.withoutProof}`
    const signature = hmac(name, credential.storedKey, covered)
    const isProven = final.proof.length === signature.length && secretsEqual(hash(name, xor(signature, final.proof)), credential.storedKey)
    if (!isProven || !isKnown) return failure(`wrong password, or no user ${JSON.stringify(first.user)}`)
    const bytes = Buffer.from(formatServerFinal(hmac(name, credential.serverKey, covered)))
    return { kind: 'success', bytes, user: first.user }
  }

  #credentialOfNobody(user: string): ScramCredential {
    const { name, secret } = this.#options
    const made = hmac(name, secret, user)
    return { salt: made.subarray(0, SALT_BYTES), storedKey: made, serverKey: made, iterations: SCRAM_ITERATIONS_MIN }
  }
}

function xor(left: Uint8Array, right: Uint8Array): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ right[index]!))
}
