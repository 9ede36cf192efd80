import { MillraceError, messageOf } from '@millrace/core'
import { METADATA } from '../foreign-checkpoint.ts'
import type { FoundMetadata } from '../restore-choice.ts'
import { decodeMetadataObject } from './metadata-object.ts'
import { metadataName } from './object-names.ts'
import type { ObjectPlace } from './object-state-files.ts'
import { isObjectMissing } from './object-store.ts'
import { isObjectDamage } from './store-errors.ts'

/** What is put in place of metadata whose writing has failed: it can't come to be there later. */
const SEAL = new Uint8Array(0)

/**
 * The objects that make checkpoints: `chk-<id>/_metadata`.
 *
 * 1. One of them is written whole, once, and only if there is none.
 * 2. A write whose outcome is not known is settled by writing an empty object in its place, if there is none: either that is there now, and
 *    the checkpoint never will be, or the checkpoint is. Where the store does not even answer that, it stays uncertain.
 */
export class StoredMetadata {
  readonly #place: ObjectPlace
  /** Given up, but perhaps complete in the store. */
  readonly #uncertain = new Set<number>()
  /** Given up for good, by an empty object that can go once a newer checkpoint is complete. */
  readonly #sealed = new Set<number>()

  constructor(place: ObjectPlace) {
    this.#place = place
  }

  async read(checkpointId: number): Promise<FoundMetadata> {
    try {
      const bytes = await this.#place.store.get(this.#key(checkpointId))
      if (bytes.length === 0) return { kind: 'incomplete' }
      const metadata = decodeMetadataObject(bytes)
      if (metadata.checkpointId !== checkpointId) throw new TypeError(`it is of checkpoint ${metadata.checkpointId}`)
      return { kind: 'complete', metadata }
    } catch (error) {
      if (isObjectMissing(error)) return { kind: 'incomplete' }
      const problem = `${METADATA}: ${messageOf(error)}`
      if (isObjectDamage(error)) return { kind: 'damaged', problem, cause: error }
      if (error instanceof MillraceError) return { kind: 'unknown-format', problem, cause: error }
      throw error
    }
  }

  /** Resolves if the checkpoint is complete. If it rejects, it never will be, or is uncertain. */
  async write(checkpointId: number, bytes: Uint8Array): Promise<void> {
    let failure: unknown
    try {
      if (await this.#place.store.putIfAbsent(this.#key(checkpointId), bytes)) return
      failure = new TypeError(`there is another ${METADATA} at ${this.#place.url}/chk-${checkpointId}, of a former attempt`)
    } catch (error) {
      failure = error
      this.#uncertain.add(checkpointId)
      if (await this.#settle(checkpointId, bytes)) return
    }
    throw failure
  }

  /** After a write whose outcome is not known: answers whether it has taken place, and sees to it that otherwise it never does. */
  async #settle(checkpointId: number, bytes: Uint8Array): Promise<boolean> {
    const key = this.#key(checkpointId)
    try {
      const isSealed = await this.#place.store.putIfAbsent(key, SEAL)
      const isComplete = !isSealed && Buffer.from(await this.#place.store.get(key)).equals(bytes)
      this.#uncertain.delete(checkpointId)
      if (isSealed) this.#sealed.add(checkpointId)
      return isComplete
    } catch {
      return false
    }
  }

  /** It is in the store, or some of it is, and yet nobody may call it complete. */
  doubt(checkpointId: number): void {
    this.#uncertain.add(checkpointId)
  }

  isUncertain(checkpointId: number): boolean {
    return this.#uncertain.has(checkpointId)
  }

  /** What was given up before a checkpoint that is complete now: it can be removed. */
  unfinishedBefore(checkpointId: number): readonly number[] {
    return [...this.#uncertain, ...this.#sealed].filter((id) => id < checkpointId)
  }

  async remove(checkpointId: number): Promise<void> {
    await this.#place.store.delete([this.#key(checkpointId)])
  }

  /** Nothing of it is left. */
  forget(checkpointId: number): void {
    this.#uncertain.delete(checkpointId)
    this.#sealed.delete(checkpointId)
  }

  forgetAll(): void {
    this.#uncertain.clear()
    this.#sealed.clear()
  }

  #key(checkpointId: number): string {
    return this.#place.prefix + metadataName(checkpointId)
  }
}
