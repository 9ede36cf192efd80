import assert from 'node:assert/strict'
import { test } from 'node:test'
import { map, value, type MapState, type ValueState } from '../api/state.ts'
import { at, createState, finish, restore } from './fixtures/operator-state.ts'
import type { KeyedState } from './keyed-state.ts'

interface Handles {
  count: ValueState<number>
  object: ValueState<{ n: number }>
  entries: MapState<number, number>
}

const states = { count: value<number>(), object: value<{ n: number }>(), entries: map<number, number>() }

test('a cleared key is a tombstone in the next delta, and gone after it', () => {
  const state = createState(states)
  at<Handles>(state, 'stays').count.set(1)
  at<Handles>(state, 'goes').count.set(2)
  const full = finish(state.beginSnapshot(1, { full: 'share' }))
  state.checkpointCompleted(1)
  at<Handles>(state, 'goes').count.clear()
  assert.equal(state.statistics().rows, 1)
  const delta = finish(state.beginSnapshot(2, { full: 'share' }))
  assert.equal(delta.index.baseCheckpointId, 1)
  assert.equal(restore(createState(states), full).statistics().rows, 2)
  const restored = restore(createState(states), full, delta)
  assert.equal(restored.statistics().rows, 1)
  assert.equal(at<Handles>(restored, 'goes').count.get(), undefined)
  state.checkpointCompleted(2)
  // Nothing happened since: a share is written in full, no tombstone again.
  const later = finish(state.beginSnapshot(3, { full: 'share' })).index.segments
  assert.deepEqual(
    later.filter(({ kind }) => kind === 'delta'),
    [],
  )
})

test('a key that no snapshot holds leaves no tombstone behind', () => {
  const state = createState(states)
  finish(state.beginSnapshot(1, { full: 'share' }))
  state.checkpointCompleted(1)
  at<Handles>(state, 'brief').count.set(1)
  at<Handles>(state, 'brief').count.clear()
  assert.equal(finish(state.beginSnapshot(2, { full: 'share' })).index.segments.length, 0)
})

test('a delta is over the last completed checkpoint, whatever was aborted since', () => {
  const state = createState(states)
  at<Handles>(state, 'a').count.set(1)
  at<Handles>(state, 'b').count.set(1)
  const full = finish(state.beginSnapshot(1, { full: 'share' }))
  state.checkpointCompleted(1)
  at<Handles>(state, 'a').count.set(2)
  finish(state.beginSnapshot(2, { full: 'share' }))
  state.checkpointAborted(2)
  at<Handles>(state, 'b').count.clear()
  const abandoned = state.beginSnapshot(3, { full: 'share' })
  state.checkpointAborted(3)
  assert.ok(abandoned.done)
  assert.throws(() => abandoned.finish(), { code: 'STATE_SNAPSHOT_ABANDONED' })
  const delta = finish(state.beginSnapshot(4, { full: 'share' }))
  assert.equal(delta.index.baseCheckpointId, 1)
  const restored = restore(createState(states), full, delta)
  assert.equal(at<Handles>(restored, 'a').count.get(), 2)
  assert.equal(at<Handles>(restored, 'b').count.get(), undefined)
})

test('a checkpoint that is subsumed or unknown changes nothing', () => {
  const state = createState(states)
  at<Handles>(state, 'a').count.set(1)
  finish(state.beginSnapshot(1, { full: 'share' }))
  finish(state.beginSnapshot(2, { full: 'share' }))
  state.checkpointCompleted(2)
  state.checkpointCompleted(1)
  state.checkpointCompleted(77)
  assert.equal(finish(state.beginSnapshot(3, { full: 'share' })).index.baseCheckpointId, 2)
})

