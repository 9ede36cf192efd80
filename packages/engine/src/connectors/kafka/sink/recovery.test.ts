import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { KafkaSinkHandle, PreparedTransaction } from './handle.ts'
import { fateOf, idsToFence, idsToProbe, prefixesToSearch, type RecoveringWriter } from './recovery.ts'
import { checkTransactionTimes } from './timeouts.ts'
import { ownPrefix, parseTransactionalId, transactionalIdOf } from './transactional-id.ts'

const runs = ['00000001', '00000002', '00000003', '00000004']
const id = (subtask: number, attempt: number, run: string, number = 0): string => transactionalIdOf('p', { subtask, attempt, run, number })

function handle(subtask: number, parallelism: number, transactions: readonly PreparedTransaction[] = []): KafkaSinkHandle {
  const run = runs[subtask]!
  return { kind: 'kafka-sink', version: 1, prefix: 'p', subtask, parallelism, attempt: 3, run, ids: 2, transactions }
}

function writer(subtask: number, parallelism: number, restoring: boolean | undefined = true): RecoveringWriter {
  return { prefix: 'p', subtask, parallelism, attempt: 5, run: 'ffffffff', restoring }
}

void test('names are read back, and only under their own prefix', () => {
  const hex = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((n) => n.toString(16).padStart(8, '0'))
  const name = fc.record({ subtask: fc.nat(100), attempt: fc.nat(), run: hex, number: fc.nat() }, { noNullPrototype: true })
  const prefix = fc.constantFrom('a', 'a-1', 'a-1-2', 'a-1-2-0000000f', 'orders & alerts')
  fc.assert(
    fc.property(prefix, prefix, name, (own, other, given) => {
      assert.deepEqual(parseTransactionalId(own, transactionalIdOf(own, given)), given)
      if (own !== other) assert.equal(parseTransactionalId(other, transactionalIdOf(own, given)), undefined)
    }),
    { numRuns: 200 },
  )
})

void test('sinks that were given no prefix never have one in common', () => {
  const names = ['a', 'a-b', 'a-b-c', 'a.b', 'a b']
  const ids = ['c', 'b-c', 'b/c', '/c', 'auto-0']
  const prefixes = names.flatMap((name) => ids.map((id) => ownPrefix(name, id)))
  assert.equal(new Set(prefixes).size, prefixes.length)
})

void test('every open transaction of a former life is fenced by exactly one writer, and none of those at work', () => {
  const handles = [handle(0, 2), handle(1, 2)]
  const left = [id(0, 3, runs[0]!), id(1, 3, runs[1]!, 7), id(0, 4, 'aaaaaaaa'), id(3, 4, 'bbbbbbbb'), id(1, 2, 'cccccccc')]
  const atWork = [id(0, 5, 'ffffffff'), id(1, 5, 'eeeeeeee'), 'p-0-5-x-0', 'another-0-3-00000001-0']
  for (const shares of [
    [[handles[0]!], [handles[1]!]],
    [handles, []],
    [[], [], handles],
  ]) {
    const fenced = shares.flatMap((share, subtask) => idsToFence([...left, ...atWork], 'p', writer(subtask, shares.length), share))
    assert.deepEqual(fenced.toSorted(), left.toSorted())
  }
})

void test('without a checkpoint all that is left is fenced, each id once; without knowing, nothing', () => {
  const left = [id(0, 3, runs[0]!), id(1, 9, runs[1]!), id(5, 5, runs[2]!)]
  const fenced = [0, 1].flatMap((subtask) => idsToFence(left, 'p', writer(subtask, 2, false), []))
  assert.deepEqual(fenced.toSorted(), left.toSorted())
  assert.deepEqual(idsToFence(left, 'p', writer(0, 1, undefined), []), [])
  assert.deepEqual(prefixesToSearch(writer(0, 1, true), []), [])
  assert.deepEqual(prefixesToSearch({ ...writer(0, 1, true), prefix: 'new' }, [handle(0, 1)]), ['new', 'p'])
})

void test('ids to look through are those of each run, by its newest handle', () => {
  const [ids, ...others] = idsToProbe([handle(0, 1), { ...handle(0, 1), ids: 4 }])
  assert.equal(others.length, 0)
  assert.equal(ids!.numKnown, 4)
  assert.equal(ids!.id(4), id(0, 3, runs[0]!, 4))
})

void test('only a witness of the same or a later checkpoint proves a commit', () => {
  const prepared = { checkpointId: 7 } as PreparedTransaction
  assert.deepEqual(
    [undefined, 6, 7, 8].map((witness) => fateOf(prepared, witness)),
    ['lost', 'lost', 'committed', 'committed'],
  )
})

void test('a time-out that is too short is refused, with what it takes', () => {
  const times = { checkpointIntervalMs: 1_000, checkpointTimeoutMs: 600_000, toleratedDowntimeMs: 60_000 }
  checkTransactionTimes({ ...times, transactionTimeoutMs: 661_000 })
  assert.throws(() => checkTransactionTimes({ ...times, transactionTimeoutMs: 660_999 }), {
    code: 'KAFKA_SINK_TIMEOUT_TOO_SHORT',
    message: /must be 661s at least: checkpoint interval 1s \+ checkpoint timeout 10m \+ toleratedDowntime 1m/,
  })
})
