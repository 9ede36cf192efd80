import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Diary } from './source.ts'
import { countAt, lostShare, pausesOf, windowsOf } from './windows.ts'

/** A source at 10 records a millisecond, and at 9 in each second from a barrier on; barriers at 2 s, 4 s, … */
function diary(more: Partial<Diary> = {}): Diary {
  const progress: number[] = []
  let count = 0
  for (let atMs = 0; atMs <= 12_000; atMs += 10) {
    progress.push(atMs, count)
    count += atMs >= 2_000 && atMs % 2_000 < 1_000 ? 90 : 100
  }
  const barriersMs = [2_000, 4_000, 6_000, 8_000, 10_000]
  const completedMs = barriersMs.map((atMs) => atMs + 200)
  return { filledMs: 0, progress, barriersMs, completedMs, gaps: [], collections: [], ...more }
}

void test('counts are interpolated', () => {
  const progress = [100, 0, 200, 1000, 300, 1000]
  assert.deepEqual(
    [50, 100, 150, 200, 250, 300, 400].map((atMs) => countAt(progress, atMs)),
    [0, 0, 500, 1000, 1000, 1000, 1000],
  )
})

void test('a window with a checkpoint is compared with its neighbours, over all subtasks', () => {
  const windows = windowsOf([diary(), diary()], 1_000, 1_000)
  assert.equal(windows.length, 5)
  for (const { withRate, withoutRate, isContained } of windows) {
    assert.ok(Math.abs(withRate - 18_000) < 1 && Math.abs(withoutRate - 20_000) < 1)
    assert.ok(isContained)
  }
  const { share, interval } = lostShare(windows)
  assert.ok(Math.abs(share - 0.1) < 1e-3 && Math.abs(interval.low - 0.1) < 1e-3 && Math.abs(interval.high - 0.1) < 1e-3)
})

void test('windows without neighbours are left out, checkpoints that outlast their window are seen', () => {
  assert.equal(windowsOf([diary()], 1_000, 3_500).length, 3)
  const late = windowsOf([diary({ completedMs: [2_200, 5_001, 6_200] })], 1_000, 1_000)
  assert.deepEqual(
    late.map(({ isContained }) => isContained),
    [true, false, true, false, false],
  )
})

void test('collections within a pause are not counted as its own', () => {
  const gaps = [
    [100, 160],
    [200, 230],
    [900, 999],
  ] as const
  const collections = [
    [110, 150],
    [225, 228],
  ] as const
  const pauses = pausesOf([diary({ gaps, collections })], (atMs) => atMs < 500)
  assert.deepEqual(pauses, { longestMs: 60, longestBesideCollectionMs: 27, longestCollectionMs: 40 })
})
