import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { VirtualClock } from './virtual-clock.ts'

test('callbacks run in order of time, then of registration', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 40 }), async (delays) => {
      const clock = new VirtualClock()
      const ran: [number, number][] = []
      delays.forEach((delay, index) => clock.after(delay, () => ran.push([clock.monotonic(), index])))
      await clock.runUntilIdle()
      assert.deepEqual(
        ran,
        delays.map((delay, index): [number, number] => [delay, index]).toSorted((a, b) => a[0] - b[0] || a[1] - b[1]),
      )
    }),
    { numRuns: 50 },
  )
})

test('advance moves both clocks and runs what falls due on the way, not what comes later', async () => {
  const clock = new VirtualClock({ startMs: 1000 })
  const ran: string[] = []
  clock.after(10, () => {
    ran.push(`first at ${clock.now()}`)
    clock.after(5, () => ran.push(`nested at ${clock.now()}`))
  })
  clock.after(16, () => ran.push('late'))
  await clock.advance(15)
  assert.deepEqual(ran, ['first at 1010', 'nested at 1015'])
  assert.equal(clock.now(), 1015)
  assert.equal(clock.pending, 1)
})

test('what promises bring about has run before the next callback', async () => {
  const clock = new VirtualClock()
  const ran: string[] = []
  clock.soon(() => {
    void (async () => {
      for (let depth = 0; depth < 100; depth++) await Promise.resolve()
      ran.push('deep')
    })()
  })
  clock.soon(() => ran.push('next'))
  await clock.runUntilIdle()
  assert.deepEqual(ran, ['deep', 'next'])
})

test('a cancelled callback does not run, and cancelling again does nothing', async () => {
  const clock = new VirtualClock()
  let ran = 0
  const cancel = clock.after(1, () => ran++)
  const keep = clock.after(1, () => ran++)
  cancel()
  cancel()
  assert.equal(clock.pending, 1)
  await clock.runUntilIdle()
  keep()
  assert.equal(ran, 1)
  assert.equal(clock.pending, 0)
})

test('run moves time for as long as a promise needs', async () => {
  const clock = new VirtualClock()
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve))
  const work = async (): Promise<number> => {
    await sleep(1000)
    await sleep(2000)
    return clock.monotonic()
  }
  assert.equal(await clock.run(work()), 3000)
  await assert.rejects(clock.run(new Promise(() => {})), /never happens/)
  await assert.rejects(clock.run(Promise.reject(new Error('own'))), /own/)
})

test('an exception of a callback reaches the test; the rest can still run', async () => {
  const clock = new VirtualClock()
  let ran = false
  clock.soon(() => {
    throw new Error('mine')
  })
  clock.soon(() => (ran = true))
  await assert.rejects(clock.advance(0), /mine/)
  await clock.advance(0)
  assert.equal(ran, true)
})

test('the wall clock may jump back, the monotonic one does not', async () => {
  const clock = new VirtualClock({ startMs: 5000 })
  await clock.advance(100)
  clock.jump(-1000)
  assert.equal(clock.now(), 4100)
  assert.equal(clock.monotonic(), 100)
})

test('a clock that never gets idle is noticed', async () => {
  const clock = new VirtualClock()
  const again = (): void => void clock.after(1, again)
  again()
  await assert.rejects(clock.runUntilIdle(100), /not idle/)
})
