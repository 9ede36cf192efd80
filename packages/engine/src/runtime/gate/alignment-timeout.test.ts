import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { AlignmentTimeout } from './alignment-timeout.ts'

void describe('the time that barriers are waited for', () => {
  void it('counts from the trigger, and its end is answered once', async () => {
    const { clock, timeout, woken } = bench(100)
    const triggeredMs = clock.now() - 30
    assert.equal(timeout.begin(1, triggeredMs), false)
    await clock.advance(69)
    assert.equal(timeout.take(), undefined)
    await clock.advance(1)
    assert.equal(woken(), 1)
    const { checkpointId, triggeredMs: told } = timeout.take()!
    assert.deepEqual({ checkpointId, told }, { checkpointId: 1, told: triggeredMs })
    assert.equal(timeout.take(), undefined)
    assert.equal(clock.pending, 0)
  })

  void it('is never longer than it says, whatever the clock of who triggered', async () => {
    const { clock, timeout } = bench(100)
    timeout.begin(1, clock.now() + 5_000)
    await clock.advance(100)
    assert.equal(timeout.take()?.checkpointId, 1)
  })

  void it('is that of the newest checkpoint', async () => {
    const { clock, timeout } = bench(100)
    timeout.begin(2, clock.now())
    await clock.advance(50)
    timeout.begin(3, clock.now())
    timeout.begin(2, clock.now() - 100)
    assert.equal(timeout.checkpointId, 3)
    await clock.advance(50)
    assert.equal(timeout.take(), undefined)
    await clock.advance(50)
    assert.equal(timeout.take()?.checkpointId, 3)
  })

  void it('ends with what it was for', async () => {
    const { clock, timeout, woken } = bench(100)
    timeout.begin(1, clock.now())
    timeout.cancel()
    assert.equal(timeout.checkpointId, undefined)
    assert.equal(clock.pending, 0)
    await clock.advance(200)
    assert.equal(woken(), 0)
  })

  void it('may be none', () => {
    const { clock, timeout } = bench(0)
    assert.equal(timeout.begin(1, clock.now()), true)
    assert.equal(timeout.checkpointId, undefined)
    assert.equal(clock.pending, 0)
  })
})

function bench(timeoutMs: number): { readonly clock: VirtualClock; readonly timeout: AlignmentTimeout; readonly woken: () => number } {
  const clock = new VirtualClock()
  let woken = 0
  const timeout = new AlignmentTimeout(timeoutMs, clock, () => void woken++)
  return { clock, timeout, woken: () => woken }
}
