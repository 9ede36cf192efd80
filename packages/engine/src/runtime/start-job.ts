import type { Clock, Disk, Network, Random } from '@millrace/core'
import type { BuiltJob } from '../api/build-job.ts'
import { checkOptions } from '../api/option-names.ts'
import type { CheckpointStorage } from '../checkpoint/storage.ts'
import type { RemotePorts } from '../checkpoint/object-store/remote-places.ts'
import type { ProcessInspector } from '../checkpoint/lock/process-identity.ts'
import type { ResolvedEngineOptions } from '../config/options.ts'
import { settledStorage } from '../config/job-options.ts'
import { planJob } from '../graph/plan.ts'
import { engineError } from '../errors.ts'
import type { JobControl } from './master/job-control.ts'
import { JobMaster, type JobMasterParts } from './master/job-master.ts'
import type { CompletedCheckpoint, JobEvent, RunningJob, SavepointOptions, StopOptions } from './job-types.ts'
import { LocalSlots, type LocalPorts } from './slot/local-slots.ts'
import type { SlotLauncher } from './slot/slot-link.ts'
import { planOptions } from './deployment/plan-options.ts'
import { stateBackend } from './storage/state-backend.ts'
import { jobFolder } from './storage/state-folder.ts'

/** A job on one thread, with the machine that it is to see. */
export interface LocalJobOptions {
  /** The job as it is built already; a restart calls `build`. */
  readonly first: BuiltJob
  /** Builds the job anew, for a restart. */
  build(): BuiltJob
  /** With what the job sets itself already merged over them (`jobOptions`). */
  readonly settings: ResolvedEngineOptions
  /** As of `RunJobOptions`. */
  readonly restore: 'latest' | 'none' | (string & {})
  /** As of `RunJobOptions`. */
  readonly allowNonRestoredState?: boolean
  /** What can be seen of other processes, for the lock; a simulation has its own. */
  readonly processes?: ProcessInspector
  /** All that the job sees of the machine; a simulation gives its own. */
  readonly ports: { readonly clock: Clock; readonly disk: Disk; readonly network: Network; readonly random: Random } & Pick<
    LocalPorts,
    'createChannels' | 'pace' | 'metricsIntervalMs' | 'keyedState' | 'stateBackend' | 'capsule'
  > &
    Pick<RemotePorts, 'openStore'>
  /** Puts something between master and slots. */
  readonly launcher?: (launcher: SlotLauncher) => SlotLauncher
  /** Puts something around the storage of checkpoints. */
  readonly storage?: (storage: CheckpointStorage) => CheckpointStorage
  /** Called with everything that happens, in order; must not throw. */
  readonly onEvent: (event: JobEvent) => void
  /** Opens the place where other processes can speak to the job; by default there is none. */
  readonly control?: JobMasterParts['control']
}

/** Starts a job whose slots all run on this thread. */
export function startLocalJob(options: LocalJobOptions): RunningJob {
  const { first, ports } = options
  const settings = settledStorage(options.settings)
  const { values } = settings
  const plan = planJob(first.graph, planOptions(values))
  const { storage: own, ...folder } = jobFolder(first.graph.name, settings, ports, options.processes)
  const storage = options.storage?.(own) ?? own
  let unused: BuiltJob | undefined = first
  const functions = (): BuiltJob['functions'] => {
    const built = unused ?? options.build()
    unused = undefined
    return built.functions
  }
  const backend = ports.stateBackend ?? stateBackend(settings, ports, folder.databaseDir)
  const slots = new LocalSlots({ ...ports, storage, stateBackend: backend }, functions)
  const master = new JobMaster({
    plan,
    functions: first.functions,
    settings,
    restore: options.restore,
    allowNonRestoredState: options.allowNonRestoredState ?? false,
    storage,
    ...folder,
    launcher: options.launcher?.(slots) ?? slots,
    ...ports,
    stateBackend: backend,
    onEvent: options.onEvent,
    ...(options.control === undefined ? {} : { control: options.control }),
  })
  return runningJob(master)
}

/** Runs the master, and gives what its caller may do with it. */
export function runningJob(master: JobMaster): RunningJob {
  const { control } = master
  const done = Promise.resolve().then(() => master.run())
  return {
    done,
    stop: (options) => stopJob(control, done, options),
    savepoint: async (options) => await control.savepoint(savepointDir('savepoint', options)),
    cancel: async () => {
      control.cancel()
      await done
    },
    metrics: () => control.metrics(),
    checkpoints: () => control.checkpoints(),
  }
}

/** @throws what `RunningJob.stop` says */
export async function stopJob(
  job: Pick<JobControl, 'stop' | 'stopWithSavepoint'>,
  done: Promise<unknown>,
  { savepoint, drain = false }: StopOptions = {},
): Promise<CompletedCheckpoint | undefined> {
  if (savepoint === undefined || savepoint === false) {
    if (drain) throw engineError('ARGUMENT_INVALID', { call: 'stop', argument: 'drain', expected: 'used with savepoint', value: 'true' })
    job.stop()
    await done
    return undefined
  }
  const completed = await job.stopWithSavepoint(savepoint === true ? undefined : savepointDir('stop, savepoint', savepoint), drain)
  await done
  return completed
}

/** Without types a path by itself would be taken for nothing, and the savepoint be elsewhere. @throws ARGUMENT_INVALID */
export function savepointDir(call: string, options: SavepointOptions | undefined): string | undefined {
  checkOptions(call, options, ['dir'])
  return options?.dir
}
