/** Parts of a job that no records pass between: each is a region of its own, and fails and restarts without the others. */
import { randomBelow } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'
import { drawStages, type Scenario } from './scenario.ts'

/** A part beside the first one. */
export type ApartPlan = Pick<Scenario, 'inputs' | 'keys' | 'sources' | 'stages' | 'ratePerSecond'>

/** Apart from the rest, so that a seed's first part is the same with and without. */
export function drawApart(random: SeededRandom, chance = 0.35): readonly ApartPlan[] | undefined {
  if (!random.chance(chance)) return undefined
  return Array.from({ length: random.pick([1, 1, 2]) }, () => ({
    inputs: 40 + randomBelow(random, 150),
    keys: random.pick([1, 3, 20]),
    sources: [random.pick(['generator', 'collection', 'splits'] as const)],
    stages: drawStages(random, 2),
    ratePerSecond: random.pick([200, 400]),
  }))
}

/** All parts of a scenario, each as a scenario of its own. */
export function partsOf(scenario: Scenario): readonly Scenario[] {
  const { apart = [], ...first } = scenario
  return [first, ...apart.map((plan): Scenario => ({ ...first, ...plan, branches: 1 }))]
}

/** A name of the first part, as it is in another one. */
export function nameIn(part: number, name: string): string {
  return part === 0 ? name : `${name}-of-${part}`
}
