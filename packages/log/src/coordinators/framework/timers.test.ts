import { test } from 'node:test'
import assert from 'node:assert/strict'
import { VirtualClock } from '@millrace/testkit'
import { Timers } from './timers.ts'

test('a key has one deadline: the last one set', async () => {
  const clock = new VirtualClock()
  const timers = new Timers(clock)
  const ran: string[] = []
  const set = (key: string, delayMs: number): void => timers.set(key, delayMs, () => ran.push(`${key} at ${clock.monotonic()}`))
  set('later', 10)
  set('later', 50)
  set('sooner', 50)
  set('sooner', 10)
  set('gone', 5)
  timers.cancel('gone')
  set('never', 1e12)
  await clock.advance(100)
  assert.deepEqual(ran, ['sooner at 10', 'later at 50'])
  assert.equal(timers.size, 1)
  timers.cancelAll()
  await clock.runUntilIdle(10)
})

test('a deadline that moves out again and again costs one real timer', async () => {
  const clock = new VirtualClock()
  const timers = new Timers(clock)
  let ran = 0
  for (let count = 0; count < 100; count++) {
    timers.set('session', 1000, () => ran++)
    await clock.advance(10)
    assert.ok(clock.pending <= 1)
  }
  await clock.advance(989)
  assert.equal(ran, 0)
  await clock.advance(1)
  assert.equal(ran, 1)
})

test('a timer may be set by one that runs', async () => {
  const clock = new VirtualClock()
  const timers = new Timers(clock)
  const ran: number[] = []
  const again = (): void => {
    ran.push(clock.monotonic())
    if (ran.length < 3) timers.set('again', 5, again)
  }
  timers.set('again', 5, again)
  await clock.runUntilIdle(100)
  assert.deepEqual(ran, [5, 10, 15])
})
