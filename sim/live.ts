/** One life of a job: from its start until it ends or its time is up. */
import { inspect } from 'node:util'
import { resolveOptions } from '@millrace/core'
import { buildJob, engineOptionTable, type JobEvent, type JobResult, type RunningJob } from '@millrace/engine'
import { startLocalJob, type ObjectStore, type OrderedStores } from '@millrace/engine/simulation'
import { SeededRandom } from '@millrace/testkit'
import type { Backend } from './backends.ts'
import { DelayedChannels } from './delayed-channels.ts'
import type { Interposer } from './interposer.ts'
import { buildScenario } from './job.ts'
import type { Ledger } from './ledger.ts'
import { Lifetimes } from './lifetimes.ts'
import { Observer, type Ambush } from './observer.ts'
import { beginObjects, type ObjectLife } from './object-folder.ts'
import type { OptionChange } from './option-changes.ts'
import { Orders, type ControlledJob } from './orders.ts'
import type { Scenario } from './scenario.ts'
import { settingsOf } from './settings.ts'
import { SimulatedStores } from './simulated-stores.ts'
import type { Situation } from './situations.ts'
import { disturbDisk, drawUserCode } from './weather.ts'
import { noNetwork, type Life, type World } from './world.ts'

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
  /** How many such moments are let go by; drawn by default. */
  readonly patience?: number
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
  readonly optionChanges?: readonly OptionChange[]
  /** When it is cancelled, and whether its checkpoints are kept then. */
  readonly cancel?: { readonly atMs: number; readonly retains: boolean }
  /** State files are copied, and read from the copies. */
  readonly keepsCopies?: boolean
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
  /** Whether the disk, or the store of objects, was made to fail. */
  readonly stormy: boolean
  readonly violations: readonly string[]
  readonly orders: Orders
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
  const violations: string[] = []
  const violation = (problem: string): void => void violations.push(problem)
  const lifetimes = lifetimesIn(options, life, violation)
  const observer = new Observer({
    ledger,
    ambush: plan.ambush,
    patience: plan.patience ?? random.pick([0, 1, 3, 6]),
    alignedTimeoutMs: scenario.unaligned?.alignedTimeoutMs ?? 0,
    backend: plan.backend ?? 'heap',
    formerBackend: plan.formerBackend,
    rescaled: plan.isRescaled === true ? rescaledIn(scenario, plan.backend) : undefined,
    isFinishing: () => lifetimes.finishing,
    reached,
  })
  const mutation = options.mutation?.()
  const interposers = mutation === undefined ? [observer] : [mutation, observer]
  const user = drawUserCode({
    clock: life.clock,
    random,
    calm: plan.calm,
    calls: scenario.inputs * scenario.branches * scenario.stages.length,
    failsOften: scenario.emphasis?.failures === 'often',
    lifetimes,
    violation,
    met: reached,
  })
  const stores =
    plan.backend === 'rocksdb'
      ? new SimulatedStores({
          clock: life.clock,
          random: new SeededRandom(random.uint32()),
          calm: plan.calm,
          alwaysAhead: scenario.emphasis?.batches === 'large',
          violation,
          reached,
        })
      : undefined
  const objects = objectsIn(options, life, observer)
  const heal = plan.calm ? undefined : disturbDisk(world.disk, life.clock, random, () => reached('disk failure'))
  const stormy = heal !== undefined || objects?.stormy === true
  let result: JobResult | undefined
  let controlled: ControlledJob | undefined
  const job = buildScenario({ scenario, parallelism: plan.parallelism, user, interposers })
  const build = (): ReturnType<typeof buildJob> => buildJob(job)
  const running = startLocalJob({
    first: build(),
    build,
    settings: resolveOptions(engineOptionTable, { code: settingsOf(scenario, plan, random, mutation) }),
    restore: plan.restore,
    processes: life.processes,
    ports: {
      clock: life.clock,
      disk: interposers.reduce((disk, interposer) => interposer.disk?.(disk, life.clock) ?? disk, life.disk),
      network: noNetwork,
      random: life.random,
      ...(objects === undefined
        ? {}
        : {
            openStore: () =>
              interposers.reduce(
                (inner: ObjectStore, interposer: Interposer) => interposer.objects?.(inner, life.clock) ?? inner,
                objects.store,
              ),
          }),
      createChannels: () => {
        const flushChance = scenario.emphasis?.batches === 'large' ? 0.01 : 0.3
        const onBlocked = (): void => reached('blocked channel with data behind the barrier')
        const channels = new DelayedChannels(life.clock, random, flushChance, onBlocked)
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
      const isOver = event.kind === 'ended' || (event.kind === 'restarting' && event.region === undefined)
      // A slot that a slow disk holds up is given up, and cannot be ended here.
      if (isOver && !stormy) lifetimes.attemptOver()
    },
    control: async (job) => {
      controlled = job
      return { retire: async () => void (controlled = undefined), end: () => {} }
    },
  })
  void running.done.then((ended) => (result = ended))
  const orders = new Orders({ running, controlled: () => controlled, life, plan, observer, reached }, scenario.numRetained)
  await life.run(plan.durationMs, () => result !== undefined || observer.ambushed || violations.length > 0)
  heal?.()
  noteCopies(running, reached)
  return { result, stormy, violations, orders, observer, life, stores }
}

function lifetimesIn(
  { world: { random }, scenario, plan, reached }: LifeOptions,
  life: Life,
  violation: (problem: string) => void,
): Lifetimes {
  return new Lifetimes({
    plan: scenario.lifetimes,
    clock: life.clock,
    random: scenario.lifetimes === undefined ? random : new SeededRandom(random.uint32()),
    calm: plan.calm,
    violation,
    reached,
  })
}

function objectsIn({ world, scenario, plan, reached }: LifeOptions, { clock }: Life, observer: Observer): ObjectLife | undefined {
  if (scenario.objects === undefined || plan.backend === 'memory') return undefined
  const { bucket, random } = world
  return beginObjects({
    bucket,
    clock,
    random: random.fork(),
    calm: plan.calm,
    reached,
    durable: (checkpointId) => observer.durable(checkpointId),
  })
}

function noteCopies(running: RunningJob, reached: LifeOptions['reached']): void {
  const { read = 0, missed = 0 } = running.metrics().checkpoints.localCopies ?? {}
  if (read > 0) reached('state read from local copies')
  if (missed > 0) reached('local copy missed')
}

function rescaledIn({ mode, unaligned }: Scenario, backend: Backend | undefined): Situation {
  const how = mode === 'at-least-once' ? 'at least once' : unaligned === undefined ? 'aligned' : 'unaligned'
  return `rescaled, ${how}, ${backend === 'rocksdb' ? 'rocksdb' : 'heap'}`
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
