/** What the lives of one job differ in, but for how and when each of them ends. */
import { randomBelow } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'
import { partsOf } from './apart.ts'
import type { LifePlan } from './live.ts'
import { drawOptionChanges } from './option-changes.ts'
import type { Scenario } from './scenario.ts'

const maxParallelisms = [3, 4, 5, 7, 16, 33] as const

/** Of a life after which no other one may differ. */
export function fixedParallelism({ lifetimes }: Scenario, before: LifePlan | undefined): number | undefined {
  return lifetimes?.finishes === true ? before?.parallelism : undefined
}

/** Undefined: any. */
export function nextParallelism(scenario: Scenario, random: SeededRandom, before: LifePlan | undefined): number | undefined {
  const fixed = fixedParallelism(scenario, before)
  if (fixed !== undefined || scenario.emphasis?.parallelism !== 'one-after-many') return fixed
  const isOne = before !== undefined && before.parallelism > 1 && random.chance(0.8)
  return isOne ? 1 : random.between(2, 3)
}

/** What users do besides stopping the job and taking savepoints. */
export function drawOrders(
  { orders, lifetimes }: Scenario,
  random: SeededRandom,
  { durationMs, savepointsAtMs = [] }: LifePlan,
  takesSavepoints: boolean,
): Partial<LifePlan> {
  const cancelAtMs = randomBelow(random, lifetimes !== undefined && random.chance(0.5) ? 60 : durationMs)
  const isCancelled = orders?.cancels === true && random.chance(0.3)
  return {
    ...(orders?.changesOptions === true ? { optionChanges: drawOptionChanges(random, durationMs) } : {}),
    ...(isCancelled ? { cancel: { atMs: cancelAtMs, retains: random.chance(0.7) } } : {}),
    ...(isCancelled && random.chance(0.4) ? { durationMs: cancelAtMs + random.pick([1, 3, 6, 12]) } : {}),
    // While everything is being opened.
    ...(lifetimes !== undefined && takesSavepoints && random.chance(0.4)
      ? { savepointsAtMs: [...savepointsAtMs, randomBelow(random, 60)] }
      : {}),
  }
}

/** What some lives differ in from those without savepoints. */
export function drawSavepoints(scenario: Scenario, random: SeededRandom, durationMs: number): Partial<LifePlan> {
  if (!random.chance(0.7)) return {}
  return {
    durationMs: durationMs + random.pick([0, 300, 600]),
    patient: random.chance(0.8),
    savepointsAtMs: Array.from({ length: random.pick([0, 1, 1, 3]) }, () => randomBelow(random, durationMs)),
    ...(random.chance(scenario.backends?.changes === true ? 0.5 : 0.3)
      ? { stopAtMs: randomBelow(random, durationMs), stopWithSavepoint: true }
      : {}),
    ...(random.chance(scenario.emphasis?.regroupChance ?? 0.2) ? drawMaxParallelism(scenario, random) : {}),
  }
}

/** Raw state by key group cannot be dealt out anew, and says so. */
export function drawMaxParallelism(scenario: Scenario, random: SeededRandom): Pick<LifePlan, 'maxParallelism'> {
  return partsOf(scenario).some(({ stages }) => stages.some(({ kind }) => kind === 'keyed-raw'))
    ? {}
    : { maxParallelism: random.pick(maxParallelisms) }
}
