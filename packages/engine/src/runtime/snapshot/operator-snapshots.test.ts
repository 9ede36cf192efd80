import assert from 'node:assert/strict'
import { test } from 'node:test'
import { value, type ValueState } from '../../api/state.ts'
import { MemoryStateFiles } from '../../checkpoint/memory.ts'
import { at, createState } from '../../state/fixtures/operator-state.ts'
import { OperatorSnapshots } from './operator-snapshots.ts'

interface Handles {
  readonly count: ValueState<number>
}

const ROWS = 1000
const identity = { attempt: 1, task: 0, subtask: 0 }

// option: checkpointing.asynchronous
void test('a snapshot is written all at once where it must not be written while the job goes on', async () => {
  const files = new MemoryStateFiles()
  for (const asynchronous of [true, false]) {
    const state = createState({ count: value<number>() })
    for (let key = 0; key < ROWS; key++) at<Handles>(state, key).count.set(key)
    const snapshot = new OperatorSnapshots(state).begin(
      1,
      async (name) => await files.createStateFile(identity, 1, `operator${name}`),
      'share',
    )
    if (!asynchronous) snapshot.writeAll()
    assert.equal(snapshot.done, !asynchronous)
    for (let key = 0; key < ROWS; key++) at<Handles>(state, key).count.set(-1)
    const { chain } = await snapshot.finish()
    const rows = chain.flatMap(({ segments }) => segments.map((segment) => segment.rows)).reduce((sum, count) => sum + count, 0)
    assert.equal(rows, ROWS)
  }
})

void test('what cannot be stored is told at the end, not to whoever writes a slice', async () => {
  const files = new MemoryStateFiles()
  const state = createState({ count: value<number>() })
  at<Handles>(state, 1).count.set((() => 1) as never)
  const snapshot = new OperatorSnapshots(state).begin(
    1,
    async (name) => await files.createStateFile(identity, 1, `operator${name}`),
    'share',
  )
  const slice = (): boolean =>
    snapshot.step(
      () => true,
      () => {},
    )
  for (let slices = 0; !slice(); slices++) assert.ok(slices < ROWS)
  await assert.rejects(snapshot.finish(), { code: 'STATE_UNENCODABLE' })
})
