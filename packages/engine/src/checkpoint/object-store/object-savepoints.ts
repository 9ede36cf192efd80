import { METADATA } from '../foreign-checkpoint.ts'
import { withoutMergedBytes } from '../handles.ts'
import { withFiles, type CheckpointMetadata } from '../metadata/metadata.ts'
import { encodeMetadataObject } from './metadata-object.ts'
import { isObjectMissing } from './object-store.ts'
import type { ObjectPlace } from './object-state-files.ts'
import { withObjectStorageErrors } from './store-errors.ts'

/** What is put in place of metadata that are not to come to be there later. */
const SEAL = new Uint8Array(0)

/**
 * A savepoint in a store of objects: `_metadata`, and `shared/` with the state files.
 *
 * 1. `_metadata` is written last, whole, and only if there is none. An empty one is none.
 * 2. A write whose outcome is not known is settled by an empty object in its place: either that is there, or the savepoint is.
 */
export class ObjectSavepoint {
  readonly #place: ObjectPlace

  constructor(place: ObjectPlace) {
    this.#place = place
  }

  /** @throws CHECKPOINT_STORAGE_*, CHECKPOINT_UNENCODABLE */
  persist(metadata: CheckpointMetadata): Promise<{ readonly metadataBytes: number }> {
    // Files that the job's own checkpoint merges have objects of their own here.
    const bytes = encodeMetadataObject(withFiles(metadata, withoutMergedBytes))
    const { store } = this.#place
    return this.#guard(async () => {
      try {
        if (!(await store.putIfAbsent(this.#key, bytes))) throw new TypeError(`there is another ${METADATA} at ${this.#place.url}`)
      } catch (error) {
        const isSealed = await store.putIfAbsent(this.#key, SEAL)
        if (isSealed || !Buffer.from(await store.get(this.#key)).equals(bytes)) throw error
      }
      return { metadataBytes: bytes.length }
    })
  }

  isComplete(): Promise<boolean> {
    return this.#guard(async () => {
      try {
        return (await this.#place.store.get(this.#key)).length > 0
      } catch (error) {
        if (isObjectMissing(error)) return false
        throw error
      }
    })
  }

  /** Fine if there is nothing. */
  remove(): Promise<void> {
    const { store, prefix } = this.#place
    return this.#guard(async () => {
      // First what makes it a savepoint: half of one is never taken for one.
      await store.delete([this.#key])
      await store.abortUploads(prefix)
      const rest = await store.list(prefix)
      if (rest.length > 0) await store.delete(rest.map(({ key }) => key))
    })
  }

  get #key(): string {
    return `${this.#place.prefix}${METADATA}`
  }

  #guard<T>(work: () => Promise<T>): Promise<T> {
    return withObjectStorageErrors(this.#place.url, work)
  }
}
