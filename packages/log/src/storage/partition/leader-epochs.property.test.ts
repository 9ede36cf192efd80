import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { LeaderEpochs } from './leader-epochs.ts'

/** The epoch of every offset, as a log would have them: rising. */
const history = fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 6 })), { maxLength: 12 }).map((runs) => {
  let epoch = -1
  return runs.flatMap(([step, length]) => {
    epoch += step
    return Array.from({ length }, () => epoch)
  })
})

function epochsOf(offsets: readonly number[]): LeaderEpochs {
  const epochs = new LeaderEpochs()
  for (const [offset, epoch] of offsets.entries()) epochs.assign(epoch, offset)
  return epochs
}

test('epochs answer as the history of the log does', () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 0, max: 40 }), (offsets, asked) => {
      const epochs = epochsOf(offsets)
      for (const [offset, epoch] of offsets.entries()) assert.equal(epochs.epochAt(offset), epoch)
      const end = epochs.endOf(asked, offsets.length)
      const last = offsets.at(-1)
      if (last === undefined || asked > last) assert.equal(end.endOffset, undefined)
      else assert.equal(end.endOffset, offsets.findLastIndex((epoch) => epoch <= asked) + 1)
      if (end.endOffset !== undefined) assert.equal(end.epoch, offsets.findLast((epoch) => epoch <= asked) ?? asked)
    }),
    { numRuns: 200 },
  )
})

test('truncation at either end leaves what the rest of the log tells', () => {
  fc.assert(
    fc.property(history, fc.nat(40), fc.nat(40), (offsets, left, right) => {
      const start = Math.min(left, right, offsets.length)
      const end = Math.min(Math.max(left, right), offsets.length)
      const epochs = epochsOf(offsets)
      epochs.truncateFromEnd(end)
      epochs.truncateFromStart(start)
      for (let offset = start; offset < end; offset++) assert.equal(epochs.epochAt(offset), offsets[offset])
      if (start < end) assert.equal(epochs.epochAt(start - 1), undefined)
    }),
    { numRuns: 200 },
  )
})

test('an epoch that contradicts what is known replaces it', () => {
  const epochs = new LeaderEpochs([
    { epoch: 1, startOffset: 0 },
    { epoch: 2, startOffset: 10 },
    { epoch: 5, startOffset: 20 },
  ])
  epochs.assign(6, 15)
  assert.deepEqual(epochs.starts, [
    { epoch: 1, startOffset: 0 },
    { epoch: 2, startOffset: 10 },
    { epoch: 6, startOffset: 15 },
  ])
  epochs.assign(4, 30)
  assert.equal(epochs.latest?.epoch, 6, 'an older epoch does not write behind a newer one')
})
