import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeMorePartitions, placeTopic, PARTITIONS_MAX, type ClusterFacts, type NewTopic } from './topic-decisions.ts'

const facts: ClusterFacts = { brokers: [1, 2, 3], topics: new Set(['there', 'a.b']), deletions: new Set(['going']), firstBroker: 2 }
const kindOf = (wanted: NewTopic): string => {
  const placed = placeTopic(wanted, facts)
  return 'problem' in placed ? placed.kind : 'placed'
}

void test('replicas of partitions go round the brokers, each partition beginning one further', () => {
  assert.deepEqual(placeTopic({ name: 'new', partitionCount: 4, replicationFactor: 2 }, facts), [
    [2, 3],
    [3, 1],
    [1, 2],
    [2, 3],
  ])
  assert.deepEqual(placeMorePartitions([[1, 2]], 3, undefined, facts), [
    [3, 1],
    [1, 2],
  ])
})

void test('a topic is refused for its name, its numbers and its assignments', () => {
  assert.equal(kindOf({ name: 'there' }), 'exists')
  assert.equal(kindOf({ name: 'going' }), 'exists')
  for (const name of ['', '.', '..', 'a/b', 'ü', 'x'.repeat(250), 'a_b']) assert.equal(kindOf({ name }), 'name', name)
  assert.equal(kindOf({ name: 'x'.repeat(249) }), 'placed')
  assert.equal(kindOf({ name: 'new', partitionCount: 0 }), 'partitions')
  assert.equal(kindOf({ name: 'new', partitionCount: PARTITIONS_MAX + 1 }), 'policy')
  assert.equal(kindOf({ name: 'new', replicationFactor: 0 }), 'replication')
  assert.equal(kindOf({ name: 'new', replicationFactor: 4 }), 'replication')
  assert.equal(
    kindOf({
      name: 'new',
      assignments: [
        [3, 1],
        [2, 1],
      ],
    }),
    'placed',
  )
  for (const assignments of [[[]], [[1, 1]], [[4]], [[1], [1, 2]]]) assert.equal(kindOf({ name: 'new', assignments }), 'assignment')
})

void test('a topic only grows', () => {
  const more = (count: number, assignments?: number[][]): string => {
    const placed = placeMorePartitions([[1], [2]], count, assignments, facts)
    return 'problem' in placed ? placed.kind : 'placed'
  }
  assert.deepEqual([more(1), more(2), more(3)], ['partitions', 'partitions', 'placed'])
  assert.deepEqual(
    [more(3, [[3]]), more(4, [[3]]), more(3, [[1, 2]]), more(3, [[9]])],
    ['placed', 'assignment', 'assignment', 'assignment'],
  )
})
