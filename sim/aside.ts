/** What came of a life, and what would come of the job if it went on from somewhere else: in a copy of the world, to its end. */
import { nameIn, partsOf } from './apart.ts'
import { OUT } from './job.ts'
import type { Ledger } from './ledger.ts'
import { live, type LifeOutcome, type LifePlan } from './live.ts'
import { checkRows, readPublished } from './oracle.ts'
import type { Scenario } from './scenario.ts'
import type { World } from './world.ts'

export interface Aside {
  /** A copy. */
  readonly world: World
  readonly scenario: Scenario
  /** A copy too, rewound. */
  readonly ledger: Ledger
  readonly plan: Pick<LifePlan, 'parallelism' | 'restore' | 'maxParallelism' | 'backend' | 'keepsCopies'>
  /** Of what it goes on from, for messages. */
  readonly name: string
}

/** @throws where it does not come to its end, or to another one than it should. */
export async function runAside({ world, scenario, ledger, plan, name }: Aside): Promise<void> {
  const calm = { ...plan, calm: true, durationMs: Infinity, stopAtMs: undefined, ambush: undefined }
  try {
    const outcome = await live({ world, scenario, ledger, plan: calm, mutation: undefined, reached: () => {} })
    checkOutcome(outcome, calm)
    await checkPublished(scenario, world, ledger)
  } catch (error) {
    throw new Error(`restored from ${name} aside, at max parallelism ${plan.maxParallelism ?? 'unchanged'}`, { cause: error })
  }
}

export function checkOutcome({ result, violations, stormy }: LifeOutcome, plan: LifePlan): void {
  if (violations.length > 0) throw new Error(violations[0])
  if (result?.state === 'failed' && !stormy && plan.stopAtMs === undefined) throw result.failure.error
  if (result === undefined && plan.calm) throw new Error('a calm life did not end')
}

export async function checkPublished(scenario: Scenario, world: World, ledger: Ledger): Promise<void> {
  for (const [part, each] of partsOf(scenario).entries())
    checkRows(each, await world.wait(readPublished(world.disk, nameIn(part, OUT), ledger)))
}
