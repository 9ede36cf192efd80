import { availableParallelism } from 'node:os'
import { nodeClock, nodeDisk, nodeNetwork, nodeRandom } from '@millrace/core'
import { buildJob, type BuiltJob } from '../api/build-job.ts'
import { parseParams } from '../api/params.ts'
import { jobOptions } from '../config/job-options.ts'
import { planJob } from '../graph/plan.ts'
import { controlOf } from './control/control-of-job.ts'
import type { JobControl } from './master/job-control.ts'
import { JobMaster } from './master/job-master.ts'
import type { CheckpointHistory, JobEvent, JobFailure, JobResult, RunJobOptions, RunningJob } from './job-types.ts'
import { loadJobModule } from './module/job-module.ts'
import { recordModuleSources, type ModuleSources } from './module/module-sources.ts'
import { savepointDir, stopJob } from './start-job.ts'
import { planOptions } from './deployment/plan-options.ts'
import { stateBackend } from './storage/state-backend.ts'
import { savepointFailed } from './master/savepoint-requests.ts'
import { jobFolder } from './storage/state-folder.ts'
import { SlotThreads } from './threads/slot-threads.ts'
import { ThreadSlots } from './threads/thread-slots.ts'

/**
 * Runs the job of a module, its operators on worker threads, each of which imports the module for itself: the calling thread stays free for signals and figures.
 * Answers at once; whatever is wrong with the module, the job or its options is a failed result.
 */
export function runJob(options: RunJobOptions): RunningJob {
  const { modulePath } = options
  return runOnThreads({
    ...options,
    load: async () => {
      const { result: job, sources } = await recordModuleSources(() => loadJobModule(modulePath))
      return { built: buildJob(job, { params: parseParams(job, options.params) }), sources }
    },
  })
}

/** What can be asked of a job, also before there is a master. */
type OrderedJob = Pick<JobControl, 'stop' | 'cancel' | 'savepoint' | 'stopWithSavepoint'>

interface LoadedJob {
  readonly built: BuiltJob
  readonly sources: ModuleSources
}

export interface ThreadedJobOptions extends Omit<RunJobOptions, 'params'> {
  load(): LoadedJob | Promise<LoadedJob>
}

/** Starts a job whose slots are threads of their own; they import the module at `modulePath`, whoever has built the job here. */
export function runOnThreads(options: ThreadedJobOptions): RunningJob {
  let master: JobMaster | undefined
  let asked: 'stop' | 'cancel' | undefined
  const givenUp = Promise.withResolvers<'given-up'>()
  const startedMs = performance.now()
  const threads = new SlotThreads(options.modulePath)
  // The others start when it is known that the job can run so.
  threads.warmUp(Math.min(options.settings.values.parallelism, availableParallelism()))
  const start = async (): Promise<JobResult> => {
    try {
      // A module may wait at its top level, for a configuration from elsewhere: whoever is to end does not.
      const loaded = await Promise.race([options.load(), givenUp.promise])
      if (loaded === 'given-up') {
        await threads.close()
        return endedUnstarted(options, { state: asked === 'cancel' ? 'canceled' : 'stopped' }, performance.now() - startedMs)
      }
      master = prepare(options, threads, loaded)
    } catch (error) {
      await threads.close()
      const failure = { error: error instanceof Error ? error : new Error(String(error)) }
      return endedUnstarted(options, { state: 'failed', failure }, performance.now() - startedMs)
    }
    if (asked !== undefined) master.control[asked]()
    return master.run()
  }
  const done = start()
  const end = (how: 'stop' | 'cancel'): void => {
    // To be cancelled overrules to be stopped, as it does later.
    if (asked !== 'cancel') asked = how
    givenUp.resolve('given-up')
  }
  const noSavepoint = async (): Promise<never> => {
    throw savepointFailed('it is starting')
  }
  const starting: OrderedJob = {
    stop: () => end('stop'),
    cancel: () => end('cancel'),
    savepoint: noSavepoint,
    stopWithSavepoint: noSavepoint,
  }
  const running = (): OrderedJob => master?.control ?? starting
  return {
    done,
    stop: (options) => stopJob(running(), done, options),
    savepoint: async (options) => await running().savepoint(savepointDir('savepoint', options)),
    cancel: async () => {
      running().cancel()
      await done
    },
    metrics: () => master?.control.metrics() ?? notYet(),
    checkpoints: () => master?.control.checkpoints() ?? noCheckpoints,
  }
}

function prepare(options: ThreadedJobOptions, threads: SlotThreads, { built, sources }: LoadedJob): JobMaster {
  threads.provide(sources)
  const { name } = built.graph
  const settings = jobOptions(options.settings, built.graph.settings)
  const { values } = settings
  const ports = { clock: nodeClock, disk: nodeDisk, network: nodeNetwork, random: nodeRandom }
  const folder = jobFolder(name, settings, ports)
  // A backend that cannot be had is told now, not by every slot.
  const backend = stateBackend(settings, ports, folder.databaseDir)
  const encodeLocal = options.plan?.encodeAll ?? false
  return new JobMaster({
    plan: planJob(built.graph, { ...planOptions(values), ...(encodeLocal ? { encodeAll: true } : {}) }),
    functions: built.functions,
    settings,
    restore: options.restore,
    allowNonRestoredState: options.allowNonRestoredState ?? false,
    ...folder,
    launcher: new ThreadSlots({
      threads,
      modulePath: options.modulePath,
      params: built.graph.params,
      settings,
      encodeLocal,
      databaseDir: folder.databaseDir,
    }),
    ...ports,
    stateBackend: backend,
    onEvent: (event) => options.onEvent(event),
    modulePath: options.modulePath,
    control: controlOf(name, settings),
  })
}

const noCheckpoints: CheckpointHistory = { counts: { triggered: 0, completed: 0, failed: 0, subsumed: 0, inProgress: 0 }, history: [] }

/** Before there was a job that has a name. */
function endedUnstarted(
  options: ThreadedJobOptions,
  outcome: { readonly state: 'stopped' | 'canceled' } | { readonly state: 'failed'; readonly failure: JobFailure },
  durationMs: number,
): JobResult {
  const result: JobResult = { jobName: '', durationMs, restarts: 0, lastCheckpoint: undefined, ...outcome }
  options.onEvent({ kind: 'ended', timeMs: nodeClock.now(), result } satisfies JobEvent)
  return result
}

function notYet(): ReturnType<RunningJob['metrics']> {
  return {
    timeMs: nodeClock.now(),
    state: 'starting',
    uptimeMs: 0,
    downtimeMs: 0,
    restarts: 0,
    regions: [],
    tasks: [],
    checkpoints: { completed: 0, failed: 0, inProgress: 0, committing: 0, last: undefined },
    user: [],
    hotKeys: [],
  }
}
