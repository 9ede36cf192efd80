import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CommitsUnderWay } from './commits-under-way.ts'
import type { SubtaskSnapshot } from '../handles.ts'
import { nextCheckpoint, type NextCheckpointFacts } from './next-checkpoint.ts'

const facts: NextCheckpointFacts = {
  ending: { cause: undefined, dueMs: 7 },
  requests: { savepointWaits: false, checkpointDue: false },
  pending: { count: 0, has: () => false },
  schedule: { nextMs: 100 },
  commits: { behind: 0 },
  maxConcurrent: 1,
  commitsWaitMs: 1_000,
}

describe('the next checkpoint, where commits are under way', () => {
  const periodic = { kind: 'periodic', dueMs: 100 }
  const held = { kind: 'periodic', dueMs: 1_100, heldFromMs: 100 }
  const cases: readonly (readonly [string, number, Partial<NextCheckpointFacts>, unknown])[] = [
    ['a periodic one comes in its time', 0, {}, periodic],
    ['also while one before waits for its commits', 1, {}, periodic],
    ['and waits itself while two do, but not for ever', 2, {}, held],
    ['or more', 9, {}, held],
    [
      'one that was asked for does not wait',
      2,
      { requests: { savepointWaits: false, checkpointDue: true } },
      { kind: 'manual', dueMs: -Infinity },
    ],
    ['nor does a savepoint', 2, { requests: { savepointWaits: true, checkpointDue: false } }, { kind: 'savepoint', dueMs: -Infinity }],
    ['nor the last one', 2, { ending: { cause: 'stop', dueMs: 7 } }, { kind: 'final', dueMs: 7 }],
    [
      'where there are no periodic ones none is held',
      2,
      { schedule: { nextMs: Infinity } },
      { kind: 'periodic', dueMs: Infinity, heldFromMs: Infinity },
    ],
  ]
  for (const [name, behind, some, expected] of cases)
    it(name, () => assert.deepEqual(nextCheckpoint({ ...facts, ...some, commits: { behind } }), expected))
})

type Subtask = Parameters<CommitsUnderWay['committed']>[0]

const [first, second, plain] = [0, 1, 2].map((subtask) => ({ task: 0, subtask })) as [Subtask, Subtask, Subtask]

/** With output of two sinks staged by the first subtask, of one by the second, and none by the third. */
function completed(checkpointId: number): Parameters<CommitsUnderWay['begin']>[0] {
  const acknowledged = [first, second, plain].map((subtask) => {
    const sinks = [
      { stateId: 'a', keyed: [], sinkHandles: subtask === plain ? [] : ['part'] },
      { stateId: 'b', keyed: [], ...(subtask === first ? { sinkHandles: ['part'] } : {}) },
    ]
    const snapshot: SubtaskSnapshot = { operators: sinks, newFiles: [], timings: {} as SubtaskSnapshot['timings'] }
    return [`0/${subtask.subtask}`, { subtask, snapshot, delayMs: 0 }] as const
  })
  return { checkpointId, acknowledged: new Map(acknowledged) }
}

describe('commits under way', () => {
  it('are those of sinks that had staged something, until each has committed that, or what is newer', () => {
    const commits = new CommitsUnderWay()
    for (const checkpointId of [1, 2, 4]) commits.begin(completed(checkpointId), () => true)
    assert.deepEqual([commits.behind, commits.slowest], [3, ['a', 'b']])
    commits.committed(plain, 'a', 9)
    commits.committed(first, 'a', 2)
    commits.committed(second, 'a', 1)
    assert.deepEqual([commits.behind, commits.slowest], [3, ['b']], 'the other one is not behind')
    commits.committed(first, 'b', 2)
    assert.deepEqual([commits.behind, commits.slowest], [2, ['a']])
    commits.committed(second, 'a', 4)
    assert.deepEqual([commits.behind, commits.slowest], [1, ['a', 'b']])
    for (const stateId of ['a', 'b']) commits.committed(first, stateId, 4)
    assert.deepEqual([commits.behind, commits.slowest], [0, []])
  })

  it('are none of subtasks that do not run, nor of those that do not any more', () => {
    const commits = new CommitsUnderWay()
    commits.begin(completed(1), ({ subtask }) => subtask === 1)
    assert.deepEqual(commits.slowest, ['a'])
    commits.begin(completed(2), () => true)
    commits.lost(['0/1'])
    assert.deepEqual([commits.behind, commits.slowest], [1, ['a', 'b']])
    commits.lost(['0/0'])
    assert.equal(commits.behind, 0)
  })
})
