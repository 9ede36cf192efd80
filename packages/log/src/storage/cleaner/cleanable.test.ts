import { test } from 'node:test'
import assert from 'node:assert/strict'
import { cleanable, type CleanableFacts } from './cleanable.ts'
import { groupSegments } from './segment-groups.ts'

const segment = (baseOffset: number, time: number): CleanableFacts['sealed'][number] => ({
  baseOffset,
  nextOffset: baseOffset + 10,
  sizeBytes: 100,
  largestTimestamp: time + 9,
  firstTimestamp: time,
})

const base: CleanableFacts = {
  config: { minCompactionLagMs: 0, maxCompactionLagMs: Number.MAX_SAFE_INTEGER, minCleanableDirtyRatio: 0.5 },
  nowMs: 1000,
  logStartOffset: 0,
  cleanedUpTo: undefined,
  lastStableOffset: 100,
  sealed: [segment(0, 100), segment(10, 200), segment(20, 300), segment(30, 900)],
}

test('a log never compacted is all dirty; one that is gets due by its share', () => {
  assert.deepEqual(cleanable(base), { firstDirtyOffset: 0, endOffset: 40, dirtyBytes: 400, dirtyRatio: 1, isDue: true })
  assert.deepEqual(cleanable({ ...base, cleanedUpTo: 20 }), {
    firstDirtyOffset: 20,
    endOffset: 40,
    dirtyBytes: 200,
    dirtyRatio: 0.5,
    isDue: false,
  })
  assert.equal(cleanable({ ...base, cleanedUpTo: 40 }).isDue, false)
  assert.equal(cleanable({ ...base, sealed: [] }).isDue, false)
})

test('what is too young, or not stable yet, is left alone', () => {
  assert.equal(cleanable({ ...base, config: { ...base.config, minCompactionLagMs: 500 } }).endOffset, 30)
  assert.equal(cleanable({ ...base, lastStableOffset: 25 }).endOffset, 20)
})

test('what has been dirty for too long makes it due, whatever its share', () => {
  const late = { ...base, cleanedUpTo: 30, config: { ...base.config, maxCompactionLagMs: 50 } }
  assert.equal(cleanable(late).isDue, true)
  assert.equal(cleanable({ ...late, config: { ...base.config, maxCompactionLagMs: 200 } }).isDue, false)
})

test('a checkpoint that lies outside of the log is not believed', () => {
  assert.equal(cleanable({ ...base, logStartOffset: 20, cleanedUpTo: 10 }).firstDirtyOffset, 20)
  assert.equal(cleanable({ ...base, cleanedUpTo: 900 }).firstDirtyOffset, 0)
})

test('segments are put together up to the size of one, and as far as relative offsets reach', () => {
  const sizes = [40, 40, 40, 90, 10, 5].map((sizeBytes, index) => ({ baseOffset: index * 10, nextOffset: index * 10 + 10, sizeBytes }))
  assert.deepEqual(
    groupSegments(sizes, 100).map((group) => group.map(({ sizeBytes }) => sizeBytes)),
    [[40, 40], [40], [90, 10], [5]],
  )
  const far = [0, 0x7fff_fff0, 0x8000_0010].map((baseOffset) => ({ baseOffset, nextOffset: baseOffset + 16, sizeBytes: 1 }))
  assert.deepEqual(
    groupSegments(far, 100).map((group) => group.length),
    [2, 1],
  )
})
