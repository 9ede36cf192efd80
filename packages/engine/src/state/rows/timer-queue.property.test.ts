import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Timer, TimerQueue } from './timer-queue.ts'

type Step =
  | { readonly kind: 'add'; readonly time: number; readonly hash: number }
  | { readonly kind: 'remove' | 'take'; readonly which: number }

/** Adding, removing any and taking the first, beside a sorted list. */
function play(steps: readonly Step[]): void {
  const queue = new TimerQueue()
  const model: Timer[] = []
  for (const step of steps) {
    if (step.kind === 'add') {
      const timer = new Timer(step.time, 0, step.hash)
      queue.add(timer)
      model.push(timer)
    } else if (model.length > 0) {
      const which = step.kind === 'take' ? model.indexOf(queue.first()!) : step.which % model.length
      const [timer] = model.splice(which, 1)
      queue.remove(timer!)
    }
    model.sort((a, b) => a.time - b.time || a.hash - b.hash)
    const first = queue.first()
    assert.deepEqual([first?.time, first?.hash, queue.size], [model[0]?.time, model[0]?.hash, model.length])
  }
}

void describe('the queue of timers', () => {
  void it('is a sorted list, whatever is removed', () => {
    const time = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.double({ noNaN: true, noDefaultInfinity: true }))
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), time, hash: fc.integer({ min: -3, max: 3 }) }),
      fc.record({ kind: fc.constantFrom('remove' as const, 'take' as const), which: fc.nat() }),
    )
    fc.assert(fc.property(fc.array(step, { maxLength: 80 }), play), { numRuns: 150 })
  })

  void it('is a sorted list also when most of it is removed', () => {
    const numbers = fc.array(fc.nat(10_000), { minLength: 200, maxLength: 300 })
    const removing = fc.property(numbers, numbers, (times, removals) => {
      const adds = times.map((time): Step => ({ kind: 'add', time, hash: time % 7 }))
      const removes = removals.map((which): Step => ({ kind: 'remove', which }))
      play([...adds, ...removes, ...adds.slice(0, 20), ...removals.map((which): Step => ({ kind: 'take', which }))])
    })
    fc.assert(removing, { numRuns: 10 })
  })

  void it('does not grow with timers that are set and deleted again, far in the future', () => {
    const queue = new TimerQueue()
    for (let time = 0; time < 10_000; time++) {
      const timer = new Timer(1e12 + time, 0, time)
      queue.add(timer)
      if (time > 0) queue.remove(timer)
      assert.ok(queue.places < 200, `${queue.places} places`)
    }
    assert.equal(queue.size, 1)
    assert.equal(queue.first()?.time, 1e12)
  })
})
