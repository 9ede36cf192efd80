import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import type { Random } from '@millrace/core'
import * as fc from 'fast-check'
import type { Partitioning } from '../graph/graph.ts'
import { keyGroupOf, subtaskOfKeyGroup } from '../keys/key-group.ts'
import { createPartitioner, type Partitioner, type PartitionerOptions } from './partitioner.ts'

/** Numbers from a seed, for tests. */
function seeded(seed: number): Random {
  let state = seed >>> 0
  const uint32 = (): number => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0)
  return { uint32, bytes: (length) => Uint8Array.from({ length }, () => uint32() & 0xff) }
}

function make(partitioning: Partitioning, channels: number, more: Partial<PartitionerOptions> = {}): Partitioner {
  return createPartitioner({
    partitioning,
    subtask: 0,
    parallelism: 1,
    channels,
    maxParallelism: 128,
    custom: undefined,
    random: seeded(1),
    ...more,
  })
}

function selections(partitioner: Partitioner, count: number): number[] {
  return Array.from({ length: count }, (_, n) => partitioner.select(n, n))
}

test('hash: the channel is the subtask that owns the key group', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 300 }), fc.array(fc.integer()), (channels, more, hashes) => {
      const maxParallelism = channels + more
      const partitioner = make('hash', channels, { maxParallelism })
      for (const hash of hashes) {
        assert.equal(partitioner.select(undefined, hash), subtaskOfKeyGroup(keyGroupOf(hash, maxParallelism), maxParallelism, channels))
      }
    }),
    { numRuns: 100 },
  )
})

test('rebalance and rescale: every channel in turn, from one that depends on the subtask', () => {
  for (const kind of ['rebalance', 'rescale'] as const) {
    assert.deepEqual(selections(make(kind, 3), 7), [0, 1, 2, 0, 1, 2, 0])
    assert.deepEqual(selections(make(kind, 3, { subtask: 5 }), 4), [2, 0, 1, 2])
    assert.deepEqual(selections(make(kind, 1, { subtask: 5 }), 3), [0, 0, 0])
  }
})

test('forward and global: the first channel', () => {
  assert.deepEqual(selections(make('forward', 1), 3), [0, 0, 0])
  assert.deepEqual(selections(make('global', 4), 3), [0, 0, 0])
})

test('shuffle: about evenly, and the same for the same seed', () => {
  const chosen = selections(make('shuffle', 4, { random: seeded(7) }), 4_000)
  assert.deepEqual(selections(make('shuffle', 4, { random: seeded(7) }), 4_000), chosen)
  for (let channel = 0; channel < 4; channel++) {
    const share = chosen.filter((choice) => choice === channel).length
    assert.ok(share > 800 && share < 1_200, `${share} of channel ${channel}`)
  }
})

test('custom: what the user says, if there is such a channel', () => {
  const answers = (answer: unknown): Partitioner => make('custom', 3, { custom: () => answer as number })
  assert.equal(make('custom', 3, { custom: (value, partitions) => (value as number) % partitions }).select(5, 0), 2)
  for (const answer of [3, -1, 0.5, NaN, undefined, '1', null]) {
    assert.throws(() => answers(answer).select(0, 0), {
      code: 'PARTITION_OUT_OF_RANGE',
      message: `The custom partitioner answered ${inspect(answer)}; it must answer a whole number from 0 to 2 [PARTITION_OUT_OF_RANGE]`,
    })
  }
})
