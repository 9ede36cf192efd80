import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { fingerprint } from './fingerprint.ts'
import type { EdgeNode, JobGraph, OperatorKind, OperatorNode, Partitioning } from './graph.ts'
import { isKeyed, planJob, type PlanOptions } from './plan.ts'
import type { ExecutionPlan } from './plan-types.ts'
import { stateIds } from './state-id.ts'

const kinds: readonly OperatorKind[] = [
  'map',
  'filter',
  'process',
  'keyed-process',
  'co-process',
  'keyed-co-process',
  'broadcast-process',
  'sink',
]

/** One operator: what it is, which earlier ones feed it, and its settings. Numbers are taken modulo what there is. */
const step = fc.record({
  kind: fc.constantFrom(...kinds),
  inputs: fc.array(fc.nat(50), { minLength: 1, maxLength: 3 }),
  second: fc.nat(50),
  partitioning: fc.constantFrom<Partitioning>('forward', 'forward', 'forward', 'hash', 'rebalance', 'broadcast', 'custom', 'global'),
  parallelism: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined, freq: 2 }),
  maxParallelism: fc.option(fc.constantFrom(64, 128), { nil: undefined, freq: 2 }),
  chaining: fc.constantFrom<OperatorNode['chaining']>('always', 'always', 'always', 'never', 'start'),
  uid: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function graphOf(steps: readonly Step[]): JobGraph {
  const base = { maxParallelism: undefined, states: [], sides: [], onError: 'fail' as const }
  const operators: Omit<OperatorNode, 'stateId'>[] = [
    { ...base, id: 0, kind: 'source', name: 'source', uid: undefined, parallelism: undefined, chaining: 'always' },
  ]
  const edges: EdgeNode[] = []
  const connect = (from: number, to: number, input: 0 | 1, partitioning: Partitioning): void => {
    edges.push({
      id: edges.length,
      from,
      output: { kind: 'main' },
      to,
      input,
      partitioning,
      ...(partitioning === 'forward' ? {} : { chosen: true }),
    })
  }
  for (const { kind, inputs, second, partitioning, parallelism, maxParallelism, chaining, uid } of steps) {
    const id = operators.length
    const emitting = operators.filter((operator) => operator.kind !== 'sink').map((operator) => operator.id)
    const pick = (n: number): number => emitting[n % emitting.length]!
    const keyed = kind.startsWith('keyed')
    for (const from of new Set(inputs.map(pick))) connect(from, id, 0, keyed ? 'hash' : partitioning)
    if (kind.endsWith('co-process')) connect(pick(second), id, 1, keyed ? 'hash' : 'forward')
    if (kind === 'broadcast-process') connect(pick(second), id, 1, 'broadcast')
    operators.push({ ...base, id, kind, name: kind, uid: uid ? `uid-${id}` : undefined, parallelism, maxParallelism, chaining })
  }
  const ids = stateIds(operators, edges)
  return {
    formatVersion: 1,
    name: 'random',
    params: {},
    operators: operators.map((operator, index) => ({ ...operator, stateId: ids[index]! })),
    edges,
    settings: { checkpointing: {}, restart: {} },
  }
}

const graphs = fc.array(step, { minLength: 1, maxLength: 14 }).map(graphOf)
const options = fc.record({
  parallelism: fc.integer({ min: 1, max: 4 }),
  chaining: fc.boolean(),
  encodeAll: fc.boolean(),
  batchKeyed: fc.boolean(),
})

const parallelismOf = (operator: OperatorNode, { parallelism }: PlanOptions): number => operator.parallelism ?? parallelism
const taskOf = (plan: ExecutionPlan, operator: number): number => plan.tasks.findIndex((task) => task.operators.includes(operator))

function forAll(check: (graph: JobGraph, plan: ExecutionPlan, options: PlanOptions) => void): void {
  fc.assert(
    fc.property(graphs, options, (graph, given) => check(graph, planJob(graph, given), given)),
    { numRuns: 300 },
  )
}

test('every operator is in one task, every edge is either chained or an exchange', () => {
  forAll((graph, plan) => {
    assert.deepEqual(
      plan.tasks.flatMap((task) => task.operators).sort((a, b) => a - b),
      graph.operators.map((operator) => operator.id),
    )
    const chained = plan.tasks.flatMap((task) => task.chainedEdges)
    const exchanged = plan.exchanges.map((exchange) => exchange.edge)
    assert.deepEqual(
      [...chained, ...exchanged].sort((a, b) => a - b),
      graph.edges.map((edge) => edge.id),
    )
  })
})

