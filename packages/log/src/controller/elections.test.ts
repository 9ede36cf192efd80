import assert from 'node:assert/strict'
import { test } from 'node:test'
import { electFirst, electOffline, electPreferred } from './elections.ts'
import type { PartitionState } from './registrations.ts'

const state = (leader: number, isr: number[], leaderEpoch = 4): PartitionState => ({ leader, isr, leaderEpoch, controllerEpoch: 1 })
const facts = (live: number[], current?: PartitionState, epochFloor = -1): Parameters<typeof electOffline>[0] => ({
  replicas: [1, 2, 3],
  state: current,
  liveBrokers: new Set(live),
  controllerEpoch: 2,
  epochFloor,
})

void test('a new partition is led by the first replica that lives', () => {
  assert.deepEqual(electFirst(facts([3, 2])), { leader: 2, isr: [2, 3], leaderEpoch: 0, controllerEpoch: 2 })
  assert.equal(electFirst(facts([9])), undefined)
})

void test('a partition without a leader goes to the first replica that lives and is in sync', () => {
  assert.deepEqual(electOffline(facts([2, 3], state(1, [1, 3]))), { leader: 3, isr: [3], leaderEpoch: 5, controllerEpoch: 2 })
  assert.equal(electOffline(facts([2], state(1, [1, 3]))), undefined)
})

void test('a leader epoch is above that of the state and those in the logs', () => {
  assert.equal(electOffline(facts([1], state(1, [1]), 9))!.leaderEpoch, 10)
  assert.equal(electOffline(facts([1], undefined, 9))!.leaderEpoch, 10)
})

void test('the preferred leader is the head of the assignment alone', () => {
  assert.deepEqual(electPreferred(facts([1, 2], state(2, [1, 2]))), { leader: 1, isr: [1, 2], leaderEpoch: 5, controllerEpoch: 2 })
  for (const [live, current] of [
    [[2, 3], state(2, [1, 2])],
    [[1, 2], state(2, [2, 3])],
    [[1, 2], state(1, [1, 2])],
  ] as const) {
    assert.equal(electPreferred(facts([...live], current)), undefined)
  }
})