test('objects read before their turn are written as they were at the barrier, though changed in place and never set', () => {
  const state = createState(states)
  for (let key = 0; key < 100; key++) at<Handles>(state, key).object.set({ n: key })
  const writer = state.beginSnapshot(1, { full: 'all' })
  writer.step(20)
  for (let key = 0; key < 100; key++) at<Handles>(state, key).object.get()!.n += 1000
  const restored = restore(createState(states), finish(writer))
  for (let key = 0; key < 100; key++) assert.deepEqual(at<Handles>(restored, key).object.get(), { n: key })
  // And the change is in the next delta, although nobody called set.
  state.checkpointCompleted(1)
  const delta = finish(state.beginSnapshot(2, { full: 'share' }))
  assert.equal(
    delta.index.segments.reduce((sum, { rows }) => sum + rows, 0),
    100,
  )
})

interface Written {
  /** Snapshots of the longest chain. */
  readonly chainMax: number
  /** Groups that one checkpoint writes in full, and that all do on average, as a share of all groups. */
  readonly fullMax: number
  readonly fullMean: number
  /** Rows of all deltas that a restore reads, as a multiple of the rows there are. */
  readonly deltaRowsMax: number
}

/** What 100 checkpoints write; before each, `keysOf` are written to. */
function writeMany(keysOf: (id: number) => readonly number[]): Written {
  const groupCount = 64
  const state = createState(states, { maxParallelism: groupCount })
  const chains = new Map<number, number[]>()
  let [chainMax, fullMax, fullSum, deltaRowsMax] = [0, 0, 0, 0]
  for (let id = 1; id <= 100; id++) {
    for (const key of keysOf(id)) at<Handles>(state, key).count.set(id)
    const { index } = finish(state.beginSnapshot(id, { full: 'share' }))
    for (const { keyGroup, kind, rows } of index.segments)
      chains.set(keyGroup, kind === 'full' ? [] : [...(chains.get(keyGroup) ?? []), rows])
    state.checkpointCompleted(id)
    const full = id === 1 ? 0 : index.segments.filter(({ kind }) => kind === 'full').length / groupCount
    fullMax = Math.max(fullMax, full)
    fullSum += full
    chainMax = Math.max(chainMax, ...[...chains.values()].map(({ length }) => length + 1))
    const deltaRows = [...chains.values()].flat().reduce((sum, rows) => sum + rows, 0)
    deltaRowsMax = Math.max(deltaRowsMax, deltaRows / state.statistics().rows)
  }
  return { chainMax, fullMax, fullMean: fullSum / 99, deltaRowsMax }
}

const range = (from: number, end: number): readonly number[] => Array.from({ length: end - from }, (_, at) => from + at)

/** The first so many of 1,000 keys change between checkpoints. */
const changing =
  (changed: number) =>
  (id: number): readonly number[] =>
    range(0, id === 1 ? 1000 : changed)

test('where little changes a checkpoint writes few groups in full, and chains get no longer than 32', () => {
  const { chainMax, fullMax } = writeMany(changing(10))
  assert.ok(chainMax <= 32, `${chainMax} snapshots`)
  assert.ok(fullMax <= 1 / 16, `${fullMax} of the groups`)
})

test('where much changes a restore reads few times what there is, and no checkpoint is the large one', () => {
  for (const changed of [100, 500, 1000]) {
    const { fullMax, deltaRowsMax } = writeMany(changing(changed))
    assert.ok(deltaRowsMax <= 3, `of ${changed}: ${deltaRowsMax} times the rows`)
    assert.ok(fullMax <= 1 / 16 + changed / 2000, `of ${changed}: ${fullMax} of the groups`)
  }
})

test('rows that are only added are not written again but for the length of their chains', () => {
  const { chainMax, fullMax, fullMean, deltaRowsMax } = writeMany((id) => range(100 * (id - 1), 100 * id))
  assert.ok(chainMax <= 32, `${chainMax} snapshots`)
  assert.ok(fullMax <= 1 / 16 && fullMean <= 1 / 30, `${fullMax} of the groups, ${fullMean} on average`)
  assert.ok(deltaRowsMax < 1, `${deltaRowsMax} times the rows`)
})

