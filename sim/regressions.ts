/** Seeds that once failed, with their scenarios: replayed first, always. */
import type { Scenario } from './scenario.ts'

export interface Regression {
  readonly about: string
  readonly seed: number
  readonly scenario: Scenario
}

export const regressions: readonly Regression[] = [
  {
    about: "splits assigned right after a trigger were in the enumerator's part of the checkpoint and in the reader's",
    seed: 16,
    scenario: {
      inputs: 61,
      keys: 1,
      branches: 1,
      sources: ['splits'],
      stages: [
        { kind: 'async-map', width: 'one', chain: 'start' },
        { kind: 'global', width: 'one', chain: 'never' },
      ],
      ratePerSecond: 200,
      maxParallelism: 16,
      mode: 'exactly-once',
      checkpointMs: 5,
      minPauseMs: 5,
      maxConcurrent: 1,
      numRetained: 3,
      snapshotRows: 1,
    },
  },
  {
    about: 'a delta lost the chain it builds on, because a newer checkpoint completed while it was written',
    seed: 9,
    scenario: {
      inputs: 171,
      keys: 100,
      branches: 1,
      sources: ['splits'],
      stages: [
        { kind: 'rebalance', width: 'same', chain: 'always' },
        { kind: 'keyed-aggregate', width: 'same', chain: 'always' },
        { kind: 'keyed-timer', width: 'same', chain: 'always' },
      ],
      ratePerSecond: 200,
      maxParallelism: 16,
      mode: 'exactly-once',
      checkpointMs: 20,
      minPauseMs: 0,
      maxConcurrent: 3,
      numRetained: 2,
      snapshotRows: 1,
    },
  },
  {
    about: 'checkpoints retired by the final one were kept, because the lock had been released',
    seed: 4,
    scenario: {
      inputs: 311,
      keys: 100,
      branches: 2,
      sources: ['generator'],
      stages: [
        { kind: 'keyed-async-timer', width: 'one', chain: 'always' },
        { kind: 'keyed-async-timer', width: 'other', chain: 'start' },
      ],
      ratePerSecond: 200,
      maxParallelism: 4,
      mode: 'exactly-once',
      checkpointMs: 20,
      minPauseMs: 0,
      maxConcurrent: 1,
      numRetained: 1,
      snapshotRows: 1,
    },
  },
  {
    about: 'event-time timers did not fire at the end, because a broadcast source had no watermarks',
    seed: 278,
    scenario: {
      inputs: 241,
      keys: 3,
      branches: 2,
      sources: ['collection'],
      stages: [
        { kind: 'broadcast', width: 'same', chain: 'never' },
        { kind: 'keyed-timer', width: 'same', chain: 'start' },
        { kind: 'keyed-timer', width: 'same', chain: 'always' },
        { kind: 'keyed-event-timer', width: 'same', chain: 'never' },
      ],
      ratePerSecond: 200,
      maxParallelism: 4,
      mode: 'exactly-once',
      checkpointMs: 5,
      minPauseMs: 5,
      maxConcurrent: 1,
      numRetained: 1,
      snapshotRows: 64,
    },
  },
]
