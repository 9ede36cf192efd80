/**
 * Configurations that are set at run time, of topics, brokers and groups.
 *
 * 1. `get` answers what is stored, and changes as soon as somebody, here or elsewhere, has changed it.
 * 2. Listeners hear of a change after `get` answers it; when `alter` resolves they have heard.
 * 3. Changes of one resource through this store happen one after the other, each of what the one before left.
 */
import type { Cancel, CoordinationOperation, CoordinationSession, WatchEvent } from '@millrace/core'
import { Mutex } from '../storage/partition/mutex.ts'
import { configPath, CONFIGS, type ConfigKind } from './paths.ts'
import { decodeConfigs, encodeConfigs } from './registrations.ts'

export type Configs = Readonly<Record<string, string>>
export type ConfigStoreListener = (kind: ConfigKind, name: string) => void

const NONE: Configs = {}
const KINDS: readonly ConfigKind[] = ['topics', 'brokers', 'groups']

export class ConfigStore {
  readonly #session: CoordinationSession
  readonly #byPath = new Map<string, Configs>()
  readonly #listeners = new Set<ConfigStoreListener>()
  readonly #mutex = new Mutex()
  readonly #onFailure: (error: unknown) => void
  #reloading: Promise<void> = Promise.resolve()

  private constructor(session: CoordinationSession, onFailure: (error: unknown) => void) {
    this.#session = session
    this.#onFailure = onFailure
  }

  /** Reads everything there is. @param onFailure hears of a change that cannot be read: what was there before goes on @throws BROKER_METADATA_CORRUPT */
  static async open(session: CoordinationSession, onFailure: (error: unknown) => void): Promise<ConfigStore> {
    const store = new ConfigStore(session, onFailure)
    await session.watch(CONFIGS, 'tree', (event) => store.#onEvent(event))
    for (const kind of KINDS) {
      for (const name of (await session.children(`${CONFIGS}/${kind}`)) ?? []) await store.#read(configPath(kind, name))
    }
    return store
  }

  get(kind: ConfigKind, name: string): Configs {
    return this.#byPath.get(configPath(kind, name)) ?? NONE
  }

  /** Names of all resources of a kind that something is set for. */
  names(kind: ConfigKind): string[] {
    const prefix = configPath(kind, '')
    return [...this.#byPath].flatMap(([path, configs]) =>
      path.startsWith(prefix) && Object.keys(configs).length > 0 ? [path.slice(prefix.length)] : [],
    )
  }

  /** Replaces what is set by what `decide` makes of it; leaves it as it is where that is undefined. @throws COORDINATION_UNAVAILABLE */
  alter(kind: ConfigKind, name: string, decide: (before: Configs) => Configs | undefined): Promise<void> {
    return this.#mutex.run(async () => {
      const path = configPath(kind, name)
      const node = await this.#session.get(path)
      const after = decide(node === undefined ? NONE : decodeConfigs(node.bytes, path))
      if (after === undefined) return
      const bytes = encodeConfigs(after)
      if (node === undefined) await this.#session.create(path, bytes)
      else if (Object.keys(after).length === 0) await this.#session.remove(path, node.stat.version)
      else await this.#session.set(path, bytes, node.stat.version)
      await this.#reloading
    })
  }

  onChange(listener: ConfigStoreListener): Cancel {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The operation that sets a new topic's configurations in the transaction that makes it; none where there are none. */
  creation(kind: ConfigKind, name: string, configs: Configs): CoordinationOperation[] {
    if (Object.keys(configs).length === 0) return []
    return [
      { kind: this.#byPath.has(configPath(kind, name)) ? 'set' : 'create', path: configPath(kind, name), bytes: encodeConfigs(configs) },
    ]
  }

  /** The operation that takes them away with the topic. */
  removal(kind: ConfigKind, name: string): CoordinationOperation[] {
    return this.#byPath.has(configPath(kind, name)) ? [{ kind: 'remove', path: configPath(kind, name) }] : []
  }

  /** Resolves when every change that has been told of has been read. */
  settled(): Promise<void> {
    return this.#reloading
  }

  #onEvent({ path }: WatchEvent): void {
    const [, , kind, name] = path.split('/')
    const known = KINDS.find((each) => each === kind)
    if (known === undefined || name === undefined) return
    this.#reloading = this.#reloading
      .then(async () => {
        await this.#read(path)
        for (const listener of this.#listeners) listener(known, name)
      })
      .catch(this.#onFailure)
  }

  async #read(path: string): Promise<void> {
    const node = await this.#session.get(path)
    if (node === undefined) this.#byPath.delete(path)
    else this.#byPath.set(path, decodeConfigs(node.bytes, path))
  }
}
