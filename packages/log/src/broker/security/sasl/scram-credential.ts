/** What a server keeps of a password for SCRAM: nothing that a password could be read from. */
import { createHash, createHmac, pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'

export type ScramName = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export const SCRAM_NAMES: readonly ScramName[] = ['SCRAM-SHA-256', 'SCRAM-SHA-512']

export interface ScramCredential {
  readonly salt: Uint8Array
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
  readonly iterations: number
}

/** Fewer are not taken, here as in Kafka. */
export const SCRAM_ITERATIONS_MIN = 4096
/** More than anybody could check a login with. */
export const SCRAM_ITERATIONS_MAX = 16_384

const derive = promisify(pbkdf2)

export function hashOf(name: ScramName): 'sha256' | 'sha512' {
  return name === 'SCRAM-SHA-256' ? 'sha256' : 'sha512'
}

/** Bytes of keys and salted passwords. */
export function keyBytes(name: ScramName): number {
  return name === 'SCRAM-SHA-256' ? 32 : 64
}

export function hmac(name: ScramName, key: Uint8Array, text: Uint8Array | string): Buffer {
  return createHmac(hashOf(name), key).update(text).digest()
}

export function hash(name: ScramName, bytes: Uint8Array): Buffer {
  return createHash(hashOf(name)).update(bytes).digest()
}

/** Of what a client has made of the password itself. */
export function credentialOf(name: ScramName, saltedPassword: Uint8Array, salt: Uint8Array, iterations: number): ScramCredential {
  const storedKey = hash(name, hmac(name, saltedPassword, 'Client Key'))
  return { salt, storedKey, serverKey: hmac(name, saltedPassword, 'Server Key'), iterations }
}

export async function saltedPassword(name: ScramName, password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return await derive(password, salt, iterations, keyBytes(name), hashOf(name))
}
