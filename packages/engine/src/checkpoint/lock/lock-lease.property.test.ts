import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as check, integer, property } from 'fast-check'
import { beginWatch, goOnWatching, LEASE_MS, renewalMs, type LeaseSight } from './lock-lease.ts'

const quiet: LeaseSight = { newest: 4, released: false, renewal: '7' }

/** Looks at the same again and again, `gapsMs` apart; answers when it gave up waiting, by its clock. */
function watch(gapsMs: readonly number[], sight = (_atMs: number): LeaseSight => quiet): { verdict: string; atMs: number } {
  let atMs = 0
  let state = beginWatch(LEASE_MS, sight(0), 0)
  for (const gapMs of gapsMs) {
    atMs += gapMs
    const next = goOnWatching(state, sight(atMs), atMs)
    if (typeof next === 'string') return { verdict: next, atMs }
    state = next
  }
  return { verdict: 'watching', atMs }
}

void test('a claim is expired only after a whole lease of looking on, however the looks are spread', () => {
  check(
    property(array(integer({ min: 0, max: 100_000 }), { minLength: 40, maxLength: 80 }), (gaps) => {
      const { verdict, atMs } = watch(gaps)
      const counted = gaps.reduce((sum, gap) => sum + Math.min(gap, renewalMs(LEASE_MS)), 0)
      assert.equal(verdict, counted >= LEASE_MS ? 'expired' : 'watching')
      if (verdict === 'expired') assert.ok(atMs >= LEASE_MS)
    }),
    { numRuns: 200 },
  )
})

void test('a holder that renews in time is never expired, also when both are paused together', () => {
  check(
    property(
      array(integer({ min: 1, max: 3_000 }), { minLength: 30, maxLength: 60 }),
      integer({ min: 0, max: renewalMs(LEASE_MS) - 1 }),
      integer({ min: 0, max: 30 }),
      integer({ min: 0, max: 1_000_000 }),
      (gaps, phaseMs, pausedBefore, pauseMs) => {
        // The pause passes by both clocks, and neither does anything in it.
        const pauseAtMs = gaps.slice(0, pausedBefore).reduce((sum, gap) => sum + gap, 0)
        const withPause = gaps.map((gap, index) => (index === pausedBefore ? gap + pauseMs : gap))
        const awake = (atMs: number): number => (atMs <= pauseAtMs ? atMs : Math.max(pauseAtMs, atMs - pauseMs))
        const renewals = (atMs: number): LeaseSight => ({
          ...quiet,
          renewal: String(Math.floor((awake(atMs) + phaseMs) / renewalMs(LEASE_MS))),
        })
        assert.notEqual(watch(withPause, renewals).verdict, 'expired')
      },
    ),
    { numRuns: 200 },
  )
})

void test('what changes is said at once: a release frees it, anything else shows that somebody lives', () => {
  const after = (sight: LeaseSight): string => watch([1_000, 1_000, 1_000], (atMs) => (atMs < 2_000 ? quiet : sight)).verdict
  assert.equal(after({ ...quiet, released: true }), 'released')
  assert.equal(after({ ...quiet, renewal: '8' }), 'alive')
  assert.equal(after({ ...quiet, renewal: undefined }), 'alive')
  assert.equal(after({ ...quiet, newest: 5 }), 'alive')
  assert.equal(after({ newest: 5, released: true, renewal: undefined }), 'alive')
})
