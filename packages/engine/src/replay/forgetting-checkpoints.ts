import type { StateFileHandle } from '../checkpoint/handles.ts'
import type {
  CheckpointStorage,
  PersistedCheckpoint,
  ResolveOptions,
  RestoreRequest,
  RestoreResolution,
  StateFileReader,
  StateFileWriter,
  StorageReport,
} from '../checkpoint/storage.ts'

/** Reads checkpoints and keeps none: a job that is replayed leaves nothing behind, however large its state is. */
export class ForgettingCheckpoints implements CheckpointStorage {
  readonly #read: Pick<CheckpointStorage, 'resolveRestore' | 'openStateFile' | 'linkStateFile'>

  constructor(read: Pick<CheckpointStorage, 'resolveRestore' | 'openStateFile' | 'linkStateFile'>) {
    this.#read = read
  }

  async createStateFile(): Promise<StateFileWriter> {
    let length = 0
    return {
      write: async (bytes) => void (length += bytes.length),
      get length() {
        return length
      },
      finish: async () => ({ path: 'forgotten', length, crc32: 0 }),
      abort: async () => {},
    }
  }

  openStateFile(file: StateFileHandle): Promise<StateFileReader> {
    return this.#read.openStateFile(file)
  }

  async linkStateFile(file: StateFileHandle, path: string): Promise<boolean> {
    return (await this.#read.linkStateFile?.(file, path)) === true
  }

  async open(): Promise<StorageReport> {
    return { completed: [], givenUp: [], nextCheckpointId: 1, orphansRemoved: [], damaged: [] }
  }

  async persist(): Promise<PersistedCheckpoint> {
    return { path: undefined, metadataBytes: 0 }
  }

  async discard(): Promise<void> {}

  async retire(): Promise<void> {}

  resolveRestore(restore: RestoreRequest, options?: ResolveOptions): Promise<RestoreResolution> {
    return this.#read.resolveRestore(restore, options)
  }

  async goOnFrom(): Promise<readonly number[]> {
    return []
  }

  async removeAll(): Promise<void> {}
}
