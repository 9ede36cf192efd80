/** The options of one job: what its code sets, over what was resolved without it, as one truth that everything else reads. */
import { overrideOptions } from '@millrace/core'
import { engineError } from '../errors.ts'
import { engineOptionTable, type EngineOptionInput, type EngineOptions, type ResolvedEngineOptions } from './options.ts'

/**
 * The options that hold for a job. `settings` are those of its graph.
 *
 * @throws OPTION_UNKNOWN, OPTION_INVALID, CHECKPOINT_STORAGE_CONFLICT
 */
export function jobOptions(below: ResolvedEngineOptions, settings: EngineOptionInput | undefined): ResolvedEngineOptions {
  return settledStorage(overrideOptions(engineOptionTable, below, settings))
}

/**
 * Names of state backends that are names of a storage too set both: what comes of it is the heap, and the storage. The same again where it has been done.
 *
 * @throws CHECKPOINT_STORAGE_CONFLICT
 */
export function settledStorage(options: ResolvedEngineOptions): ResolvedEngineOptions {
  const { values, origins } = options
  const { backend } = values.state
  if (backend !== 'memory' && backend !== 'filesystem') return options
  const { storage } = values.checkpointing
  const backendOrigin = origins['state.backend']!
  const storageOrigin = origins['checkpointing.storage']!
  const isSet = storageOrigin !== 'the default'
  if (isSet && storage !== backend) throw engineError('CHECKPOINT_STORAGE_CONFLICT', { backend, backendOrigin, storage, storageOrigin })
  return Object.freeze({
    values: Object.freeze({
      ...values,
      state: Object.freeze({ ...values.state, backend: 'heap' }),
      checkpointing: Object.freeze({ ...values.checkpointing, storage: backend }),
    } satisfies EngineOptions),
    origins: Object.freeze({ ...origins, 'checkpointing.storage': isSet ? storageOrigin : backendOrigin }),
  })
}

/** A folder for checkpoints beside the storage in memory, which has none: no contradiction, as a run may choose memory over what a file says for all, but somebody may look for them there. */
export function unheededFolder({ values, origins }: ResolvedEngineOptions): string | undefined {
  const { storage, dir } = values.checkpointing
  if (storage !== 'memory' || dir === undefined) return undefined
  const [storageOrigin, dirOrigin] = [origins['checkpointing.storage'], origins['checkpointing.dir']]
  return `no checkpoint is in ${dir} (checkpointing.dir, by ${dirOrigin}): checkpointing.storage is memory (by ${storageOrigin}), and what is there ends with the process`
}

/** Options that are fine by themselves, but not together. @throws STATE_BACKEND_SYNCHRONOUS, CHECKPOINT_MEMORY_LIMITS_CONFLICT, CHECKPOINT_UNALIGNED_CONFLICT */
export function checkCombinations({ state, checkpointing }: EngineOptions): void {
  const { unaligned, mode, maxConcurrent, asynchronous } = checkpointing
  if (state.backend === 'rocksdb' && !asynchronous) throw engineError('STATE_BACKEND_SYNCHRONOUS')
  const { maxStateSize, maxMessageSize } = checkpointing.memory
  if (maxStateSize > maxMessageSize)
    throw engineError('CHECKPOINT_MEMORY_LIMITS_CONFLICT', { state: maxStateSize, message: maxMessageSize })
  if (!unaligned) return
  if (mode !== 'exactly-once')
    throw engineError('CHECKPOINT_UNALIGNED_CONFLICT', { requirement: 'exactly-once', option: 'checkpointing.mode', value: mode })
  if (maxConcurrent > 1) {
    const conflict = { requirement: 'one checkpoint at a time', option: 'checkpointing.maxConcurrent', value: maxConcurrent }
    throw engineError('CHECKPOINT_UNALIGNED_CONFLICT', conflict)
  }
}
