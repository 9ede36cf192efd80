/**
 * Keeps a broker's metadata in one file of its log directory. It stands where a controller's store will: nothing else knows of the file.
 *
 * 1. `current` is what the file says: a change is durable before it is seen.
 * 2. Changes are made one after the other, each of what the one before left.
 */
import { posix } from 'node:path'
import type { Disk } from '@millrace/core'
import { readIfPresent, writeAtomically } from '../../storage/checkpoints/atomic-file.ts'
import { Mutex } from '../../storage/partition/mutex.ts'
import { emptyMetadata, formatMetadata, parseMetadata, type Metadata } from './metadata.ts'

const fileName = 'millrace-metadata.json'

export class MetadataStore {
  readonly #disk: Disk
  readonly #path: string
  readonly #mutex = new Mutex()
  #current: Metadata

  private constructor(disk: Disk, path: string, current: Metadata) {
    this.#disk = disk
    this.#path = path
    this.#current = current
  }

  /** @throws `BROKER_METADATA_CORRUPT` */
  static async open(disk: Disk, directory: string): Promise<MetadataStore> {
    const path = posix.join(directory, fileName)
    const bytes = await readIfPresent(disk, path)
    const metadata = bytes === undefined ? emptyMetadata : parseMetadata(Buffer.from(bytes).toString('utf8'), path)
    return new MetadataStore(disk, path, metadata)
  }

  get current(): Metadata {
    return this.#current
  }

  /** @throws DiskError, with nothing changed as far as this broker sees */
  update(change: (metadata: Metadata) => Metadata): Promise<Metadata> {
    return this.#mutex.run(async () => {
      const next = change(this.#current)
      await writeAtomically(this.#disk, this.#path, Buffer.from(formatMetadata(next)))
      this.#current = next
      return next
    })
  }
}
