/** A disk that promises what it does not keep. */
import type { Clock, Disk } from '@millrace/core'
import { overlay, type Interposer } from '../interposer.ts'

/** Answers a sync without doing it. */
export function forgetSync(paths: RegExp): Interposer {
  return {
    disk: (disk) =>
      overlay(disk, {
        open: async (path, mode) => {
          const file = await disk.open(path, mode)
          return paths.test(path) ? overlay(file, { sync: async () => {} }) : file
        },
      }),
  }
}

export function forgetSyncDirectory(paths: RegExp): Interposer {
  return {
    disk: (disk) => overlay(disk, { syncDirectory: (path) => (paths.test(path) ? Promise.resolve() : disk.syncDirectory(path)) }),
  }
}

/** The rename that completes a checkpoint comes later than it says. */
export function announceBeforeDurable(): Interposer {
  return {
    disk: (disk: Disk, clock: Clock) =>
      overlay(disk, {
        rename: (from, to) => {
          if (!to.endsWith('/_metadata')) return disk.rename(from, to)
          clock.after(15, () => void disk.rename(from, to).catch(() => {}))
          return Promise.resolve()
        },
      }),
  }
}

/** Whoever goes back to an older checkpoint leaves the newer ones as they are. */
export function keptThoughGivenUp(): Interposer {
  return {
    disk: (disk) => overlay(disk, { rename: (from, to) => (to.endsWith('.given-up') ? Promise.resolve() : disk.rename(from, to)) }),
  }
}
