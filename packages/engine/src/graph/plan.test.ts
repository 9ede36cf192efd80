import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fingerprint } from './fingerprint.ts'
import type { EdgeNode, JobGraph, OperatorKind, OperatorNode, Partitioning } from './graph.ts'
import { defaultMaxParallelism } from './max-parallelism.ts'
import { planJob, type PlanOptions } from './plan.ts'

type Settings = Partial<Omit<OperatorNode, 'id' | 'kind'>>
type Edge = readonly [from: number, to: number, settings?: Partial<EdgeNode>]

function graphOf(operators: readonly (readonly [OperatorKind, Settings?])[], edges: readonly Edge[]): JobGraph {
  return {
    formatVersion: 1,
    name: 'test',
    params: {},
    operators: operators.map(([kind, settings], id) => ({
      id,
      kind,
      name: `${kind} ${id}`,
      uid: undefined,
      stateId: `s${id}`,
      parallelism: undefined,
      maxParallelism: undefined,
      chaining: 'always',
      states: [],
      sides: [],
      onError: 'fail',
      ...settings,
    })),
    edges: edges.map(([from, to, settings], id) => ({
      id,
      from,
      output: { kind: 'main' },
      to,
      input: 0,
      partitioning: 'forward',
      ...settings,
    })),
    settings: { checkpointing: {}, restart: {} },
  }
}

const chains = (graph: JobGraph, options: PlanOptions): readonly (readonly number[])[] =>
  planJob(graph, options).tasks.map((task) => task.operators)
const line = (...settings: readonly Settings[]): JobGraph =>
  graphOf(
    settings.map((each, id) => [id === 0 ? 'source' : 'map', each] as const),
    settings.slice(1).map((_, id) => [id, id + 1] as const),
  )

test('a line of forward edges is one chain, at any parallelism', () => {
  assert.deepEqual(chains(line({}, {}, {}), { parallelism: 1 }), [[0, 1, 2]])
  assert.deepEqual(chains(line({}, {}, {}), { parallelism: 4 }), [[0, 1, 2]])
  assert.equal(planJob(line({}, {}), { parallelism: 1 }).tasks[0]!.name, 'source 0 -> map 1')
})

test('chain control cuts on the sides it names', () => {
  assert.deepEqual(chains(line({}, { chaining: 'never' }, {}), { parallelism: 1 }), [[0], [1], [2]])
  assert.deepEqual(chains(line({}, { chaining: 'start' }, {}), { parallelism: 1 }), [[0], [1, 2]])
  assert.deepEqual(chains(line({}, {}, {}), { parallelism: 1, chaining: false }), [[0], [1], [2]])
})

test('forward by default becomes rebalance where parallelisms differ; forward by choice is an error', () => {
  const graph = line({ parallelism: 1 }, {})
  assert.deepEqual(planJob(graph, { parallelism: 2 }).exchanges, [{ id: 0, edge: 0, from: 0, to: 1, partitioning: 'rebalance' }])
  const chosen = graphOf([['source', { parallelism: 1 }], ['map']], [[0, 1, { chosen: true }]])
  assert.throws(() => planJob(chosen, { parallelism: 2 }), { code: 'FORWARD_PARALLELISM' })
  assert.deepEqual(chains(chosen, { parallelism: 1 }), [[0, 1]])
})

test('between single subtasks a hash edge is a direct call, unless all is to be encoded, or rows are looked up ahead', () => {
  const graph = graphOf(
    [['source'], ['map'], ['keyed-process'], ['sink']],
    [
      [0, 1],
      [1, 2, { partitioning: 'hash', chosen: true }],
      [2, 3],
    ],
  )
  assert.deepEqual(chains(graph, { parallelism: 1 }), [[0, 1, 2, 3]])
  for (const reason of ['encodeAll', 'batchKeyed'])
    assert.deepEqual(chains(graph, { parallelism: 1, [reason]: true }), [
      [0, 1],
      [2, 3],
    ])
  assert.deepEqual(chains(graph, { parallelism: 2 }), [
    [0, 1],
    [2, 3],
  ])
})

test('between single subtasks every partitioning is a direct call, but a function, which is asked', () => {
  const between = (partitioning: Partitioning): JobGraph => graphOf([['source'], ['map']], [[0, 1, { partitioning, chosen: true }]])
  for (const partitioning of ['rebalance', 'rescale', 'shuffle', 'global', 'broadcast'] as const)
    assert.deepEqual(chains(between(partitioning), { parallelism: 1 }), [[0, 1]], partitioning)
  assert.deepEqual(chains(between('custom'), { parallelism: 1 }), [[0], [1]])
})

