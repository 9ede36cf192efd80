import assert from 'node:assert/strict'
import { it } from 'node:test'
import { nodeClock } from './clock.ts'

it('a timer never rings too soon, and not at all once cancelled', async () => {
  const delays = [0, 0.2, 0.9, 1, 1.5, 2.3, 5]
  const early = await Promise.all(
    delays.map(
      (delayMs) =>
        new Promise<boolean>((resolve) => {
          const startMs = nodeClock.monotonic()
          nodeClock.after(delayMs, () => resolve(nodeClock.monotonic() - startMs < delayMs))
        }),
    ),
  )
  assert.deepEqual(
    early,
    delays.map(() => false),
  )
  let rang = false
  nodeClock.after(1, () => (rang = true))()
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(rang, false)
})

it('a timer that is farther away than Node can count does not ring at once', async () => {
  let rang = false
  const cancel = nodeClock.after(2 ** 40, () => (rang = true))
  await new Promise((resolve) => setTimeout(resolve, 10))
  cancel()
  assert.equal(rang, false)
})

it('goes on where a test has faked the timers of the program', async (t) => {
  t.mock.timers.enable()
  await new Promise<void>((resolve) => nodeClock.soon(resolve))
  await new Promise<void>((resolve) => nodeClock.after(1, resolve))
  t.mock.timers.reset()
})
