/** A store of objects that promises what it does not keep, and an engine that removes what it should not. */
import type { Clock } from '@millrace/core'
import type { ObjectStore } from '@millrace/engine/simulation'
import { overlay, type Interposer } from '../interposer.ts'

/** With a checkpoint go the objects into which its files were merged, whoever else refers to them. */
export function mergedRemoved(): Interposer {
  return {
    objects: (store: ObjectStore) =>
      overlay(store, {
        delete: async (keys) => {
          const removed = keys.flatMap((key) => /^(.*)chk-(\d+)\/_metadata$/.exec(key)?.slice(1) ?? [])
          const [prefix, id] = removed
          const merged =
            prefix === undefined
              ? []
              : (await store.list(`${prefix}shared/`)).filter(({ key }) => key.includes(`-${id}-merged`)).map(({ key }) => key)
          await store.delete([...keys, ...merged])
        },
      }),
  }
}

/** The object that completes a checkpoint comes later than it is answered for. */
export function announcedBeforeItIsThere(): Interposer {
  return {
    objects: (store: ObjectStore, clock: Clock) =>
      overlay(store, {
        putIfAbsent: (key, bytes) => {
          if (!key.endsWith('/_metadata')) return store.putIfAbsent(key, bytes)
          const content = new Uint8Array(bytes)
          clock.after(15, () => void store.putIfAbsent(key, content).catch(() => {}))
          return Promise.resolve(true)
        },
      }),
  }
}
