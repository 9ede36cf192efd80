/** A store under the state backend `rocksdb`, and checkpoints of it, that lose something. */
import type { Disk } from '@millrace/core'
import type { OrderedStore, OrderedStores, SlotLauncher, SlotMessage, SubtaskSnapshot } from '@millrace/engine/simulation'
import { overlay, type Interposer } from '../interposer.ts'

type Database = NonNullable<SubtaskSnapshot['operators'][number]['database']>
type SharedFile = Database['shared'][number]

/** Files of stores that never change. */
const SHARED_FILE = /\/shared\/[^/]*-db-/

function stores(change: (store: OrderedStore) => Partial<OrderedStore>): Interposer {
  const changed = (store: OrderedStore): OrderedStore => overlay(store, change(store))
  return {
    stores: (inner: OrderedStores): OrderedStores => ({
      create: (name) => changed(inner.create(name)),
      restore: async (name, files) => changed(await inner.restore(name, files)),
    }),
  }
}

/** What is removed is there again. */
export function storeKeepsRemoved(): Interposer {
  return stores(() => ({ delete: () => {} }))
}

/** The newest file of each checkpoint is stored without its rows. */
export function storeFileEmpty(): Interposer {
  return stores((store) => ({
    checkpoint: async () => {
      const taken = await store.checkpoint()
      return {
        files: async () => {
          const files = await taken.files()
          const newest = files.findLast(({ shared }) => shared)
          return files.map((file) => (file === newest ? { ...file, length: 0, read: async function* () {} } : file))
        },
        release: () => taken.release(),
      }
    },
  }))
}

/** A file of a store is acknowledged, and is not there. */
export function storeFileNotUploaded(): Interposer {
  return {
    disk: (disk: Disk) =>
      overlay(disk, {
        open: async (path, mode) => {
          const file = await disk.open(path, mode)
          if (mode === 'read' || !SHARED_FILE.test(path)) return file
          return overlay(file, {
            close: async () => {
              await file.close()
              await disk.remove(path)
            },
          })
        },
      }),
  }
}

/** With a checkpoint go the files of stores that were written for it, whoever else refers to them. */
export function sharedFileRemoved(): Interposer {
  return {
    disk: (disk: Disk) =>
      overlay(disk, {
        removeTree: async (path) => {
          const [, folder, checkpointId] = /^(.*)\/chk-(\d+)$/.exec(path) ?? []
          if (folder !== undefined) {
            for (const name of await disk.list(`${folder}/shared`))
              if (name.split('-')[1] === checkpointId && name.includes('-db-')) await disk.remove(`${folder}/shared/${name}`)
          }
          await disk.removeTree(path)
        },
      }),
  }
}

/** What each subtask acknowledges of its stores. */
function acknowledged(
  change: (place: string, checkpointId: number, database: Database) => Database,
  aborted: (id: number) => void,
): Interposer {
  const changed = (message: SlotMessage): SlotMessage => {
    if (message.kind !== 'coordinator' || message.message.kind !== 'acknowledged') return message
    const { checkpointId, subtask: at, snapshot } = message.message
    const operators = snapshot.operators.map((part) => {
      if (part.database === undefined) return part
      return { ...part, database: change(`${at.task}/${at.subtask}/${part.stateId}`, checkpointId, part.database) }
    })
    return { ...message, message: { ...message.message, snapshot: { ...snapshot, operators } } }
  }
  return {
    launcher: (launcher: SlotLauncher): SlotLauncher => ({
      launch: async (deployments, handlers) => {
        const links = await launcher.launch(
          deployments,
          handlers.map((handler) => overlay(handler, { message: (message) => handler.message(changed(message)) })),
        )
        return links.map((link) =>
          overlay(link, {
            send: (message) => {
              if (message.kind === 'aborted') aborted(message.checkpointId)
              link.send(message)
            },
          }),
        )
      },
    }),
  }
}

/** Takes a file for stored that was stored for a checkpoint that failed. */
export function fileOfFailedCheckpoint(): Interposer {
  const failed = new Set<number>()
  const seen = new Map<string, { readonly checkpointId: number; readonly file: SharedFile }[]>()
  return acknowledged(
    (place, checkpointId, database) => {
      const shared = database.shared.map((file) => {
        const known = seen.get(`${place}/${file.name}`) ?? []
        seen.set(`${place}/${file.name}`, [...known, { checkpointId, file }])
        return known.find((each) => failed.has(each.checkpointId))?.file ?? file
      })
      return { ...database, shared }
    },
    (checkpointId) => void failed.add(checkpointId),
  )
}

/** Changes over what a store holds are kept with what it held before. */
export function formerStoreKept(): Interposer {
  const seen = new Map<string, Database>()
  return acknowledged(
    (place, _, database) => {
      const former = seen.get(place)
      seen.set(place, database)
      return former ?? database
    },
    () => {},
  )
}
