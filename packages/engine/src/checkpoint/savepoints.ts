import { DiskError, folderProblem, messageOf, type Disk } from '@millrace/core'
import { engineError } from '../errors.ts'
import { makeDurableFolder, parentOf } from './filesystem/durable-folders.ts'
import { isCheckpointUrl, parseCheckpointUrl } from './object-store/checkpoint-url.ts'
import { readNamedObject } from './object-store/foreign-object.ts'
import { ObjectSavepoint } from './object-store/object-savepoints.ts'
import type { RemotePlaces } from './object-store/remote-places.ts'
import { METADATA, readNamed } from './foreign-checkpoint.ts'
import { encodeMetadata } from './metadata/metadata-format.ts'
import type { CheckpointMetadata } from './metadata/metadata.ts'
import { SHARED_FOLDER } from './filesystem/state-files.ts'
import { isAbsent, isNotFound, withStorageErrors } from './storage-errors.ts'

export interface SavepointsOptions {
  readonly disk: Disk
  /** Where it is noted which savepoints are under way, absolute; undefined: nowhere, and what a crash leaves half-written stays. */
  readonly notes: string | undefined
  /** How savepoints at URLs are reached. */
  readonly places?: RemotePlaces
}

/** A savepoint that a former process had begun and not announced. */
export interface UnannouncedSavepoint {
  readonly path: string
  /** `removed`: it was half-written. `complete`: it can be restored, and stays. `unknown`: its place cannot be reached, or not be changed, and the next start looks again. */
  readonly found: 'removed' | 'complete' | 'unknown'
  /** Why it is unknown. */
  readonly problem?: string
}

/**
 * Savepoints of one job in folders (or at URLs) of the user's choice, each self-contained: `<folder>/_metadata`, and `<folder>/shared/` with the state files.
 *
 * 1. `_metadata` exists only whole, after everything it refers to is durable. What is not complete is no savepoint.
 * 2. A folder is noted, durably, before it is made, and until it is complete or gone: whatever a crash interrupts is found and removed at the next start.
 * 3. What is complete is the user's: only `disposeSavepoint`, or `discard` before anyone has heard of it, removes it.
 * 4. One operation at a time.
 * 5. A place of the user's that is out of reach keeps no job from starting.
 */
export class FilesystemSavepoints {
  readonly #disk: Disk
  readonly #notes: string | undefined
  readonly #places: RemotePlaces | undefined
  #tail: Promise<unknown> = Promise.resolve()

  constructor({ disk, notes, places }: SavepointsOptions) {
    this.#disk = disk
    this.#places = places
    this.#notes = notes
  }

