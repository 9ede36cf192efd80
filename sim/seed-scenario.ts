/** The scenario that a seed stands for: what has to do with one dimension is drawn apart from the rest, so that the others stay as they are when it changes. */
import { SeededRandom } from '@millrace/testkit'
import { drawApart } from './apart.ts'
import { drawBackends } from './backends.ts'
import { emphasize } from './emphasis.ts'
import { drawLifetimes, withFinish } from './lifetimes.ts'
import { drawCopies } from './local-copies.ts'
import { drawObjects } from './object-folder.ts'
import { drawScenario, drawUnaligned, type Scenario } from './scenario.ts'

/** Far from the seeds of the rest. */
const UNALIGNED_SEEDS = 2_000_000_011
export const BACKEND_SEEDS = 3_000_000_019
const APART_SEEDS = 4_000_000_007
const SURROUNDING_SEEDS = 5_000_000_029

export function scenarioOf(seed: number): Scenario {
  const scenario = drawScenario(new SeededRandom(seed).fork())
  const unaligned = drawUnaligned(new SeededRandom(seed + UNALIGNED_SEEDS))
  const backends = drawBackends(new SeededRandom(seed + BACKEND_SEEDS))
  const apart = drawApart(new SeededRandom(seed + APART_SEEDS))
  const random = new SeededRandom(seed + SURROUNDING_SEEDS)
  const lifetimes = drawLifetimes(random)
  const copies = drawCopies(random)
  const objects = drawObjects(random)
  const drawn: Scenario = {
    ...scenario,
    ...(unaligned === undefined || scenario.mode !== 'exactly-once' ? {} : { maxConcurrent: 1, unaligned }),
    ...(backends === undefined ? {} : { backends }),
    ...(apart === undefined ? {} : { apart }),
    ...(lifetimes === undefined ? {} : { lifetimes }),
    ...(copies === undefined ? {} : { copies }),
    ...(objects === undefined ? {} : { objects }),
    orders: { changesOptions: random.chance(0.4), cancels: random.chance(0.25) },
  }
  return withFinish(emphasize(drawn, random), random)
}
