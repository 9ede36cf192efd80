import { inspect } from 'node:util'
import type { Duration } from '@millrace/core'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable, type EngineOptionInput } from '../config/options.ts'
import { engineError } from '../errors.ts'
import { checkCombinations, settledStorage } from '../config/job-options.ts'
import type { JobSettings } from '../graph/graph.ts'
import type { FailoverStrategy } from '../graph/regions.ts'

type Settable<T> = { -readonly [N in keyof T]: T[N] }

type CheckpointOptions = NonNullable<EngineOptionInput['checkpointing']>

/** What a job sets of the options `checkpointing.*`; see the option reference for defaults. Over everything else but nothing set is kept open. */
export type CheckpointSettings = Settable<Omit<CheckpointOptions, 'storage'>> & {
  /** The option `state.backend`: where keyed state is while the job runs. */
  backend?: NonNullable<EngineOptionInput['state']>['backend']
  /** `{ dir }` is the storage `filesystem`, with `dir`. */
  storage?: CheckpointOptions['storage'] | { readonly dir: string }
}

/** What happens when the job fails. */
export type RestartStrategy =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed-delay'; readonly attempts?: number; readonly delay?: Duration }
  | { readonly kind: 'failure-rate'; readonly maxFailures?: number; readonly interval?: Duration; readonly delay?: Duration }
  | {
      readonly kind: 'exponential-delay'
      readonly initial?: Duration
      readonly max?: Duration
      readonly multiplier?: number
      readonly resetAfter?: Duration
      readonly jitter?: number
      readonly attempts?: number
    }

/** What a job sets of the options `restart.*`; what it leaves open comes from the command line and the configuration. */
export interface RestartSettings {
  /** `off` and `disable` are `none`. */
  strategy?: RestartStrategy | RestartStrategy['kind'] | 'off' | 'disable'
  /** Whether a part of the job that no records pass to from the rest restarts by itself (`region`, the default), or all of it always (`full`). */
  failoverStrategy?: FailoverStrategy
}

const groups: { readonly [kind: string]: string } = {
  'fixed-delay': 'fixedDelay',
  'failure-rate': 'failureRate',
  'exponential-delay': 'exponentialDelay',
}

/**
 * The settings as plain data in the shape of the option table, checked against it.
 *
 * @throws OPTION_UNKNOWN, OPTION_INVALID, ARGUMENT_INVALID, CHECKPOINT_STORAGE_CONFLICT, CHECKPOINT_UNALIGNED_CONFLICT, STATE_BACKEND_SYNCHRONOUS
 */
export function jobSettings(checkpointing: CheckpointSettings, restart: RestartSettings): JobSettings {
  const { backend, ...others } = checkpointing
  const settings = {
    checkpointing: set(checkpointOptions(others)),
    restart: restartOptions(restart),
    ...(backend === undefined ? {} : { state: { backend } }),
  }
  checkCombinations(settledStorage(resolveOptions(engineOptionTable, { code: settings })).values)
  return settings
}

function checkpointOptions({ storage, ...others }: Omit<CheckpointSettings, 'backend'>): CheckpointOptions {
  if (typeof storage !== 'object' || storage === null) return storage === undefined ? others : { ...others, storage }
  const isAlone = Object.keys(storage).join() === 'dir' && typeof storage.dir === 'string'
  if (!isAlone || others.dir !== undefined) {
    throw engineError('ARGUMENT_INVALID', {
      call: 'env.checkpointing',
      argument: 'storage',
      expected: "'memory', 'filesystem', or { dir }, without env.checkpointing.dir beside it",
      value: inspect(others.dir === undefined ? storage : { storage, dir: others.dir }, { depth: 1, maxStringLength: 80 }),
    })
  }
  return { ...others, storage: 'filesystem', dir: storage.dir }
}

function restartOptions(restart: RestartSettings): { readonly [option: string]: unknown } {
  const { strategy, ...others } = restart
  if (typeof strategy !== 'object' || strategy === null) return set({ strategy, ...others })
  const { kind, ...options } = strategy
  const group = groups[kind]
  return set({ strategy: kind, ...(group === undefined ? options : { [group]: set(options) }), ...others })
}

function set(options: object): { readonly [option: string]: unknown } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}
