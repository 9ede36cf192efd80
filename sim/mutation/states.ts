/** State backends that forget. */
import type { KeyedStateBackend } from '@millrace/engine/simulation'
import { overlay, type Interposer } from '../interposer.ts'

/** Takes a checkpoint that was given up for one to build on, while its files are gone. */
export function baseOnAborted(): Interposer {
  return {
    keyedState: (backend) => {
      let completedId: number | undefined
      return overlay(backend, {
        resumeFrom: (checkpointId, chains) => {
          completedId = checkpointId
          backend.resumeFrom(checkpointId, chains)
        },
        checkpointCompleted: (checkpointId) => {
          completedId = checkpointId
          backend.checkpointCompleted(checkpointId)
        },
        checkpointAborted: (checkpointId) => {
          if (completedId !== undefined) backend.checkpointCompleted(checkpointId)
        },
        beginSnapshot: (checkpointId, options) => {
          const writer = backend.beginSnapshot(checkpointId, options)
          const baseId = completedId
          return overlay(writer, {
            finish: () => {
              const index = writer.finish()
              return index.baseCheckpointId === undefined ? index : { ...index, baseCheckpointId: baseId }
            },
          })
        },
      })
    },
  }
}

interface MapHandle {
  get(key: unknown): unknown
  has(key: unknown): boolean
  set(key: unknown, value: unknown): void
  delete(key: unknown): void
  entries(): IterableIterator<[unknown, unknown]>
}

/** What is deleted from a map looks deleted until a restore, for no snapshot knows of it. */
export function lostTombstones(): Interposer {
  return {
    keyedState: (backend) => {
      const handles = Object.fromEntries(
        Object.entries(backend.handles).map(([name, handle]) => [name, isMap(handle) ? remembering(backend, handle) : handle]),
      )
      return overlay(backend, { handles })
    },
  }
}

function isMap(handle: unknown): handle is MapHandle {
  return typeof handle === 'object' && handle !== null && 'entries' in handle
}

function remembering(backend: KeyedStateBackend, handle: MapHandle): MapHandle {
  const deleted = new Set<string>()
  const name = (key: unknown): string => JSON.stringify([backend.key, key])
  return overlay(handle, {
    delete: (key) => void deleted.add(name(key)),
    set: (key, value) => {
      deleted.delete(name(key))
      handle.set(key, value)
    },
    get: (key) => (deleted.has(name(key)) ? undefined : handle.get(key)),
    has: (key) => !deleted.has(name(key)) && handle.has(key),
    entries: () => [...handle.entries()].filter(([key]) => !deleted.has(name(key))).values(),
  })
}

/** Timers that a restore does not bring back. */
export function lostTimers(): Interposer {
  return {
    keyedState: (backend) =>
      overlay(backend, {
        resumeFrom: (checkpointId, chains) => {
          backend.resumeFrom(checkpointId, chains)
          for (const kind of ['event', 'processing'] as const) while (backend.timers.advance(kind, Infinity, () => {}, 1_000));
        },
      }),
  }
}
