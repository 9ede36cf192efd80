import type { ExecutionPlan } from './plan-types.ts'

/** What fails and restarts together. */
export type FailoverStrategy = 'region' | 'full'

/** Tasks between which records pass, directly or through others: no record comes to it from another region, and none goes to one. */
export interface Region {
  /** Place in the order of the plan, from 0. */
  readonly id: number
  /** Task ids, ascending. */
  readonly tasks: readonly number[]
}

/**
 * The regions of a plan (source: FLIP-1, where every exchange is pipelined): its connected components, in the order of their first tasks. With `full` all tasks are
 * one region, whether they are connected or not.
 */
export function regionsOf({ tasks, exchanges }: ExecutionPlan, strategy: FailoverStrategy): readonly Region[] {
  if (strategy === 'full') return [{ id: 0, tasks: tasks.map(({ id }) => id) }]
  const regionOf = tasks.map(({ id }) => id)
  const find = (task: number): number => (regionOf[task] === task ? task : find(regionOf[task]!))
  for (const { from, to } of exchanges) {
    const [first, second] = [find(from), find(to)].toSorted((a, b) => a - b)
    regionOf[second!] = first!
  }
  const members = Map.groupBy(
    tasks.map(({ id }) => id),
    find,
  )
  return [...members.values()].map((ids, id) => ({ id, tasks: ids }))
}
