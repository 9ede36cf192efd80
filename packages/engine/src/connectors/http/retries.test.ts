import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryAfterMs } from './retries.ts'

void test('Retry-After is seconds or a date to come; what asks for no time at all leaves the pauses as they are', () => {
  const nowMs = Date.parse('2026-03-01T12:00:00Z')
  const table: readonly (readonly [header: string | null, ms: number | undefined])[] = [
    [null, undefined],
    ['120', 120_000],
    [' 1 ', 1_000],
    ['Sun, 01 Mar 2026 12:00:07 GMT', 7_000],
    ['soon', undefined],
    ['0', undefined],
    ['-5', undefined],
    ['1.5', undefined],
    // The clock of the server is behind.
    ['Sun, 01 Mar 2026 11:59:58 GMT', undefined],
    ['Sun, 01 Mar 2026 12:00:00 GMT', undefined],
  ]
  for (const [header, ms] of table) assert.equal(retryAfterMs(header, nowMs), ms, String(header))
})
