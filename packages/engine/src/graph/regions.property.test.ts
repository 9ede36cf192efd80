import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import type { ExecutionPlan } from './plan-types.ts'
import { regionsOf } from './regions.ts'

const plans = fc
  .integer({ min: 1, max: 12 })
  .chain((count) =>
    fc
      .array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 14 })
      .map((edges) => ({ count, edges: edges.filter(([from, to]) => from < to) })),
  )

function planOf(count: number, edges: readonly (readonly [number, number])[]): ExecutionPlan {
  const tasks = Array.from({ length: count }, (_, id) => ({ id }))
  return { tasks, exchanges: edges.map(([from, to], id) => ({ id, from, to })) } as unknown as ExecutionPlan
}

it('tasks are in one region exactly if a path of exchanges, in whatever direction, lies between them', () => {
  fc.assert(
    fc.property(plans, ({ count, edges }) => {
      const regions = regionsOf(planOf(count, edges), 'region')
      const regionOf = new Map(regions.flatMap(({ id, tasks }) => tasks.map((task) => [task, id] as const)))
      assert.equal(regionOf.size, count, 'each task is in one region')
      for (let task = 0; task < count; task++) {
        const reached = reachable(task, edges)
        for (let other = 0; other < count; other++) assert.equal(regionOf.get(task) === regionOf.get(other), reached.has(other))
      }
      assert.deepEqual(
        regions.map(({ id }) => id),
        regions.map((_, index) => index),
      )
      assert.deepEqual(
        regions.map(({ tasks }) => tasks[0]),
        regions.map(({ tasks }) => tasks[0]!).toSorted((a, b) => a - b),
        'in the order of their first tasks',
      )
    }),
    { numRuns: 200 },
  )
})

it('with the strategy full there is one region of all tasks', () => {
  assert.deepEqual(regionsOf(planOf(3, []), 'full'), [{ id: 0, tasks: [0, 1, 2] }])
  assert.equal(regionsOf(planOf(3, []), 'region').length, 3)
})

function reachable(start: number, edges: readonly (readonly [number, number])[]): ReadonlySet<number> {
  const reached = new Set([start])
  for (let size = 0; size !== reached.size;) {
    size = reached.size
    for (const [from, to] of edges) {
      if (reached.has(from)) reached.add(to)
      if (reached.has(to)) reached.add(from)
    }
  }
  return reached
}
