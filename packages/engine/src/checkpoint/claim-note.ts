import type { Disk } from '@millrace/core'
import type { Claim, ClaimNote } from './claims.ts'
import { isObjectMissing } from './object-store/object-store.ts'
import type { ObjectPlace } from './object-store/object-state-files.ts'
import { withObjectStorageErrors } from './object-store/store-errors.ts'
import { isNotFound, withStorageErrors } from './storage-errors.ts'

const NAME = 'claimed'

/** The file `claimed` in the folder of a job's checkpoints. */
export class FileClaimNote implements ClaimNote {
  readonly #disk: Disk
  readonly #dir: string

  constructor(disk: Disk, dir: string) {
    this.#disk = disk
    this.#dir = dir
  }

  read(): Promise<Claim | undefined> {
    return withStorageErrors(this.#dir, async () => {
      try {
        return decode(await this.#disk.readFile(`${this.#dir}/${NAME}`))
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw error
      }
    })
  }

  write(claim: Claim): Promise<void> {
    return withStorageErrors(this.#dir, async () => {
      const pending = `${this.#dir}/${NAME}.pending`
      const file = await this.#disk.open(pending, 'write')
      try {
        await file.write(encode(claim), 0)
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

/** The object `claimed` beside a job's checkpoints. */
export class ObjectClaimNote implements ClaimNote {
  readonly #place: ObjectPlace

  constructor(place: ObjectPlace) {
    this.#place = place
  }

  read(): Promise<Claim | undefined> {
    return withObjectStorageErrors(this.#place.url, async () => {
      try {
        return decode(await this.#place.store.get(this.#key))
      } catch (error) {
        if (isObjectMissing(error)) return undefined
        throw error
      }
    })
  }

  write(claim: Claim): Promise<void> {
    return withObjectStorageErrors(this.#place.url, () => this.#place.store.put(this.#key, encode(claim)))
  }

  remove(): Promise<void> {
    return withObjectStorageErrors(this.#place.url, () => this.#place.store.delete([this.#key]))
  }

  get #key(): string {
    return `${this.#place.prefix}${NAME}`
  }
}

/** As long as the process lives, as the checkpoints do that are kept so. */
export class MemoryClaimNote implements ClaimNote {
  #claim: Claim | undefined

  async read(): Promise<Claim | undefined> {
    return this.#claim
  }

  async write(claim: Claim): Promise<void> {
    this.#claim = claim
  }

  async remove(): Promise<void> {
    this.#claim = undefined
  }
}

function encode({ path, fromCheckpointId }: Claim): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: 1, path, fromCheckpointId })}\n`)
}

/** A note that cannot be read claims nothing: what it was about stays. */
function decode(bytes: Uint8Array): Claim | undefined {
  try {
    const { version, path, fromCheckpointId } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>
    const isGood = version === 1 && typeof path === 'string' && typeof fromCheckpointId === 'number'
    return isGood ? { path, fromCheckpointId } : undefined
  } catch {
    return undefined
  }
}
