/** Credentials of SCRAM as configurations of users, in Kafka's form; and users that a broker is started with. */
import type { EntityStore } from '../store/entity-store.ts'
import {
  credentialOf,
  saltedPassword,
  SCRAM_ITERATIONS_MIN,
  SCRAM_NAMES,
  type ScramCredential,
  type ScramName,
} from './scram-credential.ts'

export interface ScramCredentialsOptions {
  readonly entities: EntityStore
  /** Passwords of users that the broker is started with; what is stored for them counts before. */
  readonly passwordOf: (user: string) => string | undefined
  readonly randomBytes: (length: number) => Uint8Array
}

const SALT_BYTES = 20

export class ScramCredentials {
  readonly #options: ScramCredentialsOptions
  /** Made of passwords, by mechanism and user: making one takes time. */
  readonly #made = new Map<string, Promise<ScramCredential>>()

  constructor(options: ScramCredentialsOptions) {
    this.#options = options
  }

  async find(user: string, name: ScramName): Promise<ScramCredential | undefined> {
    const stored = this.stored(user, name)
    if (stored !== undefined) return stored
    const password = this.#options.passwordOf(user)
    if (password === undefined) return undefined
    const key = `${name} ${user}`
    const made = this.#made.get(key) ?? this.#make(name, password)
    this.#made.set(key, made)
    return await made
  }

  stored(user: string, name: ScramName): ScramCredential | undefined {
    const text = this.#options.entities.get({ user }).get(name)
    return text === undefined ? undefined : readCredential(text)
  }

  /** Users with a stored credential. */
  users(): readonly string[] {
    const found: string[] = []
    for (const { entity, configs } of this.#options.entities.all()) {
      const { user, clientId } = entity
      if (typeof user === 'string' && clientId === undefined && SCRAM_NAMES.some((name) => configs.has(name))) found.push(user)
    }
    return found
  }

  /** Stores credentials of a user, and takes those away that are undefined. @throws COORDINATION_* */
  change(user: string, credentials: ReadonlyMap<ScramName, ScramCredential | undefined>): Promise<void> {
    const texts = [...credentials].map(([name, credential]): [string, string | undefined] => [
      name,
      credential === undefined ? undefined : formatCredential(credential),
    ])
    return this.#options.entities.change({ user }, new Map(texts))
  }

  async #make(name: ScramName, password: string): Promise<ScramCredential> {
    const salt = this.#options.randomBytes(SALT_BYTES)
    return credentialOf(name, await saltedPassword(name, password, salt, SCRAM_ITERATIONS_MIN), salt, SCRAM_ITERATIONS_MIN)
  }
}

function formatCredential({ salt, storedKey, serverKey, iterations }: ScramCredential): string {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  return `salt=${text(salt)},stored_key=${text(storedKey)},server_key=${text(serverKey)},iterations=${iterations}`
}

function readCredential(text: string): ScramCredential | undefined {
  const parts = new Map(text.split(',').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]))
  const bytes = (name: string): Uint8Array => Buffer.from(parts.get(name) ?? '', 'base64')
  const credential = {
    salt: bytes('salt'),
    storedKey: bytes('stored_key'),
    serverKey: bytes('server_key'),
    iterations: Number(parts.get('iterations')),
  }
  const isWhole = credential.storedKey.length > 0 && credential.serverKey.length > 0 && credential.iterations >= SCRAM_ITERATIONS_MIN
  return isWhole ? credential : undefined
}
