import { posix } from 'node:path'
import type { Disk } from '@millrace/core'
import { MillraceError } from '@millrace/core'
import { offsetCheckpointNames, readOffsetCheckpoint, writeOffsetCheckpoint } from '../checkpoints/offset-checkpoint.ts'
import { Mutex } from '../partition/mutex.ts'

export type OffsetCheckpointKind = keyof typeof offsetCheckpointNames

/**
 * One kind of offset checkpoint of a directory.
 *
 * 1. Entries of logs that are not open are kept as they were read, until they are removed.
 * 2. One write is under way at a time; those asked for meanwhile are one.
 */
export class DirectoryCheckpoint {
  readonly #disk: Disk
  readonly #path: string
  readonly #offsets: Map<string, number>
  readonly #mutex = new Mutex()
  #next: Promise<void> | undefined
  #isWritten = true

  private constructor(disk: Disk, path: string, offsets: Map<string, number>) {
    this.#disk = disk
    this.#path = path
    this.#offsets = offsets
  }

  /** A file that cannot be read counts as none, and `onProblem` hears of it. */
  static async read(
    disk: Disk,
    directory: string,
    kind: OffsetCheckpointKind,
    onProblem: (problem: string) => void,
  ): Promise<DirectoryCheckpoint> {
    const path = posix.join(directory, offsetCheckpointNames[kind])
    try {
      return new DirectoryCheckpoint(disk, path, await readOffsetCheckpoint(disk, path))
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      onProblem(error.message)
      return new DirectoryCheckpoint(disk, path, new Map())
    }
  }

  get(name: string): number | undefined {
    return this.#offsets.get(name)
  }

  set(name: string, offset: number | undefined): void {
    if (this.#offsets.get(name) === offset) return
    if (offset === undefined) this.#offsets.delete(name)
    else this.#offsets.set(name, offset)
    this.#isWritten = false
  }

  /** Writes the file, durably, unless it says the same already. `refresh` sets the offsets when its turn comes. */
  write(refresh: () => void): Promise<void> {
    this.#next ??= this.#mutex.run(async () => {
      this.#next = undefined
      refresh()
      if (this.#isWritten) return
      this.#isWritten = true
      try {
        await writeOffsetCheckpoint(this.#disk, this.#path, this.#offsets)
      } catch (error) {
        this.#isWritten = false
        throw error
      }
    })
    return this.#next
  }
}
