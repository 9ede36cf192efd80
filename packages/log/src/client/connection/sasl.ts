/**
 * SASL as pure exchanges: each mechanism is a generator that yields what to send, is given what came back, and returns when it is satisfied with the broker.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import type { Random } from '@millrace/core'

export type SaslExchange = Generator<Uint8Array, void, Uint8Array>

/** RFC 4616: authorization identity (none), user, password, separated by NUL. */
export function* plain(username: string, password: string): SaslExchange {
  yield Buffer.from(`\0${username}\0${password}`)
}

/** RFC 7628: a bearer token, and the broker's error as JSON where it refuses it. */
export function* oauthBearer(token: string, extensions: Readonly<Record<string, string>> = {}): SaslExchange {
  const more = Object.entries(extensions).map(([name, value]) => `${name}=${value}\x01`)
  const answer = yield Buffer.from(`n,,\x01auth=Bearer ${token}\x01${more.join('')}\x01`)
  if (answer.length === 0) return
  yield Buffer.from('\x01')
  throw new Error(`the token was refused: ${Buffer.from(answer).toString().slice(0, 500)}`)
}

/** Iterations below are refused by RFC 7677; far above, a broker could keep this process busy for ever. */
const ITERATIONS_MIN = 4096
const ITERATIONS_MAX = 1_000_000

/** RFC 5802 without channel binding. */
export function* scram(hash: 'sha256' | 'sha512', username: string, password: string, random: Random): SaslExchange {
  const nonce = Buffer.from(random.bytes(24)).toString('base64')
  const firstBare = `n=${username.replace(/=/g, '=3D').replace(/,/g, '=2C')},r=${nonce}`
  const serverFirst = Buffer.from(yield Buffer.from(`n,,${firstBare}`)).toString()
  const fields = fieldsOf(serverFirst)
  const [serverNonce, salt, iterations] = [fields.get('r') ?? '', fields.get('s'), Number(fields.get('i'))]
  if (fields.has('e')) throw new Error(`the broker answered ${fields.get('e')}`)
  if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length || salt === undefined)
    throw new Error('the challenge is no answer to ours')
  if (!(iterations >= ITERATIONS_MIN && iterations <= ITERATIONS_MAX)) throw new Error(`${iterations} iterations`)

  const keyBytes = hash === 'sha256' ? 32 : 64
  const salted = pbkdf2Sync(password.normalize('NFKC'), Buffer.from(salt, 'base64'), iterations, keyBytes, hash)
  const clientKey = hmac(hash, salted, 'Client Key')
  const storedKey = createHash(hash).update(clientKey).digest()
  const finalBare = `c=biws,r=${serverNonce}`
  const message = `${firstBare},${serverFirst},${finalBare}`
  const signature = hmac(hash, storedKey, message)
  const proof = clientKey.map((byte, index) => byte ^ signature[index]!)
  const serverFinal = fieldsOf(Buffer.from(yield Buffer.from(`${finalBare},p=${Buffer.from(proof).toString('base64')}`)).toString())
  if (serverFinal.has('e')) throw new Error(`the broker answered ${serverFinal.get('e')}`)
  const expected = hmac(hash, hmac(hash, salted, 'Server Key'), message)
  const found = Buffer.from(serverFinal.get('v') ?? '', 'base64')
  if (found.length !== expected.length || !timingSafeEqual(found, expected)) throw new Error('the broker does not know the password either')
}

function hmac(hash: string, key: Uint8Array, text: string): Buffer {
  return createHmac(hash, key).update(text).digest()
}

function fieldsOf(text: string): ReadonlyMap<string, string> {
  return new Map(text.split(',').map((field) => [field.slice(0, 1), field.slice(2)]))
}
