import { DiskError, type Disk } from '@millrace/core'

/** The folder that holds this path; `/` and `.` hold themselves. */
export function parentOf(path: string): string {
  const trimmed = path.replace(/\/+$/, '')
  const at = trimmed.lastIndexOf('/')
  if (at > 0) return trimmed.slice(0, at)
  return path.startsWith('/') ? '/' : '.'
}

/**
 * Makes a folder and those above it, durable. All of them are synced, also where they are there already: whoever made them may have
 * crashed before. Folders above that may not be read are left to whoever owns them.
 */
export async function makeDurableFolder(disk: Disk, path: string): Promise<void> {
  await disk.makeDirectory(path)
  for (let below = path, above = parentOf(path); above !== below; [below, above] = [above, parentOf(above)]) {
    try {
      await disk.syncDirectory(above)
    } catch (error) {
      if (!(error instanceof DiskError) || error.reason !== 'not-permitted') throw error
    }
  }
}

/**
 * Syncs one folder for many callers: all who ask while one sync runs share the next.
 * A sync that began before the caller's change proves nothing for it.
 */
export class FolderSync {
  readonly #disk: Disk
  readonly #path: string
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(disk: Disk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  sync(): Promise<void> {
    if (this.#running === undefined) return this.#start()
    this.#next ??= this.#running.catch(() => {}).then(() => this.#start())
    return this.#next
  }

  #start(): Promise<void> {
    this.#next = undefined
    const running = this.#disk.syncDirectory(this.#path).finally(() => {
      if (this.#running === running) this.#running = undefined
    })
    this.#running = running
    return running
  }
}
