/** One life of a job: from its start until it ends or its time is up. */
import { inspect } from 'node:util'
import { resolveOptions } from '@millrace/core'
import { buildJob, engineOptionTable, type JobEvent, type JobResult, type RunningJob } from '@millrace/engine'
import { startLocalJob, type OrderedStores } from '@millrace/engine/simulation'
import { SeededRandom } from '@millrace/testkit'
import type { Backend } from './backends.ts'
import { DelayedChannels } from './delayed-channels.ts'
import type { Interposer } from './interposer.ts'
import { buildScenario } from './job.ts'
import type { Ledger } from './ledger.ts'
import { Observer, type Ambush } from './observer.ts'
import type { Scenario } from './scenario.ts'
import { SimulatedStores } from './simulated-stores.ts'
import type { Situation } from './situations.ts'
import { disturbDisk, drawUserCode } from './weather.ts'
import { noNetwork, type Life, type World } from './world.ts'

export const STATE = '/data/state'
export const SAVEPOINTS = '/data/savepoints'

/** An error on purpose, made anew for each life. */
export type MakeInterposer = () => Interposer

export interface LifePlan {
  readonly parallelism: number
  readonly restore: 'latest' | (string & {})
  /** Nothing goes wrong. */
  readonly calm: boolean
  readonly durationMs: number
  /** When it is asked to stop, with a final checkpoint. */
  readonly stopAtMs: number | undefined
  readonly ambush: Ambush | undefined
  /** When savepoints are asked for. */
  readonly savepointsAtMs?: readonly number[]
  /** Whether the final checkpoint of `stopAtMs` is to be a savepoint too. */
  readonly stopWithSavepoint?: boolean
  /** Checkpoints have time enough. */
  readonly patient?: boolean
  /** In place of the scenario's. */
  readonly maxParallelism?: number
  /** Default: the heap. */
  readonly backend?: Backend
  /** Of the life before. */
  readonly formerBackend?: Backend | undefined
  /** Its parallelism was another one. */
  readonly isRescaled?: boolean
}

export interface LifeOptions {
  readonly world: World
  readonly scenario: Scenario
  readonly ledger: Ledger
  readonly plan: LifePlan
  readonly mutation: MakeInterposer | undefined
  readonly reached: (situation: Situation) => void
}

/** How a life went. */
export interface LifeOutcome {
  /** Undefined: it was still running. */
  readonly result: JobResult | undefined
  /** Whether the disk was made to fail. */
  readonly stormy: boolean
  readonly violations: readonly string[]
  /** Where the job can go on from that was stopped with a savepoint. */
  readonly stoppedAt: string | undefined
  readonly observer: Observer
  readonly life: Life
  /** Of the state backend `rocksdb`. */
  readonly stores: SimulatedStores | undefined
}

export async function live(options: LifeOptions): Promise<LifeOutcome> {
  const { world, scenario, ledger, plan, reached } = options
  const { random } = world
  const life = world.begin()
  ledger.begin(plan.backend === 'memory')
  const observer = new Observer({
    ledger,
    ambush: plan.ambush,
    patience: random.pick([0, 1, 3, 6]),
    alignedTimeoutMs: scenario.unaligned?.alignedTimeoutMs ?? 0,
    backend: plan.backend ?? 'heap',
    formerBackend: plan.formerBackend,
    rescaled: plan.isRescaled === true ? rescaledIn(scenario, plan.backend) : undefined,
    reached,
  })
  const mutation = options.mutation?.()
  const interposers = mutation === undefined ? [observer] : [mutation, observer]
  const violations: string[] = []
  const user = drawUserCode({
    clock: life.clock,
    random,
    calm: plan.calm,
    calls: scenario.inputs * scenario.branches * scenario.stages.length,
    violation: (problem) => void violations.push(problem),
    met: reached,
  })
  const stores =
    plan.backend === 'rocksdb'
      ? new SimulatedStores({
          clock: life.clock,
          random: new SeededRandom(random.uint32()),
          calm: plan.calm,
          violation: (problem) => void violations.push(problem),
          reached,
        })
      : undefined
  const heal = plan.calm ? undefined : disturbDisk(world.disk, life.clock, random, () => reached('disk failure'))
  let result: JobResult | undefined
  const job = buildScenario({ scenario, parallelism: plan.parallelism, user, interposers })
  const build = (): ReturnType<typeof buildJob> => buildJob(job)
  const running = startLocalJob({
    first: build(),
    build,
    settings: resolveOptions(engineOptionTable, { code: settings(options, mutation) }),
    restore: plan.restore,
    processes: life.processes,
    ports: {
      clock: life.clock,
      disk: interposers.reduce((disk, interposer) => interposer.disk?.(disk, life.clock) ?? disk, life.disk),
      network: noNetwork,
      random: life.random,
      createChannels: () => {
        const channels = new DelayedChannels(life.clock, random, () => reached('blocked channel with data behind the barrier'))
        return mutation?.channels?.(channels) ?? channels
      },
      pace: {
        turnMs: 0,
        snapshotRows: scenario.snapshotRows,
        ...(scenario.unaligned === undefined ? {} : { sliceRecords: scenario.unaligned.sliceRecords }),
      },
      ...(stores === undefined
        ? {}
        : {
            stateBackend: {
              cacheBytes: scenario.backends?.cacheBytes ?? 0,
              open: async ({ attempt }) =>
                interposers.reduce(
                  (inner: OrderedStores, interposer: Interposer) => interposer.stores?.(inner) ?? inner,
                  stores.of(attempt),
                ),
            },
          }),
      keyedState: (backend) => interposers.reduce((inner, interposer) => interposer.keyedState?.(inner) ?? inner, backend),
    },
    launcher: (launcher) => interposers.reduce((inner, interposer) => interposer.launcher?.(inner) ?? inner, launcher),
    onEvent: (event) => {
      if (process.env['SIM_TRACE'] !== undefined) traceEvent(event, life)
      observer.event(event)
    },
  })
  void running.done.then((ended) => (result = ended))
  let stoppedAt: string | undefined
  const orders = ordersTo(running, life, reached)
  const stop = async (): Promise<void> => {
    if (plan.stopWithSavepoint !== true) return void (await running.stop())
    stoppedAt = await orders.stopWithSavepoint()
  }
  if (plan.stopAtMs !== undefined) life.clock.after(plan.stopAtMs, () => void stop())
  for (const atMs of plan.savepointsAtMs ?? []) life.clock.after(atMs, () => void orders.savepoint())
  await life.run(plan.durationMs, () => result !== undefined || observer.ambushed || violations.length > 0)
  heal?.()
  return { result, stormy: heal !== undefined, violations, stoppedAt, observer, life, stores }
}

