// How many records a task hands in before its thread has a turn for other things.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { Chain } from '../../operators/chain.ts'
import { ChainCursor, nowhere } from '../../operators/receiver.ts'
import { TaskIntake } from './task-intake.ts'
import type { TaskParts } from './task-types.ts'

const COUNT = 512

/** Records handed in at a time, of so many batches in a row, where each record takes so long. */
function handedIn(recordMs: number, batches: number): readonly number[] {
  let nowMs = 0
  let handed = 0
  const clock = Object.assign(new VirtualClock(), { monotonic: () => nowMs })
  const chain = new Chain(new ChainCursor(), [], [nowhere, nowhere])
  const intake = new TaskIntake({ clock, chain } as unknown as TaskParts, () => {})
  const receive = (): void => {
    nowMs += recordMs
    handed++
  }
  const values = Array.from({ length: COUNT }, (_, n) => n)
  const batch = { kind: 'records', count: COUNT, values, timestamps: undefined, hashes: undefined } as const
  const counts: number[] = []
  for (let taken = 0; taken < batches; taken++) {
    intake.take(batch, { channel: 0, label: 'numbers', operator: 0, input: 0 }, { receive, watermark: () => {} })
    for (;;) {
      counts.push(handed)
      handed = 0
      if (!intake.feed.holds) break
      intake.goOn()
    }
  }
  return counts
}

test('records that take long are handed in one by one after the first few, and none is left out', () => {
  const counts = handedIn(100, 1)
  assert.deepEqual(counts.slice(0, 2), [16, 1])
  assert.equal(Math.max(...counts.slice(1)), 1)
  assert.equal(
    counts.reduce((sum, count) => sum + count, 0),
    COUNT,
  )
})

test('batches of records that take no time are handed in whole after a while', () => {
  assert.equal(handedIn(0.001, 4).at(-1), COUNT)
})
