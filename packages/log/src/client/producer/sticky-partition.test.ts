import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '@millrace/testkit'
import type { TopicView } from '../metadata/cluster-view.ts'
import { StickyPartition } from './sticky-partition.ts'

function topic(leaders: readonly number[]): TopicView {
  const partitions = leaders.map((leader, partition) => ({ partition, leader, leaderEpoch: 0, replicas: [], isr: [], offlineReplicas: [] }))
  return { name: 't', id: new Uint8Array(16), isInternal: false, partitions }
}

void test('a partition keeps a batch of bytes, then another one follows; all get about the same', () => {
  const sticky = new StickyPartition(100, new SeededRandom(1))
  const view = topic([1, 1, 1])
  const counts = [0, 0, 0]
  let changes = 0
  let before = -1
  for (let record = 0; record < 3000; record++) {
    const partition = sticky.next(view, 10)
    if (record % 10 === 0 && record > 0) assert.notEqual(partition, before)
    if (partition !== before) changes++
    before = partition
    counts[partition]!++
  }
  assert.equal(changes, 300)
  for (const count of counts) assert.ok(count > 700 && count < 1300, counts.join())
})

void test('a partition without a leader is passed over, unless none has one', () => {
  const sticky = new StickyPartition(10, new SeededRandom(1))
  for (let record = 0; record < 50; record++) assert.notEqual(sticky.next(topic([1, -1, 1]), 10), 1)
  assert.ok(sticky.next(topic([-1, -1]), 10) < 2)
})
