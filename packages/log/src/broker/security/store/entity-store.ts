/**
 * Configurations of users, clients and addresses: credentials of SCRAM, and quotas. They are kept where Kafka keeps them:
 * `/config/users/<user>`, `/config/users/<user>/clients/<client>`, `/config/clients/<client>`, `/config/ips/<address>`.
 *
 * 1. What is answered is what was stored last, as far as this broker has heard; a change that has resolved is heard.
 * 2. An entity without configurations is not there.
 */
import type { CoordinationSession } from '@millrace/core'
import { logError } from '../../../errors.ts'
import { fromNodeName, toNodeName } from './node-name.ts'
import { NodeMirror } from './node-mirror.ts'
import { updateNode } from './node-update.ts'

/** Whom configurations are for: `null` stands for everybody without an entry, left out for no matter who. */
export interface ConfigEntity {
  readonly user?: string | null
  readonly clientId?: string | null
  readonly ip?: string | null
}

export type EntityConfigs = ReadonlyMap<string, string>

export interface StoredEntity {
  readonly entity: ConfigEntity
  readonly configs: EntityConfigs
}

const NOTHING: EntityConfigs = new Map()
const ROOTS = ['/config/users', '/config/clients', '/config/ips'] as const

export class EntityStore {
  readonly #session: CoordinationSession
  readonly #entities = new Map<string, StoredEntity>()
  readonly #listeners = new Set<() => void>()
  #mirrors: readonly NodeMirror[] = []

  private constructor(session: CoordinationSession) {
    this.#session = session
  }

  /** @param onFailure hears of entries that cannot be read: they then count as empty */
  static async open(session: CoordinationSession, onFailure: (error: unknown) => void): Promise<EntityStore> {
    const store = new EntityStore(session)
    const opened = ROOTS.map((root) => NodeMirror.open({ session, root, onFailure }, (path, bytes) => store.#heard(path, bytes, onFailure)))
    store.#mirrors = await Promise.all(opened)
    return store
  }

  get(entity: ConfigEntity): EntityConfigs {
    return this.#entities.get(pathOf(entity))?.configs ?? NOTHING
  }

  all(): Iterable<StoredEntity> {
    return this.#entities.values()
  }

  /** Sets names to texts, and takes those away that are undefined. @throws COORDINATION_*, SECURITY_STORED_CORRUPT */
  async change(entity: ConfigEntity, changes: ReadonlyMap<string, string | undefined>): Promise<void> {
    const path = pathOf(entity)
    await updateNode(this.#session, path, (bytes) => {
      const configs = new Map(bytes === undefined ? [] : readConfigs(path, bytes))
      for (const [name, text] of changes) {
        if (text === undefined) configs.delete(name)
        else configs.set(name, text)
      }
      return configs.size === 0 ? undefined : formatConfigs(configs)
    })
    await this.#mirrors[ROOTS.findIndex((root) => path.startsWith(`${root}/`))]!.refresh(path)
  }

  /** Hears of every change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  close(): void {
    for (const mirror of this.#mirrors) mirror.close()
  }

  #heard(path: string, bytes: Uint8Array | undefined, onFailure: (error: unknown) => void): void {
    const entity = entityOf(path)
    if (entity === undefined) return
    let configs = NOTHING
    try {
      if (bytes !== undefined) configs = readConfigs(path, bytes)
    } catch (error) {
      onFailure(error)
    }
    // The same node is heard of more than once: by its watch, and by whoever has changed it.
    if (isSame(configs, this.#entities.get(path)?.configs ?? NOTHING)) return
    if (configs.size === 0) this.#entities.delete(path)
    else this.#entities.set(path, { entity, configs })
    for (const listener of this.#listeners) listener()
  }
}

function isSame(left: EntityConfigs, right: EntityConfigs): boolean {
  return left.size === right.size && [...left].every(([name, text]) => right.get(name) === text)
}

function pathOf({ user, clientId, ip }: ConfigEntity): string {
  if (ip !== undefined) return `/config/ips/${toNodeName(ip)}`
  if (user === undefined) return `/config/clients/${toNodeName(clientId ?? null)}`
  const own = `/config/users/${toNodeName(user)}`
  return clientId === undefined ? own : `${own}/clients/${toNodeName(clientId)}`
}

function entityOf(path: string): ConfigEntity | undefined {
  const [, , kind, name, clients, clientId, ...rest] = path.split('/')
  if (name === undefined || name === '' || rest.length > 0) return undefined
  if (kind === 'users' && clients === 'clients') {
    return clientId === undefined ? undefined : { user: fromNodeName(name), clientId: fromNodeName(clientId) }
  }
  if (clients !== undefined) return undefined
  if (kind === 'users') return { user: fromNodeName(name) }
  return kind === 'clients' ? { clientId: fromNodeName(name) } : { ip: fromNodeName(name) }
}

function formatConfigs(configs: EntityConfigs): Uint8Array {
  return Buffer.from(JSON.stringify({ version: 1, config: Object.fromEntries(configs) }))
}

function readConfigs(path: string, bytes: Uint8Array): EntityConfigs {
  // A node above others may have nothing of its own.
  if (bytes.length === 0) return NOTHING
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw logError('SECURITY_STORED_CORRUPT', { path, problem: 'it is no JSON' }, cause)
  }
  const config = isObject(parsed) ? parsed['config'] : undefined
  if (!isObject(config)) throw logError('SECURITY_STORED_CORRUPT', { path, problem: 'it has no configurations' })
  return new Map(Object.entries(config).filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