test('a chain is connected from its head, which alone is fed by exchanges', () => {
  forAll((graph, plan) => {
    for (const task of plan.tasks) {
      const edges = task.chainedEdges.map((edge) => graph.edges[edge]!)
      const reached = new Set([task.operators[0]])
      for (const operator of task.operators.slice(1)) {
        const inputs = graph.edges.filter((edge) => edge.to === operator)
        assert.ok(inputs.length > 0 && inputs.every((edge) => edges.includes(edge) && reached.has(edge.from)), `operator ${operator}`)
        reached.add(operator)
      }
      assert.ok(task.inputs.every((exchange) => graph.edges[plan.exchanges[exchange]!.edge]!.to === task.operators[0]))
    }
  })
})

test('operators of a chain have one parallelism, and those with keys one number of key groups', () => {
  forAll((graph, plan, given) => {
    for (const task of plan.tasks) {
      for (const operator of task.operators.map((id) => graph.operators[id]!)) {
        assert.equal(parallelismOf(operator, given), task.parallelism)
        if (isKeyed(operator) || operator.maxParallelism !== undefined) assert.equal(operator.maxParallelism ?? 128, task.maxParallelism)
      }
    }
  })
})

test('a chained edge could be a direct call, and an exchange has a reason', () => {
  forAll((graph, plan, given) => {
    const exchanged = new Map(plan.exchanges.map((exchange) => [exchange.edge, exchange]))
    for (const edge of graph.edges) {
      const [from, to] = [graph.operators[edge.from]!, graph.operators[edge.to]!]
      const equal = parallelismOf(from, given) === parallelismOf(to, given)
      const withoutChoice = parallelismOf(to, given) === 1 && edge.partitioning !== 'custom'
      const single = equal && withoutChoice && given.encodeAll !== true && !(given.batchKeyed === true && isKeyed(to))
      const asked = given.chaining !== false && from.chaining !== 'never' && to.chaining === 'always'
      const twoInputs = graph.edges.some((other) => other.to === to.id && other.input === 1)
      const direct = asked && equal && !twoInputs && (edge.partitioning === 'forward' || single)
      const exchange = exchanged.get(edge.id)
      if (exchange === undefined) assert.ok(direct, `edge ${edge.id} is chained`)
      else if (direct && graph.edges.filter((other) => other.to === to.id).length === 1) {
        const groups = plan.tasks[exchange.from]!.maxParallelism
        assert.notEqual(groups, plan.tasks[exchange.to]!.maxParallelism, `edge ${edge.id} is an exchange`)
      }
      if (exchange !== undefined) {
        assert.equal(exchange.partitioning, edge.partitioning === 'forward' && !equal ? 'rebalance' : edge.partitioning)
      }
    }
  })
})

test('tasks are in topological order, and know their exchanges', () => {
  forAll((graph, plan) => {
    for (const { id, edge, from, to } of plan.exchanges) {
      assert.ok(from < to)
      assert.equal(taskOf(plan, graph.edges[edge]!.from), from)
      assert.equal(taskOf(plan, graph.edges[edge]!.to), to)
      assert.ok(plan.tasks[from]!.outputs.includes(id) && plan.tasks[to]!.inputs.includes(id))
    }
    assert.equal(plan.tasks.flatMap((task) => task.inputs).length, plan.exchanges.length)
    assert.equal(plan.tasks.flatMap((task) => task.outputs).length, plan.exchanges.length)
  })
})

test('the same graph gives the same plan, through JSON as well, and a plan is frozen', () => {
  forAll((graph, plan, given) => {
    const copy = JSON.parse(JSON.stringify(graph)) as JobGraph
    assert.equal(fingerprint(copy), plan.fingerprint)
    assert.equal(JSON.stringify(planJob(copy, given)), JSON.stringify(plan))
    assert.ok(Object.isFrozen(plan) && Object.isFrozen(plan.tasks) && plan.tasks.every(Object.isFrozen))
  })
})

test('ids of operators are unique, and an operator with a uid shields those after it from changes before it', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 10 }), (steps) => {
      const ids = graphOf(steps).operators.map((operator) => operator.stateId)
      assert.equal(new Set(ids).size, ids.length)
      const [first, ...rest] = steps.map((each, index) =>
        index === 0 ? { ...each, uid: true, kind: 'map' as const } : { ...each, inputs: [1], second: 1 },
      )
      const changed = { ...first!, partitioning: 'rebalance' as const }
      const idsAfter = (head: Step): readonly string[] =>
        graphOf([head, ...rest.filter((each) => each.kind !== 'sink')])
          .operators.map((operator) => operator.stateId)
          .slice(1)
      assert.deepEqual(idsAfter({ ...first!, partitioning: 'forward' }), idsAfter(changed))
    }),
    { numRuns: 200 },
  )
})
