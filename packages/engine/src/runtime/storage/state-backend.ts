import type { ResolvedEngineOptions } from '../../config/options.ts'
import type { OrderedStores } from '../../state/rocksdb/ordered-store.ts'
import { loadRocksdb } from '../../state/rocksdb/rocksdb-binding.ts'
import type { RocksdbPorts } from '../../state/rocksdb/rocksdb-store.ts'
import { RocksdbStores, type StoresPlace } from '../../state/rocksdb/rocksdb-stores.ts'
import { NodeValueFiles } from '../../state/rocksdb/values/node-value-files.ts'
import { SeparatedStores } from '../../state/rocksdb/values/separated-store.ts'

/** Where a slot keeps keyed state that does not fit into memory. */
export interface StateBackend {
  /** What live rows of a slot may take, about. */
  readonly cacheBytes: number
  open(place: StoresPlace): Promise<OrderedStores>
  /** For looking at what is in a checkpoint, while nothing runs. None where no checkpoint has files that the backend has to look at itself. */
  openAside?(): Promise<StoresAside>
}

/** Stores that are only looked at. */
export interface StoresAside extends OrderedStores {
  /** Removes what there is of them, also of one that could not be restored. None is open. */
  removeAll(): Promise<void>
}

/**
 * The state backend as the options have it; undefined is the heap. `databaseDir` is asked when a database is opened.
 *
 * @throws STATE_ROCKSDB_MISSING
 */
export function stateBackend(settings: ResolvedEngineOptions, ports: RocksdbPorts, databaseDir: () => string): StateBackend | undefined {
  const { state } = settings.values
  if (state.backend !== 'rocksdb') return undefined
  loadRocksdb()
  return {
    cacheBytes: state.cacheSize,
    open: async (place) => withValuesApart(await RocksdbStores.open(ports, databaseDir(), place), ports),
    openAside: async () => {
      const stores = await RocksdbStores.openAside(ports, databaseDir())
      const apart = withValuesApart(stores, ports)
      return {
        create: (name) => apart.create(name),
        restore: (name, files) => apart.restore(name, files),
        removeAll: () => stores.removeAll(),
      }
    },
  }
}

function withValuesApart(stores: RocksdbStores, { disk, clock }: RocksdbPorts): OrderedStores {
  return new SeparatedStores(stores, { clock, files: (name) => new NodeValueFiles(disk, `${stores.folderOf(name)}-values`) })
}
