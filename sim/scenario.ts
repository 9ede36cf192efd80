/** A random job and its settings, as plain data: whatever fails can be written down and run again. */
import { randomBelow } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'
import type { BackendPlan } from './backends.ts'
import type { LifetimePlan } from './lifetimes.ts'
import type { CopiesPlan } from './local-copies.ts'
import type { ObjectsPlan } from './object-folder.ts'

export interface Scenario {
  readonly inputs: number
  readonly keys: number
  /** Streams that every input goes through. */
  readonly branches: 1 | 2
  /** Each has an equal share of the inputs. */
  readonly sources: readonly SourceKind[]
  readonly stages: readonly StagePlan[]
  readonly ratePerSecond: number | undefined
  readonly maxParallelism: number
  readonly mode: 'exactly-once' | 'at-least-once'
  readonly checkpointMs: number
  readonly minPauseMs: number
  readonly maxConcurrent: number
  readonly numRetained: number
  /** Rows of a snapshot written in one turn. */
  readonly snapshotRows: number
  /** Parts of the job that nothing passes between them and this one; none by default. */
  readonly apart?: readonly Pick<Scenario, 'inputs' | 'keys' | 'sources' | 'stages' | 'ratePerSecond'>[]
  /** Undefined: checkpoints are aligned. */
  readonly unaligned?: UnalignedPlan
  /** Undefined: the heap, always. */
  readonly backends?: BackendPlan
  /** Undefined: functions open and close at once. */
  readonly lifetimes?: LifetimePlan
  /** Undefined: no state file is copied. */
  readonly copies?: CopiesPlan
  /** Undefined: checkpoints are on the disk. */
  readonly objects?: ObjectsPlan
  /** What users do to lives; by default they stop them, and take savepoints. */
  readonly orders?: { readonly changesOptions: boolean; readonly cancels: boolean }
  readonly emphasis?: Emphasis
}

/** What a seed has more of than by itself. */
export interface Emphasis {
  /** User code throws in every life, and not in every second one. */
  readonly failures?: 'often'
  /** Batches are full when they leave, and look-ups in the store below are worth asking for ahead. */
  readonly batches?: 'large'
  /** Of each pause between lives: that the newest checkpoint is damaged, and that all there are are restored aside. */
  readonly damageChance?: number
  readonly asideChance?: number
  /** Most lives with more than one subtask are followed by one with one. */
  readonly parallelism?: 'one-after-many'
  /** Of each savepoint: that whoever goes on from it has another number of key groups. */
  readonly regroupChance?: number
  /** Of each life: that it goes back to an older checkpoint than the newest. */
  readonly goBackChance?: number
}

export interface UnalignedPlan {
  /** How long barriers are waited for. */
  readonly alignedTimeoutMs: number
  /** Records handed in at a time. */
  readonly sliceRecords: number
  /** What may be in flight to a subtask. */
  readonly limitBytes: number
}

export interface StagePlan {
  readonly kind: StageKind
  /** Subtasks: the job's, one, or some number that goes with the job's. */
  readonly width: 'same' | 'one' | 'other'
  readonly chain: 'always' | 'never' | 'start'
}

const sourceKinds = ['generator', 'collection', 'splits', 'files'] as const
export type SourceKind = (typeof sourceKinds)[number]

const stageKinds = [
  'map',
  'async-map',
  'flat-map',
  'rebalance',
  'shuffle',
  'rescale',
  'global',
  'side-output',
  'broadcast',
  'keyed-value',
  'keyed-map',
  'keyed-list',
  'keyed-reducing',
  'keyed-aggregate',
  'keyed-clearing',
  'keyed-async',
  'keyed-failing',
  'keyed-async-failing',
  'keyed-connected',
  'keyed-timer',
  'keyed-async-timer',
  'keyed-event-timer',
  'keyed-expiring',
  'keyed-operator-list',
  'keyed-async-operator-list',
  'keyed-raw',
  'held',
] as const
export type StageKind = (typeof stageKinds)[number]

/** Keyed stages are the heart of it: they come twice as often. What is held until the input ends comes only where functions finish. */
const drawnKinds: readonly StageKind[] = [
  ...stageKinds.filter((kind) => kind !== 'held'),
  ...stageKinds.filter((kind) => kind.startsWith('keyed')),
]

/** Stages after which records of one key and split may stand in another order. An async map does it when its unfinished inputs go to other subtasks. */
const reordering: ReadonlySet<StageKind> = new Set([
  'async-map',
  'rebalance',
  'shuffle',
  'rescale',
  'side-output',
  'held',
  'keyed-failing',
  'keyed-async-failing',
  'keyed-connected',
])

/** Of `keyed-clearing`: how far it counts before it clears its state. */
export const CYCLE = 3

export function drawScenario(random: SeededRandom): Scenario {
  const sources = Array.from({ length: random.chance(0.3) ? 2 : 1 }, () => random.pick(sourceKinds))
  return {
    inputs: 40 + randomBelow(random, 300),
    keys: random.pick([1, 3, 20, 100]),
    branches: random.pick([1, 2]),
    sources,
    stages: drawStages(random, 4),
    ratePerSecond: random.chance(0.9) ? random.pick([200, 400, 1000]) : undefined,
    maxParallelism: random.pick([4, 7, 16]),
    mode: random.chance(0.1) ? 'at-least-once' : 'exactly-once',
    checkpointMs: random.pick([5, 20, 60, 200]),
    minPauseMs: random.pick([0, 0, 5]),
    maxConcurrent: random.pick([1, 1, 2, 3]),
    numRetained: random.pick([1, 2, 3]),
    snapshotRows: random.pick([1, 1, 4, 64]),
  }
}

export function drawStages(random: SeededRandom, most: number): readonly StagePlan[] {
  return Array.from({ length: 1 + randomBelow(random, most) }, () => ({
    kind: random.pick(drawnKinds),
    width: random.pick(['same', 'same', 'same', 'one', 'other']),
    chain: random.pick(['always', 'always', 'never', 'start']),
  }))
}

/** Apart from the rest, so that a seed's job is the same with and without. */
export function drawUnaligned(random: SeededRandom): UnalignedPlan | undefined {
  if (!random.chance(0.5)) return undefined
  return {
    alignedTimeoutMs: random.pick([0, 0, 0, 2, 10]),
    sliceRecords: random.pick([1, 1, 3, 64]),
    limitBytes: random.chance(0.05) ? 300 : 1_000_000,
  }
}

/** Whether, where a stage counts, records of one key, split and branch must still stand in the order of their source. */
export function keepsOrder({ stages }: Scenario, at: number): boolean {
  let width: StagePlan['width'] = 'same'
  for (const [index, stage] of stages.entries()) {
    const isKeyed = stage.kind.startsWith('keyed')
    // Between different numbers of subtasks records without keys are dealt out in turn.
    if (!isKeyed && stage.kind !== 'global' && stage.width !== width) return false
    if (index === at) return stage.kind !== 'keyed-connected'
    if (reordering.has(stage.kind)) return false
    width = stage.width
  }
  return true
}

/** The subtasks of a stage where the job has `parallelism`. */
export function widthOf({ width }: StagePlan, parallelism: number): number | undefined {
  if (width === 'same') return undefined
  return width === 'one' ? 1 : 1 + (parallelism % 3)
}
