import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { discard } from '../connectors/discard.ts'
import { planJob } from '../graph/plan.ts'
import { buildJob } from './build-job.ts'
import { defineJob, type Job } from './job.ts'
import { map, value } from './state.ts'
import type { Stream, StreamView } from './stream.ts'
import { type } from './types.ts'

/** One call of the API: `a` and `b` say which streams it is on, modulo how many there are. */
const step = fc.record({
  call: fc.constantFrom(
    'map',
    'filter',
    'flatMap',
    'count',
    'process',
    'keyed',
    'union',
    'connect',
    'keyed-connect',
    'broadcast',
    'partition',
    'sink',
  ),
  a: fc.nat(50),
  b: fc.nat(50),
  parallelism: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  uid: fc.boolean(),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function jobOf(steps: readonly Step[]): Job {
  return defineJob('random', (env) => {
    const streams: StreamView<number>[] = [env.fromCollection([1, 2, 3], { uid: 'source' })]
    for (const [index, { call, a, b, parallelism, uid }] of steps.entries()) {
      const left = streams[a % streams.length]!
      const right = streams[b % streams.length]!
      const settings = (stream: Stream<number>): void => {
        if (parallelism !== undefined) stream.parallelism(parallelism)
        if (uid) stream.uid(`uid ${index}`)
        streams.push(stream)
      }
      if (call === 'map') settings(left.map((n) => n + 1))
      if (call === 'filter') settings(left.filter((n) => n > 1))
      if (call === 'flatMap') settings(left.flatMap((n) => [n, n]))
      if (call === 'count')
        settings(
          left
            .keyBy((n) => n)
            .count()
            .map((each) => each.count),
        )
      if (call === 'process') settings(left.process({ emits: type<number>(), onElement: (n, ctx) => ctx.emit(n) }))
      if (call === 'keyed') {
        const output = left
          .keyBy((n) => n % 2)
          .process({
            emits: type<number>(),
            sides: { odd: type<number>() },
            state: { last: value<number>() },
            onElement: (n, ctx) => ctx.emit(n),
          })
        settings(output)
        streams.push(output.side.odd)
      }
      if (call === 'connect')
        settings(
          left.connect(right).map(
            (n) => n,
            (n) => n,
          ),
        )
      if (call === 'keyed-connect') {
        const fn = { emits: type<number>(), onLeft: () => {}, onRight: () => {} }
        settings(
          left
            .keyBy((n) => n)
            .connect(right.keyBy((n) => n))
            .process(fn),
        )
      }
      if (call === 'broadcast') {
        const rules = right.broadcast({ rules: map<string, number>() })
        settings(left.connect(rules).process({ emits: type<number>(), onElement: () => {}, onBroadcast: () => {} }))
      }
      if (call === 'partition') streams.push(left.partition(b % 2 === 0 ? 'shuffle' : (n, partitions) => n % partitions))
      if (call === 'union') {
        try {
          streams.push(left.union(right))
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, 'UNION_REPEATED')
        }
      }
      if (call === 'sink') left.sinkTo(discard())
    }
    streams.at(-1)!.sinkTo(discard())
  })
}

test('a rebuilt job has the same graph, ids, fingerprint and plan, and functions for all of it', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), fc.integer({ min: 1, max: 3 }), (steps, parallelism) => {
      const [first, second] = [buildJob(jobOf(steps)), buildJob(jobOf(steps))]
      assert.deepEqual(second.graph, first.graph)
      assert.deepEqual(planJob(second.graph, { parallelism }), planJob(first.graph, { parallelism }))
      const { graph, functions } = first
      const ids = graph.operators.map((operator) => operator.stateId)
      assert.equal(new Set(ids).size, ids.length)
      assert.deepEqual(
        [...functions.operators.keys()],
        graph.operators.map((operator) => operator.id),
      )
      for (const { id, from, to, partitioning } of graph.edges) {
        assert.ok(from < to)
        assert.equal(functions.keySelectors.has(id), partitioning === 'hash')
        assert.equal(functions.partitioners.has(id), partitioning === 'custom')
        if (graph.operators[to]!.kind.startsWith('keyed-')) assert.equal(partitioning, 'hash')
      }
    }),
    { numRuns: 150 },
  )
})
