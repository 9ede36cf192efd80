/**
 * The log directories that a broker had at its last start. One that it is not given any more may have logs of its topics, and these must not be
 * begun anew elsewhere.
 */
import { makePath, type CoordinationSession } from '@millrace/core'
import { logError } from '../../errors.ts'
import type { LogDirectories } from '../../storage/index.ts'

/** Paths by the ids of the directories. */
export type KnownDirectories = ReadonlyMap<string, string>

const ROOT = '/brokers/log_dirs'

export class DirectoryMemory {
  readonly #session: CoordinationSession
  readonly #path: string
  readonly #directories: LogDirectories
  readonly #known: KnownDirectories

  private constructor(session: CoordinationSession, path: string, directories: LogDirectories, known: KnownDirectories) {
    this.#session = session
    this.#path = path
    this.#directories = directories
    this.#known = known
  }

  /** Tells the directories which of them are missing. @throws BROKER_METADATA_CORRUPT */
  static async read(session: CoordinationSession, nodeId: number, directories: LogDirectories): Promise<DirectoryMemory> {
    const path = `${ROOT}/${nodeId}`
    const node = await session.get(path)
    const known = node === undefined ? new Map<string, string>() : decode(node.bytes, path)
    const given = new Set(directories.opened.map(idOf))
    const lost = new Set(directories.lost.map((each) => each.path))
    directories.missing = [...known].flatMap(([id, at]) => (given.has(id) || lost.has(at) ? [] : [at]))
    return new DirectoryMemory(session, path, directories, known)
  }

  /** Remembers those that are there now, and those that are still waited for. One alone, which has the memory itself, needs none. */
  async write(): Promise<void> {
    const { opened, lost, missing } = this.#directories
    const awaited = new Set([...missing, ...lost.map(({ path }) => path)])
    const next = new Map([...this.#known].filter(([, at]) => awaited.has(at)))
    for (const directory of opened) next.set(idOf(directory), directory.path)
    const isSame = next.size === this.#known.size && [...next].every(([id, at]) => this.#known.get(id) === at)
    if (isSame || (this.#known.size === 0 && next.size === 1)) return
    if (this.#known.size === 0) await makePath(this.#session, this.#path)
    await this.#session.set(this.#path, Buffer.from(JSON.stringify({ version: 1, directories: Object.fromEntries(next) })))
  }
}

function idOf({ meta, path }: LogDirectories['opened'][number]): string {
  return meta.directoryId ?? path
}

function decode(bytes: Uint8Array, path: string): KnownDirectories {
  try {
    const { directories } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly directories: Readonly<Record<string, string>> }
    return new Map(Object.entries(directories))
  } catch (cause) {
    throw logError('BROKER_METADATA_CORRUPT', { path, problem: 'it is no list of directories' }, cause)
  }
}