function rescaledIn({ mode, unaligned }: Scenario, backend: Backend | undefined): Situation {
  const how = mode === 'at-least-once' ? 'at least once' : unaligned === undefined ? 'aligned' : 'unaligned'
  return `rescaled, ${how}, ${backend === 'rocksdb' ? 'rocksdb' : 'heap'}`
}

interface Orders {
  savepoint(): Promise<void>
  /** Answers its path, if it came to one. */
  stopWithSavepoint(): Promise<string | undefined>
}

/** Gives them again while the job starts. */
function ordersTo(running: RunningJob, life: Life, reached: LifeOptions['reached']): Orders {
  const give = async (order: () => Promise<string | undefined>, situation: Situation): Promise<string | undefined> => {
    for (;;) {
      try {
        const path = await order()
        reached(situation)
        return path
      } catch (error) {
        if (!String(error).includes('it is starting')) {
          reached('savepoint given up')
          return undefined
        }
        await new Promise<void>((resolve) => void life.clock.after(20, resolve))
      }
    }
  }
  return {
    savepoint: async () => void (await give(async () => (await running.savepoint({ dir: SAVEPOINTS })).path, 'savepoint')),
    stopWithSavepoint: () => give(async () => (await running.stop({ savepoint: { dir: SAVEPOINTS } }))?.path, 'stop with savepoint'),
  }
}

function settings({ world: { random }, scenario, plan }: LifeOptions, mutation: Interposer | undefined): object {
  const mode = mutation?.mode ?? scenario.mode
  const { checkpointMs, minPauseMs, maxConcurrent, numRetained } = scenario
  return {
    parallelism: plan.parallelism,
    maxParallelism: plan.maxParallelism ?? scenario.maxParallelism,
    stateDir: STATE,
    ...(plan.backend === 'memory' || plan.backend === 'filesystem' ? { state: { backend: plan.backend } } : {}),
    bufferTimeout: random.pick([0, 1, 10]),
    checkpointing: {
      interval: checkpointMs,
      minPause: minPauseMs,
      maxConcurrent,
      numRetained,
      mode,
      ...(scenario.unaligned === undefined || mode !== 'exactly-once'
        ? {}
        : {
            unaligned: true,
            alignedTimeout: scenario.unaligned.alignedTimeoutMs,
            inFlightLimit: plan.calm ? 1_000_000 : scenario.unaligned.limitBytes,
          }),
      timeout: plan.calm || plan.patient === true ? 10_000 : random.pick([30, 100, 2_000, 2_000, 2_000]),
      tolerableFailures: plan.calm ? 1_000 : random.pick([0, 3, 1_000]),
    },
    restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 1_000, delay: 5 } },
  }
}

/** Tells what happens, for whoever looks into a seed. */
function traceEvent(event: JobEvent, life: Life): void {
  const { timeMs: _, kind, ...rest } = event as JobEvent & { timeMs?: number }
  const what =
    event.kind === 'started'
      ? `attempt ${event.attempt} from ${event.restored?.id ?? 'nothing'}`
      : inspect(rest, { depth: 3, breakLength: Infinity }).slice(0, 300)
  console.log(`${life.clock.monotonic().toFixed(1).padStart(8)}  ${kind} ${what}`)
}
