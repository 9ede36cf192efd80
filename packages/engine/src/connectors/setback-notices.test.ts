import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { SetbackNotices } from './setback-notices.ts'

void test('failures are told after a second, then ever more rarely, and not any more once something succeeds', async () => {
  const clock = new VirtualClock()
  const told: string[] = []
  const notices = new SetbackNotices(clock, (duration, problem) => void told.push(`${duration} ${problem}`))
  for (let n = 0; n < 240; n++) {
    notices.failed(`problem ${n}`)
    await clock.advance(500)
  }
  assert.deepEqual(told, ['1s problem 2', '11s problem 22', '41s problem 82', '101s problem 202'])
  notices.over()
  notices.failed('again')
  assert.equal(told.length, 4)
  await clock.advance(1_000)
  notices.failed('and again')
  assert.equal(told.at(-1), '1s and again')
})