test('after a restore the turns go on', () => {
  const run = (state: KeyedState, id: number): ReturnType<typeof finish> => {
    for (let key = 0; key < 200; key++) at<Handles>(state, key).count.set(id)
    const written = finish(state.beginSnapshot(id, { full: 'share' }))
    state.checkpointCompleted(id)
    return written
  }
  const before = createState(states, { maxParallelism: 4 })
  const [first, second] = [run(before, 1), run(before, 2)]
  const after = restore(createState(states, { maxParallelism: 4 }), first, second)
  after.resumeFrom(2, new Map(range(0, 4).map((group) => [group, 2])))
  const fullOf = (state: KeyedState, id: number): number => run(state, id).index.segments.filter(({ kind }) => kind === 'full').length
  // One for its length, as it is not known yet how much changes; then those besides that had too many rows when they were restored.
  assert.equal(fullOf(after, 3), 1)
  assert.equal(fullOf(after, 4), 3)
})

test('a group written in full that has become empty says so', () => {
  const state = createState(states, { maxParallelism: 1 })
  at<Handles>(state, 'a').count.set(0)
  at<Handles>(state, 'b').count.set(0)
  const written = [finish(state.beginSnapshot(1, { full: 'share' }))]
  state.checkpointCompleted(1)
  at<Handles>(state, 'a').count.set(1)
  written.push(finish(state.beginSnapshot(2, { full: 'share' })))
  state.checkpointCompleted(2)
  at<Handles>(state, 'a').count.clear()
  at<Handles>(state, 'b').count.clear()
  written.push(finish(state.beginSnapshot(3, { full: 'share' })))
  assert.deepEqual(
    written[2]!.index.segments.map(({ kind, rows }) => [kind, rows]),
    [['full', 0]],
  )
  assert.equal(restore(createState(states, { maxParallelism: 1 }), ...written).statistics().rows, 0)
})

test('entries of a large map that are touched before their turn are written as they were; removed, added again, cleared', () => {
  const size = 1000
  const write = (change: (entries: MapState<number, number>) => void, first: 'all' | 'share', step: number): Map<number, number> => {
    const state = createState(states, { maxParallelism: 1 })
    for (let n = 0; n < size; n++) at<Handles>(state, 'k').entries.set(n, n)
    const written = []
    if (first === 'share') {
      written.push(finish(state.beginSnapshot(1, { full: 'share' })))
      state.checkpointCompleted(1)
      for (let n = 0; n < size; n++) at<Handles>(state, 'k').entries.set(n, n)
      // Removed and added again before the barrier, then touched after it.
      at<Handles>(state, 'k').entries.delete(7)
      at<Handles>(state, 'k').entries.set(7, 7)
    }
    const writer = state.beginSnapshot(2, { full: 'share' })
    writer.step(step)
    assert.ok(!writer.done)
    change(at<Handles>(state, 'k').entries)
    writer.step(100)
    assert.ok(!writer.done)
    change(at<Handles>(state, 'k').entries)
    written.push(finish(writer))
    return new Map(at<Handles>(restore(createState(states, { maxParallelism: 1 }), ...written), 'k').entries.entries())
  }
  const expected = new Map(Array.from({ length: size }, (_, n) => [n, n]))
  const changes: ((entries: MapState<number, number>) => void)[] = [
    (entries) => entries.set(7, -1),
    (entries) => {
      for (let n = 0; n < 2 * size; n++) entries.set(n, -n)
    },
    (entries) => {
      for (let n = 0; n < size - 1; n += 2) entries.delete(n)
    },
    (entries) => entries.clear(),
    (entries) => {
      entries.clear()
      entries.set(3, 4)
    },
    (entries) => {
      for (let n = 5; n < 900; n++) entries.delete(n)
      for (let n = 5; n < 900; n++) entries.set(n, 0)
    },
  ]
  for (const change of changes)
    for (const first of ['all', 'share'] as const) for (const step of [0, 3, 300]) assert.deepEqual(write(change, first, step), expected)
})

