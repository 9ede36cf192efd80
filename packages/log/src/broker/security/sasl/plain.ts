/** SASL PLAIN (RFC 4616): the password itself, so only fit for listeners with TLS. */
import { secretsEqual } from './equal.ts'
import { failure, type SaslMechanism, type SaslStep } from './mechanism.ts'

const REFUSED = 'Authentication failed: Invalid username or password'
const NOTHING = new Uint8Array(0)

/** @param passwordOf of a user; undefined for one that is not known */
export function plainMechanism(passwordOf: (user: string) => string | undefined): SaslMechanism {
  return { name: 'PLAIN', start: () => ({ respond: (token) => respond(token, passwordOf) }) }
}

function respond(token: Uint8Array, passwordOf: (user: string) => string | undefined): SaslStep {
  const parts = Buffer.from(token.buffer, token.byteOffset, token.length).toString('utf8').split('\0')
  const [authorizationId, user, password] = parts
  if (parts.length !== 3 || authorizationId === undefined || user === undefined || password === undefined) {
    return failure('the token has not three parts', 'Invalid SASL/PLAIN response: expected 3 tokens, got ' + String(parts.length))
  }
  if (user === '') return failure('no user', 'Authentication failed: username not specified')
  if (password === '') return failure('no password', 'Authentication failed: password not specified')
  const known = passwordOf(user)
  const isRight = secretsEqual(known ?? '', password)
  if (known === undefined || known === '' || !isRight) return failure(`wrong password, or no user ${JSON.stringify(user)}`, REFUSED)
  if (authorizationId !== '' && authorizationId !== user) {
    return failure(
      `it is not ${JSON.stringify(authorizationId)}`,
      'Authentication failed: Client requested an authorization id that is different from username',
    )
  }
  return { kind: 'success', bytes: NOTHING, user }
}
