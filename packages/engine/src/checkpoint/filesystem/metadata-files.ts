import { MillraceError, type Disk, messageOf } from '@millrace/core'
import { METADATA } from '../foreign-checkpoint.ts'
import { decodeMetadata } from '../metadata/metadata-format.ts'
import type { FoundMetadata } from '../restore-choice.ts'
import { isDamage, isNotFound, unlessNotFound } from '../storage-errors.ts'

/** What metadata are called of a checkpoint that was given up. */
const GIVEN_UP = `${METADATA}.given-up`

/**
 * The files that make folders checkpoints: `chk-<id>/_metadata`.
 *
 * 1. One of them exists only whole: written under another name, synced, then renamed.
 * 2. What was given up has it under another name: a read error may be over at the next start, but what belonged to the checkpoint is gone.
 */
export class MetadataFiles {
  readonly #disk: Disk
  readonly #dir: string

  /** `dir`: the folder of the job's checkpoints. */
  constructor(disk: Disk, dir: string) {
    this.#disk = disk
    this.#dir = dir
  }

  folder(checkpointId: number): string {
    return `${this.#dir}/chk-${checkpointId}`
  }

  /** Of all folders of checkpoints, ascending. */
  async ids(): Promise<number[]> {
    const ids = (await this.#disk.list(this.#dir)).map((name) => Number(/^chk-([1-9]\d{0,14})$/.exec(name)?.[1] ?? 0))
    return ids.filter((id) => id > 0).toSorted((a, b) => a - b)
  }

  async read(checkpointId: number): Promise<FoundMetadata> {
    try {
      const metadata = decodeMetadata(await this.#disk.readFile(this.#path(checkpointId)))
      if (metadata.checkpointId !== checkpointId) throw new TypeError(`it is of checkpoint ${metadata.checkpointId}`)
      return { kind: 'complete', metadata }
    } catch (error) {
      if (isNotFound(error)) return await this.#readGivenUp(checkpointId)
      const problem = `${METADATA}: ${messageOf(error)}`
      if (isDamage(error)) return { kind: 'damaged', problem, cause: error }
      if (error instanceof MillraceError) return { kind: 'unknown-format', problem, cause: error }
      throw error
    }
  }

  async #readGivenUp(checkpointId: number): Promise<FoundMetadata> {
    try {
      return { kind: 'given-up', metadata: decodeMetadata(await this.#disk.readFile(this.#givenUp(checkpointId))) }
    } catch (error) {
      return isNotFound(error) ? { kind: 'incomplete' } : { kind: 'given-up', metadata: undefined }
    }
  }

  /** Under a name that makes nothing complete; the folder is made. */
  async prepare(checkpointId: number, attempt: number, bytes: Uint8Array): Promise<void> {
    await this.#disk.makeDirectory(this.folder(checkpointId))
    const file = await this.#disk.open(this.#pending(checkpointId, attempt), 'write')
    try {
      await file.write(bytes, 0)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  /** What was prepared makes the checkpoint complete, durably. */
  async complete(checkpointId: number, attempt: number): Promise<void> {
    await this.#disk.rename(this.#pending(checkpointId, attempt), this.#path(checkpointId))
    await this.#disk.syncDirectory(this.folder(checkpointId))
    await this.#disk.syncDirectory(this.#dir)
  }

  async removePrepared(checkpointId: number, attempt: number): Promise<void> {
    await this.#disk.remove(this.#pending(checkpointId, attempt))
  }

  /** It is no checkpoint any more, nor one that was given up, durably. Fine if it was neither. */
  async remove(checkpointId: number): Promise<void> {
    try {
      await this.#disk.remove(this.#path(checkpointId)).catch(unlessNotFound)
      await this.#disk.remove(this.#givenUp(checkpointId)).catch(unlessNotFound)
      await this.#disk.syncDirectory(this.folder(checkpointId))
    } catch (error) {
      unlessNotFound(error)
    }
  }

  /** What was given up leaves no trace of having been a checkpoint, durably; nor does what was removed before come back. */
  async removeGivenUp(): Promise<void> {
    for (const checkpointId of await this.ids()) {
      await this.#disk.remove(this.#givenUp(checkpointId)).catch(unlessNotFound)
      await this.#disk.syncDirectory(this.folder(checkpointId))
    }
    await this.#disk.syncDirectory(this.#dir)
  }

  /** Answers whether it was a checkpoint; if so it is none any more, durably. */
  async giveUp(checkpointId: number): Promise<boolean> {
    try {
      await this.#disk.rename(this.#path(checkpointId), this.#givenUp(checkpointId))
    } catch (error) {
      unlessNotFound(error)
      return false
    }
    await this.#disk.syncDirectory(this.folder(checkpointId))
    return true
  }

  async isGivenUp(checkpointId: number): Promise<boolean> {
    return (await this.read(checkpointId)).kind === 'given-up'
  }

  #path(checkpointId: number): string {
    return `${this.folder(checkpointId)}/${METADATA}`
  }

  #givenUp(checkpointId: number): string {
    return `${this.folder(checkpointId)}/${GIVEN_UP}`
  }

  #pending(checkpointId: number, attempt: number): string {
    return `${this.folder(checkpointId)}/${METADATA}.${attempt}.pending`
  }
}
