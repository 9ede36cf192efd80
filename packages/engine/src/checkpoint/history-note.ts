import type { Disk } from '@millrace/core'
import { makeDurableFolder } from './filesystem/durable-folders.ts'
import { isAbsent, withStorageErrors } from './storage-errors.ts'

const NAME = 'checkpoints-at'

/**
 * Where a job has something to go on from, noted away from there: in its state folder. Of a place that was emptied, is not mounted, or was exchanged for another in the options,
 * nothing else tells that the job has a history.
 */
export interface HistoryNote {
  /** Undefined: the job has none, as far as is known here. */
  read(): Promise<string | undefined>
  /** That it is where its checkpoints are now. */
  write(): Promise<void>
  remove(): Promise<void>
}

export interface HistoryNoteParts {
  readonly disk: Disk
  /** The job's own below `stateDir`. */
  readonly folder: string
  /** Of its checkpoints now: a folder or URL. */
  readonly place: string
}

/** The file `checkpoints-at` in the state folder of a job. */
export class FileHistoryNote implements HistoryNote {
  readonly #parts: HistoryNoteParts

  constructor(parts: HistoryNoteParts) {
    this.#parts = parts
  }

  read(): Promise<string | undefined> {
    const { disk, folder } = this.#parts
    return withStorageErrors(folder, async () => {
      try {
        return decode(await disk.readFile(`${folder}/${NAME}`))
      } catch (error) {
        if (isAbsent(error)) return undefined
        throw error
      }
    })
  }

  write(): Promise<void> {
    const { disk, folder, place } = this.#parts
    return withStorageErrors(folder, async () => {
      if ((await this.read()) === place) return
      await makeDurableFolder(disk, folder)
      const pending = `${folder}/${NAME}.pending`
      const file = await disk.open(pending, 'write')
      try {
        await file.write(Buffer.from(`${JSON.stringify({ version: 1, place })}\n`), 0)
        await file.sync()
      } finally {
        await file.close()
      }
      await disk.rename(pending, `${folder}/${NAME}`)
      await disk.syncDirectory(folder)
    })
  }

  remove(): Promise<void> {
    const { disk, folder } = this.#parts
    return withStorageErrors(folder, async () => {
      // On a disk that is read-only what is not there cannot be removed either.
      if ((await this.read()) === undefined) return
      await disk.remove(`${folder}/${NAME}`)
      await disk.syncDirectory(folder)
    })
  }
}

/** It is written whole or not at all: what cannot be read is of a later release, and says so much at least. */
function decode(bytes: Uint8Array): string {
  try {
    const { place } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly place?: unknown }
    return typeof place === 'string' ? place : 'another place'
  } catch {
    return 'another place'
  }
}