test('a few changes of a large map are a small delta', () => {
  const state = createState(states, { maxParallelism: 1 })
  for (let n = 0; n < 10_000; n++) at<Handles>(state, 'k').entries.set(n, n)
  const full = finish(state.beginSnapshot(1, { full: 'share' }))
  state.checkpointCompleted(1)
  const { entries } = at<Handles>(state, 'k')
  entries.set(5, -5)
  entries.delete(6)
  entries.set(20_000, 1)
  const delta = finish(state.beginSnapshot(2, { full: 'share' }))
  assert.ok(delta.index.sizeBytes < 150, String(delta.index.sizeBytes))
  assert.ok(full.index.sizeBytes > 20_000)
  const restored = at<Handles>(restore(createState(states, { maxParallelism: 1 }), full, delta), 'k').entries
  assert.equal(restored.get(5), -5)
  assert.equal(restored.has(6), false)
  assert.equal(restored.get(20_000), 1)
  assert.equal(restored.size, 10_000)
})

test('tables are split while a snapshot is under way', () => {
  const state = createState(states, { maxParallelism: 2, keyGroups: { first: 0, end: 2 } })
  for (let key = 0; key < 30_000; key++) at<Handles>(state, key).object.set({ n: key })
  const writer = state.beginSnapshot(1, { full: 'all' })
  writer.step(1000)
  for (let key = 30_000; key < 80_000; key++) at<Handles>(state, key).object.set({ n: -1 })
  for (let key = 0; key < 30_000; key += 7) at<Handles>(state, key).object.get()!.n = -1
  const restored = restore(createState(states, { maxParallelism: 2, keyGroups: { first: 0, end: 2 } }), finish(writer))
  assert.equal(restored.statistics().rows, 30_000)
  for (let key = 0; key < 30_000; key += 7) assert.deepEqual(at<Handles>(restored, key).object.get(), { n: key })
  assert.equal(state.statistics().rows, 80_000)
  for (let key = 0; key < 80_000; key++) {
    assert.equal(at<Handles>(state, key).object.get()!.n, key >= 30_000 || key % 7 === 0 ? -1 : key)
  }
})

test('the current key may be written to after a snapshot has freed its dead row', () => {
  const state = createState(states, { maxParallelism: 1 })
  const handles = at<Handles>(state, 'k')
  handles.count.set(1)
  finish(state.beginSnapshot(1, { full: 'share' }))
  state.checkpointCompleted(1)
  handles.count.clear()
  finish(state.beginSnapshot(2, { full: 'share' }))
  state.checkpointCompleted(2)
  finish(state.beginSnapshot(3, { full: 'share' }))
  handles.count.set(3)
  assert.equal(at<Handles>(state, 'k').count.get(), 3)
  assert.equal(state.statistics().rows, 1)
})

test('what cannot be stored fails the snapshot by name, not the invocation, and not the next snapshot', () => {
  const state = createState({ object: value<unknown>() })
  const bad = at<{ object: ValueState<unknown> }>(state, 'bad').object
  bad.set({ callback: (): void => {} })
  const writer = state.beginSnapshot(1, { full: 'all' })
  at<{ object: ValueState<unknown> }>(state, 'bad').object.get()
  assert.throws(() => writer.finish(), { code: 'STATE_UNENCODABLE', message: /"object" of test, key bad.*callback/ })
  assert.ok(writer.done)
  at<{ object: ValueState<unknown> }>(state, 'bad').object.clear()
  assert.equal(finish(state.beginSnapshot(2, { full: 'all' })).index.segments.length, 0)
})

test('a newer snapshot lets the older one finish first', () => {
  const state = createState(states)
  at<Handles>(state, 1).count.set(1)
  const older = state.beginSnapshot(1, { full: 'all' })
  at<Handles>(state, 1).count.set(2)
  const newer = state.beginSnapshot(2, { full: 'all' })
  assert.ok(older.done)
  at<Handles>(state, 1).count.set(3)
  for (const [writer, expected] of [
    [older, 1],
    [newer, 2],
  ] as const) {
    assert.equal(at<Handles>(restore(createState(states), finish(writer)), 1).count.get(), expected)
  }
})
