// State on the heap as it is restored: what is read ahead, and what becomes of it where nobody needs it any more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { value, type ValueState } from '../api/state.ts'
import type { KeyedStateFile } from '../checkpoint/handles.ts'
import { MemoryStateFiles } from '../checkpoint/memory.ts'
import type { StateFileStorage } from '../checkpoint/storage.ts'
import { at, createState } from '../state/fixtures/operator-state.ts'
import type { KeyedState } from '../state/keyed-state.ts'
import { OperatorSnapshots } from './operator-snapshots.ts'

interface Handles {
  readonly count: ValueState<number>
}

const ROWS = 4_000
const GROUPS = 64
const range = { first: 0, end: GROUPS }
const ended = new Error('the job has ended')

const create = (): KeyedState => createState({ count: value<number>() }, { maxParallelism: GROUPS, keyGroups: range })

/** The files of a snapshot of each of so many former subtasks. */
async function stored(subtasks = 1): Promise<readonly (readonly KeyedStateFile[])[]> {
  const files = new MemoryStateFiles()
  const parts = Array.from({ length: subtasks }, async (_, task) => {
    const state = createState({ count: value<number>() }, { maxParallelism: GROUPS, keyGroups: range })
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
    await assert.rejects(snapshots.restore(storage, chains, { range, checkpointId: 1, signal: controller.signal }), ended)
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
    await assert.rejects(snapshots.restore(storage, chains, { range, checkpointId: 1, signal: controller.signal }), ended)
    assert.deepEqual([opened, seen.reads, seen.open], [abortedAt, 0, 0])
  }
})
