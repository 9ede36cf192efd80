// State on the heap as it is restored: what is read ahead, and what becomes of it where nobody needs it any more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { value, type StateDeclarations, type ValueState } from '../../api/state.ts'
import type { KeyedStateFile } from '../../checkpoint/handles.ts'
import { MemoryStateFiles } from '../../checkpoint/memory.ts'
import type { StateFileStorage } from '../../checkpoint/storage.ts'
import { immediateClock } from '../../state/fixtures/immediate-clock.ts'
import { at, createState } from '../../state/fixtures/operator-state.ts'
import type { KeyedState } from '../../state/keyed-state.ts'
import { OperatorSnapshots } from './operator-snapshots.ts'

interface Handles {
  readonly count: ValueState<number>
}

const ROWS = 4_000
const GROUPS = 64
const range = { first: 0, end: GROUPS }
const declared = { count: value<number>() } satisfies StateDeclarations
const ended = new Error('the job has ended')

const create = (groups = GROUPS, states: StateDeclarations = declared): KeyedState =>
  createState(states, { maxParallelism: groups, keyGroups: { first: 0, end: groups } })

/** The files of a snapshot of each of so many former subtasks. */
async function stored(subtasks = 1, groups = GROUPS): Promise<readonly (readonly KeyedStateFile[])[]> {
  const files = new MemoryStateFiles()
  const parts = Array.from({ length: subtasks }, async (_, task) => {
    const state = create(groups)
    for (let key = 0; key < ROWS; key++) if (key % subtasks === task) at<Handles>(state, key).count.set(key)
    const identity = { attempt: 1, task, subtask: 0 }
    const snapshot = new OperatorSnapshots(state).begin(1, async () => await files.createStateFile(identity, 1, 'operator'), 'all')
    return (await snapshot.finish()).chain
  })
  return await Promise.all(parts)
}

/** Tells of what is done to it. */
function watched(
  onRead: (count: number) => void,
  onOpen = (): void => {},
): { storage: StateFileStorage; seen: { [K in 'reads' | 'underWay' | 'open']: number } } {
  const files = new MemoryStateFiles()
  const seen = { reads: 0, underWay: 0, open: 0 }
  const openStateFile: StateFileStorage['openStateFile'] = async (file) => {
    onOpen()
    const reader = await files.openStateFile(file)
    seen.open++
    return {
      read: async (...run) => {
        onRead(++seen.reads)
        seen.underWay++
        await new Promise((resolve) => setImmediate(resolve))
        seen.underWay--
        return await reader.read(...run)
      },
      close: async () => (seen.open--, await reader.close()),
    }
  }
  return { storage: { openStateFile, createStateFile: () => assert.fail('nothing is written') }, seen }
}

void test('a restore that nobody needs any more loads no more key groups, and leaves nothing open', async () => {
  const chains = await stored()
  for (const abortedAt of [1, 20, 40]) {
    const controller = new AbortController()
    const { storage, seen } = watched((count) => {
      if (count === abortedAt) controller.abort(ended)
    })
    const state = create()
    const snapshots = new OperatorSnapshots(state)
    await assert.rejects(
      snapshots.restore(storage, chains, { range, checkpointId: 1, turns: { clock: immediateClock, signal: controller.signal } }),
      ended,
    )
    assert.deepEqual([seen.underWay, seen.open], [0, 0])
    assert.ok(seen.reads < GROUPS, `${seen.reads} groups were read`)
    assert.ok(state.statistics().rows <= (abortedAt * ROWS) / GROUPS, 'what is read ahead is not loaded')
    // Nothing builds on what is half there.
    assert.equal(state.beginSnapshot(2, { full: 'share' }).finish().baseCheckpointId, undefined)
    await snapshots.close()
    assert.equal(state.statistics().rows, 0)
  }
})

void test('a restore that nobody needs any more opens no more files', async () => {
  const chains = await stored(4)
  for (const abortedAt of [0, 2]) {
    const controller = new AbortController()
    if (abortedAt === 0) controller.abort(ended)
    let opened = 0
    const onOpen = (): void => {
      if (++opened === abortedAt) controller.abort(ended)
    }
    const { storage, seen } = watched(() => {}, onOpen)
    const snapshots = new OperatorSnapshots(create())
    await assert.rejects(
      snapshots.restore(storage, chains, { range, checkpointId: 1, turns: { clock: immediateClock, signal: controller.signal } }),
      ended,
    )
    assert.deepEqual([opened, seen.reads, seen.open], [abortedAt, 0, 0])
  }
})

/** All rows in one key group, as of a savepoint taken with so few. */
const former = { maxParallelism: 1, groups: { first: 0, end: 1 } }

for (const [name, groups, scope] of [
  ['of another max parallelism', GROUPS, { range, checkpointId: 0, former }],
  ['as it was', 1, { range: former.groups, checkpointId: 1 }],
] as const) {
  void test(`a large key group ${name} is loaded some rows at a time: the event loop has its turn in between`, async () => {
    const chains = await stored(1, 1)
    const state = create(groups)
    const looks = [0]
    let isDone = false
    const look = (): void => {
      looks.push(state.statistics().rows)
      if (!isDone) setImmediate(look)
    }
    look()
    const snapshots = new OperatorSnapshots(state)
    await snapshots.restore(watched(() => {}).storage, chains, { ...scope, turns: { clock: immediateClock, rowsMax: 100 } })
    isDone = true
    looks.push(state.statistics().rows)
    const most = Math.max(...looks.slice(1).map((rows, n) => rows - looks[n]!))
    assert.ok(most <= 200, `${most} rows were loaded in one go`)
    for (let key = 0; key < ROWS; key++) assert.equal(at<Handles>(state, key).count.get(), key)
    const next = state.beginSnapshot(2, { full: 'share' }).finish()
    assert.equal(next.baseCheckpointId, groups === 1 ? 1 : undefined, 'what was restored counts as stored where it is as it was')
    if (groups === 1)
      assert.equal(
        next.segments.reduce((sum, { rows }) => sum + rows, 0),
        0,
      )
  })

  void test(`a large key group ${name} is loaded for some milliseconds at a time, and no further once nobody needs it`, async () => {
    const chains = await stored(1, 1)
    const other = { count: value<number>({ version: 2, migrate: (old) => ((nowMs += 5), old as number) }) } satisfies StateDeclarations
    let nowMs = 0
    let turns = 0
    for (const abortedAt of [3, undefined]) {
      const controller = new AbortController()
      turns = 0
      const soon = (callback: () => void): (() => void) => {
        if (++turns === abortedAt) controller.abort(ended)
        return immediateClock.soon(callback)
      }
      const state = create(groups, other)
      const pace = { clock: { monotonic: () => nowMs, soon }, signal: controller.signal }
      const restoring = new OperatorSnapshots(state).restore(watched(() => {}).storage, chains, { ...scope, turns: pace })
      if (abortedAt === undefined) await restoring
      else await assert.rejects(restoring, ended)
      assert.equal(turns, abortedAt ?? ROWS / 4, '20 ms are four rows')
      assert.equal(state.statistics().rows, 4 * turns)
    }
  })
}