test('a union from within one chain stays in it; from two chains it heads a new one', () => {
  const diamond = graphOf(
    [['source'], ['map'], ['filter'], ['map']],
    [
      [0, 1],
      [0, 2],
      [1, 3],
      [2, 3],
    ],
  )
  assert.deepEqual(chains(diamond, { parallelism: 2 }), [[0, 1, 2, 3]])
  const two = graphOf(
    [['source'], ['source'], ['map']],
    [
      [0, 2],
      [1, 2],
    ],
  )
  const plan = planJob(two, { parallelism: 2 })
  assert.deepEqual(
    plan.tasks.map((task) => [task.operators, task.inputs, task.outputs]),
    [
      [[0], [], [0]],
      [[1], [], [1]],
      [[2], [0, 1], []],
    ],
  )
})

test('an operator with two inputs heads a chain, even where both come from the same', () => {
  const graph = graphOf(
    [['source'], ['co-process'], ['sink']],
    [
      [0, 1],
      [0, 1, { input: 1 }],
      [1, 2],
    ],
  )
  assert.deepEqual(chains(graph, { parallelism: 1 }), [[0], [1, 2]])
})

test('key groups: the operator, the job, or the default; operators that differ are not chained', () => {
  const hash = { partitioning: 'hash', chosen: true } as const
  const graph = graphOf(
    [['source'], ['keyed-process', { maxParallelism: 64 }], ['map'], ['keyed-process']],
    [
      [0, 1, hash],
      [1, 2],
      [2, 3, hash],
    ],
  )
  const groups = (options: PlanOptions): readonly unknown[] =>
    planJob(graph, options).tasks.map((task) => [task.operators, task.maxParallelism])
  assert.deepEqual(groups({ parallelism: 1 }), [
    [[0, 1, 2], 64],
    [[3], 128],
  ])
  assert.deepEqual(groups({ parallelism: 1, maxParallelism: 64 }), [[[0, 1, 2, 3], 64]])
  assert.deepEqual(groups({ parallelism: 1, maxParallelism: 4096 }), [
    [[0, 1, 2], 64],
    [[3], 4096],
  ])
})

test('impossible parallelisms are refused', () => {
  const graph = graphOf([['source'], ['keyed-process', { maxParallelism: 4 }]], [[0, 1, { partitioning: 'hash' }]])
  assert.throws(() => planJob(graph, { parallelism: 5 }), { code: 'PARALLELISM_ABOVE_MAX' })
  assert.throws(() => planJob(line({}), { parallelism: 5, maxParallelism: 4 }), { code: 'PARALLELISM_ABOVE_MAX' })
  for (const parallelism of [0, -1, 1.5, Number.NaN, 32_769]) {
    assert.throws(() => planJob(graph, { parallelism }), { code: 'ARGUMENT_INVALID' })
    assert.throws(() => planJob(graph, { parallelism: 1, maxParallelism: parallelism }), { code: 'ARGUMENT_INVALID' })
  }
})

test('the default number of key groups is that of Flink', () => {
  const expected = [
    [1, 128],
    [85, 128],
    [86, 256],
    [128, 256],
    [170, 256],
    [171, 256],
    [172, 512],
    [1000, 2048],
    [21_845, 32_768],
    [32_768, 32_768],
  ] as const
  for (const [parallelism, groups] of expected) assert.equal(defaultMaxParallelism(parallelism), groups, `parallelism ${parallelism}`)
})

test('the fingerprint tells every change of structure apart', () => {
  const variants = [
    line({}, {}),
    line({}, {}, {}),
    line({}, { name: 'other' }),
    line({}, { parallelism: 2 }),
    line({}, { maxParallelism: 64 }),
    line({}, { chaining: 'never' }),
    line({}, { stateId: 'other' }),
    line({}, { states: [{ name: 'a', kind: 'value', version: 1 }] }),
    line({}, { states: [{ name: 'a', kind: 'list', version: 1 }] }),
    line({}, { states: [{ name: 'a', kind: 'value', version: 2 }] }),
    line({}, { timers: true }),
    line({}, { sides: ['late'] }),
    line({}, { onError: 'side' }),
    line({ source: { connector: 'files', replayable: true, bounded: true } }, {}),
    line({ source: { connector: 'files', replayable: false, bounded: true } }, {}),
    graphOf([['source'], ['map']], [[0, 1, { partitioning: 'rebalance' }]]),
    graphOf([['source'], ['map']], [[0, 1, { chosen: true }]]),
    graphOf([['source'], ['map']], [[0, 1, { output: { kind: 'failures' } }]]),
    { ...line({}, {}), name: 'other' },
  ]
  assert.equal(new Set(variants.map(fingerprint)).size, variants.length)
  assert.equal(fingerprint({ ...line({}, {}), params: { limit: 1 } }), fingerprint(line({}, {})))
})