  /** Makes the folder of a savepoint that is about to be taken. @throws SAVEPOINT_PLACE_UNUSABLE, CHECKPOINT_STORAGE_* */
  begin(folder: string): Promise<void> {
    return this.#inTurn(folder, async () => {
      await this.#note(folder)
      if (this.#remote(folder) === undefined) await makeSavepointFolder(this.#disk, folder)
    })
  }

  /** Makes it complete: durable and visible at once, or not at all. @throws CHECKPOINT_STORAGE_*, CHECKPOINT_UNENCODABLE */
  persist(folder: string, metadata: CheckpointMetadata): Promise<{ readonly metadataBytes: number }> {
    return this.#inTurn(folder, async () => {
      const remote = this.#remote(folder)
      if (remote !== undefined) return await remote.persist({ ...metadata, kind: 'savepoint' })
      const bytes = encodeMetadata({ ...metadata, kind: 'savepoint' })
      const pending = `${folder}/${METADATA}.pending`
      const file = await this.#disk.open(pending, 'write')
      try {
        await file.write(bytes, 0)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.#disk.rename(pending, `${folder}/${METADATA}`)
      await this.#disk.syncDirectory(folder)
      return { metadataBytes: bytes.length }
    })
  }

  /** The user has heard of it: it is no longer this job's business. */
  announced(folder: string): Promise<void> {
    return this.#inTurn(folder, () => this.#forget(folder))
  }

  /** Removes one that came to nothing. What cannot be removed now is removed at the next start. */
  discard(folder: string): Promise<void> {
    return this.#inTurn(folder, async () => {
      await this.#clear(folder)
      await this.#forget(folder)
    })
  }

  /** At the start of a job, with its lock held: what former processes had begun. @throws CHECKPOINT_STORAGE_* */
  recover(): Promise<readonly UnannouncedSavepoint[]> {
    return this.#inTurn(this.#notes ?? '', async () => {
      const found: UnannouncedSavepoint[] = []
      for (const folder of await this.#noted()) {
        const isComplete = await this.#settle(folder).catch((error: unknown) => {
          found.push({ path: folder, found: 'unknown', problem: messageOf(error) })
        })
        if (isComplete === undefined) continue
        await this.#forget(folder)
        found.push({ path: folder, found: isComplete ? 'complete' : 'removed' })
      }
      return found
    })
  }

  /** Whether it is complete, and durably so; if not, nothing of it is left. */
  async #settle(folder: string): Promise<boolean> {
    const isComplete = await this.#isComplete(folder)
    // Its writer may have died between rename and sync: the note is needed until the name is durable.
    if (isComplete && this.#remote(folder) === undefined) await this.#disk.syncDirectory(folder)
    if (!isComplete) await this.#clear(folder)
    return isComplete
  }

  async #clear(folder: string): Promise<void> {
    await (this.#remote(folder)?.remove() ?? removeSavepoint(this.#disk, folder))
  }

  #remote(folder: string): ObjectSavepoint | undefined {
    return isCheckpointUrl(folder) && this.#places !== undefined ? new ObjectSavepoint(this.#places.place(folder)) : undefined
  }

  async #isComplete(folder: string): Promise<boolean> {
    const remote = this.#remote(folder)
    if (remote !== undefined) return await remote.isComplete()
    try {
      await this.#disk.stat(`${folder}/${METADATA}`)
      return true
    } catch (error) {
      if (isNotFound(error)) return false
      throw error
    }
  }

  async #note(folder: string): Promise<void> {
    if (this.#notes === undefined) return
    await makeDurableFolder(this.#disk, this.#notes)
    const file = await this.#disk.open(this.#notePath(folder), 'write')
    try {
      await file.write(Buffer.from(`${JSON.stringify({ version: 1, folder })}\n`), 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await this.#disk.syncDirectory(this.#notes)
  }

  async #forget(folder: string): Promise<void> {
    if (this.#notes === undefined) return
    try {
      await this.#disk.remove(this.#notePath(folder))
      await this.#disk.syncDirectory(this.#notes)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  /** The folders that notes name. A note that is not whole, or names no place, was never followed by a folder. */
  async #noted(): Promise<readonly string[]> {
    const notes = this.#notes
    if (notes === undefined) return []
    let names: readonly string[]
    try {
      names = await this.#disk.list(notes)
    } catch (error) {
      if (isNotFound(error)) return []
      throw error
    }
    const folders: string[] = []
    for (const name of names) {
      const folder = decodeNote(await this.#disk.readFile(`${notes}/${name}`))
      if (folder === undefined) await this.#disk.remove(`${notes}/${name}`)
      else folders.push(folder)
    }
    return folders
  }

  #notePath(folder: string): string {
    return `${this.#notes}/${folder.slice(folder.lastIndexOf('/') + 1)}`
  }

  #inTurn<T>(path: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(() => withStorageErrors(path, work))
    this.#tail = turn.catch(() => {})
    return turn
  }
}

/**
 * Removes a savepoint and everything in its folder; `path` is the folder, or its URL, or the `_metadata` in it.
 *
 * @throws CHECKPOINT_NOT_FOUND, SAVEPOINT_IS_CHECKPOINT for a checkpoint, which belongs to its job; CHECKPOINT_DAMAGED, CHECKPOINT_STORAGE_*
 */
export async function disposeSavepoint(disk: Disk, path: string, places?: RemotePlaces): Promise<string> {
  if (isCheckpointUrl(path) && places !== undefined) {
    const { metadata, folder } = await readNamedObject(places, path)
    checkSavepoint(metadata, folder.url)
    await new ObjectSavepoint(folder).remove()
    return folder.url
  }
  const { metadata, folder } = await readNamed(disk, path)
  checkSavepoint(metadata, folder)
  await withStorageErrors(folder, () => removeSavepoint(disk, folder))
  return folder
}

function checkSavepoint({ kind, jobName }: CheckpointMetadata, path: string): void {
  if (kind !== 'savepoint') throw engineError('SAVEPOINT_IS_CHECKPOINT', { path, jobName })
}

async function makeSavepointFolder(disk: Disk, folder: string): Promise<void> {
  try {
    await makeDurableFolder(disk, `${folder}/${SHARED_FOLDER}`)
  } catch (error) {
    // Nobody has had it before: what cannot be made is not lost.
    if (!isAbsent(error) && !(error instanceof DiskError && error.reason === 'exists')) throw error
    throw engineError('SAVEPOINT_PLACE_UNUSABLE', { path: parentOf(folder), problem: folderProblem(error) }, error)
  }
}

/** First what makes it a savepoint, durably, also where that is gone: whoever removed it may have died before a sync. Half of one is never taken for one. */
async function removeSavepoint(disk: Disk, folder: string): Promise<void> {
  await disk.remove(`${folder}/${METADATA}`).catch(unlessAbsent)
  await disk.syncDirectory(folder).catch(unlessAbsent)
  await disk.removeTree(folder).catch(unlessAbsent)
  await disk.syncDirectory(parentOf(folder)).catch(unlessAbsent)
}

function unlessAbsent(error: unknown): void {
  if (!isAbsent(error)) throw error
}

function decodeNote(bytes: Uint8Array): string | undefined {
  try {
    const note = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly folder?: unknown }
    if (typeof note.folder !== 'string') return undefined
    if (isCheckpointUrl(note.folder)) parseCheckpointUrl(note.folder)
    else if (!note.folder.startsWith('/')) return undefined
    return note.folder
  } catch {
    return undefined
  }
}
