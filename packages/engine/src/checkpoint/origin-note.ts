import type { Disk } from '@millrace/core'
import type { Origin, OriginNote } from './origins.ts'
import { isObjectMissing } from './object-store/object-store.ts'
import type { ObjectPlace } from './object-store/object-state-files.ts'
import { withObjectStorageErrors } from './object-store/store-errors.ts'
import { isNotFound, withStorageErrors } from './storage-errors.ts'

const NAME = 'origin'

/** The file `origin` in the folder of a job's checkpoints. */
export class FileOriginNote implements OriginNote {
  readonly #disk: Disk
  readonly #dir: string

  constructor(disk: Disk, dir: string) {
    this.#disk = disk
    this.#dir = dir
  }

  read(): Promise<Origin | undefined> {
    return withStorageErrors(this.#dir, async () => {
      try {
        return decode(await this.#disk.readFile(`${this.#dir}/${NAME}`))
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    })
  }

  write(origin: Origin): Promise<void> {
    return withStorageErrors(this.#dir, async () => {
      const pending = `${this.#dir}/${NAME}.pending`
      const file = await this.#disk.open(pending, 'write')
      try {
        await file.write(encode(origin), 0)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.#disk.rename(pending, `${this.#dir}/${NAME}`)
      await this.#disk.syncDirectory(this.#dir)
    })
  }

  remove(): Promise<void> {
    return withStorageErrors(this.#dir, async () => {
      try {
        await this.#disk.remove(`${this.#dir}/${NAME}`)
        await this.#disk.syncDirectory(this.#dir)
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
    })
  }
}

/** The object `origin` beside a job's checkpoints. */
export class ObjectOriginNote implements OriginNote {
  readonly #place: ObjectPlace

  constructor(place: ObjectPlace) {
    this.#place = place
  }

  read(): Promise<Origin | undefined> {
    return withObjectStorageErrors(this.#place.url, async () => {
      try {
        return decode(await this.#place.store.get(this.#key))
      } catch (error) {
        if (isObjectMissing(error)) return undefined
        throw error
      }
    })
  }

  write(origin: Origin): Promise<void> {
    return withObjectStorageErrors(this.#place.url, () => this.#place.store.put(this.#key, encode(origin)))
  }

  remove(): Promise<void> {
    return withObjectStorageErrors(this.#place.url, () => this.#place.store.delete([this.#key]))
  }

  get #key(): string {
    return `${this.#place.prefix}${NAME}`
  }
}

/** As long as the process lives, as the checkpoints do that are kept so. */
export class MemoryOriginNote implements OriginNote {
  #origin: Origin | undefined

  async read(): Promise<Origin | undefined> {
    return this.#origin
  }

  async write(origin: Origin): Promise<void> {
    this.#origin = origin
  }

  async remove(): Promise<void> {
    this.#origin = undefined
  }
}

function encode({ path, fromCheckpointId, claimed }: Origin): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: 1, path: path ?? null, fromCheckpointId, claimed })}\n`)
}

/** A note that cannot be read claims nothing: what it was about stays. */
function decode(bytes: Uint8Array): Origin | undefined {
  try {
    const { version, path, fromCheckpointId, claimed } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>
    const isGood = version === 1 && (path === null || typeof path === 'string') && typeof fromCheckpointId === 'number'
    return isGood ? { path: path ?? undefined, fromCheckpointId, claimed: claimed === true } : undefined
  } catch {
    return undefined
  }
}
