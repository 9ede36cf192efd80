import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { map, value, type MapState, type ValueState } from '../api/state.ts'
import { hashKey } from '../keys/hash.ts'
import { formerGroups, keyGroupOf, keyGroupRange } from '../keys/key-group.ts'
import { at, createState, finish } from './fixtures/operator-state.ts'
import type { KeyedState } from './keyed-state.ts'

const states = { count: value<number>(), seen: map<number, number>() }

interface Handles {
  readonly count: ValueState<number>
  readonly seen: MapState<number, number>
}

/** State of all subtasks, restored at another number of key groups. */
function regroup(written: ReturnType<typeof finish>, former: number, now: number, parallelism: number): readonly KeyedState[] {
  return Array.from({ length: parallelism }, (_, subtask) => {
    const keyGroups = keyGroupRange(subtask, parallelism, now)
    const state = createState(states, { maxParallelism: now, keyGroups })
    const groups = formerGroups(keyGroups, now, former)
    for (const [group, segments] of written.groups) {
      if (group >= groups.first && group < groups.end) state.restoreGroup(group, segments, former)
    }
    return state
  })
}

void test('at any other number of key groups every key is in its new place, with all its state and timers, and in no other', () => {
  const numbers = fc.integer({ min: 1, max: 40 })
  fc.assert(
    fc.property(
      numbers,
      numbers,
      fc.nat(),
      fc.uniqueArray(fc.oneof(fc.string(), fc.integer()), { maxLength: 60 }),
      (former, now, seed, keys) => {
        const parallelism = 1 + (seed % now)
        const before = createState(states, { maxParallelism: former })
        for (const [index, key] of keys.entries()) {
          const handles = at<Handles>(before, key)
          handles.count.set(index)
          // More than fit into a row's record.
          for (let entry = 0; entry < (index % 7 === 0 ? 300 : index % 3); entry++) handles.seen.set(entry, index)
          before.timers.register('event', index)
        }
        const subtasks = regroup(finish(before.beginSnapshot(1, { full: 'all' })), former, now, parallelism)
        assert.equal(
          subtasks.reduce((sum, state) => sum + state.statistics().rows, 0),
          keys.length,
        )
        assert.equal(
          subtasks.reduce((sum, state) => sum + state.statistics().eventTimers, 0),
          keys.length,
        )
        for (const [index, key] of keys.entries()) {
          const group = keyGroupOf(hashKey(key), now)
          const handles = at<Handles>(subtasks[Math.floor((group * parallelism) / now)]!, key)
          assert.equal(handles.count.get(), index)
          assert.equal([...handles.seen.entries()].length, index % 7 === 0 ? 300 : index % 3)
        }
      },
    ),
    { numRuns: 100 },
  )
})

void test('a snapshot after that is full: nothing is a delta over other key groups', () => {
  const before = createState(states, { maxParallelism: 4 })
  for (let key = 0; key < 20; key++) at<Handles>(before, key).count.set(key)
  const [state] = regroup(finish(before.beginSnapshot(1, { full: 'all' })), 4, 7, 1)
  const { index } = finish(state!.beginSnapshot(2, { full: 'share' }))
  assert.equal(index.baseCheckpointId, undefined)
  assert.ok(index.segments.every(({ kind }) => kind === 'full'))
  assert.equal(
    index.segments.reduce((rows, segment) => rows + segment.rows, 0),
    20,
  )
})
