import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JobGraph, OperatorNode } from './graph.ts'
import { endToEndGuarantee, type Guarantee, type GuaranteeOptions } from './guarantee.ts'

const base = {
  uid: undefined,
  parallelism: undefined,
  maxParallelism: undefined,
  chaining: 'always',
  states: [],
  sides: [],
  onError: 'fail',
} as const

function source(id: number, replayable: boolean): OperatorNode {
  return { ...base, id, kind: 'source', name: `in ${id}`, stateId: `s${id}`, source: { connector: 'files', replayable, bounded: false } }
}

function sink(id: number, delivery: 'none' | 'at-least-once' | 'exactly-once'): OperatorNode {
  return { ...base, id, kind: 'sink', name: `out ${id}`, stateId: `s${id}`, sink: { connector: 'files', delivery } }
}

function graphOf(operators: readonly OperatorNode[], edges: readonly (readonly [number, number])[]): JobGraph {
  return {
    formatVersion: 1,
    name: 'test',
    params: {},
    operators,
    edges: edges.map(([from, to], id) => ({ id, from, output: { kind: 'main' }, to, input: 0, partitioning: 'forward' })),
    settings: { checkpointing: {}, restart: {} },
  }
}

const periodic: GuaranteeOptions = { interval: 1000, mode: 'exactly-once', storage: 'filesystem' }

const table: readonly (readonly [
  replayable: boolean,
  delivery: 'none' | 'at-least-once' | 'exactly-once',
  Partial<GuaranteeOptions>,
  Guarantee,
  RegExp,
])[] = [
  [true, 'exactly-once', {}, 'exactly-once', /commits with it/],
  [true, 'exactly-once', { interval: undefined }, 'exactly-once', /only when the job stops/],
  [true, 'exactly-once', { mode: 'at-least-once' }, 'at-least-once', /not aligned/],
  [true, 'exactly-once', { storage: 'memory' }, 'at-least-once', /in memory/],
  [true, 'at-least-once', {}, 'at-least-once', /"out 1" may repeat/],
  [true, 'none', {}, 'none', /"out 1" promises nothing/],
  [false, 'exactly-once', {}, 'at-most-once', /"in 0" cannot be read again/],
  [false, 'at-least-once', {}, 'at-most-once', /"in 0" cannot be read again/],
  [false, 'none', {}, 'none', /promises nothing/],
]

test('the guarantee of a path, and why', () => {
  for (const [replayable, delivery, options, guarantee, reason] of table) {
    const graph = graphOf([source(0, replayable), sink(1, delivery)], [[0, 1]])
    const result = endToEndGuarantee(graph, { ...periodic, ...options })
    assert.equal(result.guarantee, guarantee, JSON.stringify([replayable, delivery, options]))
    assert.match(result.paths[0]!.reason, reason)
  }
})

test('a job promises what its weakest path does, and a source counts only where it leads', () => {
  const operators = [source(0, true), source(1, false), sink(2, 'exactly-once'), sink(3, 'at-least-once')]
  const apart = endToEndGuarantee(
    graphOf(operators, [
      [0, 2],
      [1, 3],
    ]),
    periodic,
  )
  assert.deepEqual(
    apart.paths.map(({ source, sink, guarantee }) => [source, sink, guarantee]),
    [
      [0, 2, 'exactly-once'],
      [1, 3, 'at-most-once'],
    ],
  )
  assert.equal(apart.guarantee, 'at-most-once')
  assert.equal(endToEndGuarantee(graphOf(operators, [[0, 2]]), periodic).guarantee, 'exactly-once')
})
