import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@millrace/core'
import { map, value, type ValueState } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { KeyedState } from '../../state/keyed-state.ts'
import { noSignal, Slot } from '../slot/slot.ts'
import { StateCleaning, sweepPauseMs } from './state-cleaning.ts'

/** Time that passes when it is told to. */
class ManualClock implements Clock {
  nowMs = 0
  readonly #due: { atMs: number; callback: () => void }[] = []

  now(): number {
    return this.nowMs
  }
  monotonic(): number {
    return this.nowMs
  }
  soon(callback: () => void): () => void {
    return this.after(0, callback)
  }
  after(delayMs: number, callback: () => void): () => void {
    const entry = { atMs: this.nowMs + delayMs, callback }
    this.#due.push(entry)
    return () => {
      const at = this.#due.indexOf(entry)
      if (at >= 0) this.#due.splice(at, 1)
    }
  }

  get waiting(): number {
    return this.#due.length
  }

  /** Runs what is due within `ms`. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const next = this.#due.toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#due.splice(this.#due.indexOf(next), 1)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.callback()
    }
    this.nowMs = untilMs
  }
}

test('a slot sweeps again and again, also while it has nothing else to do, and stops when it is closed', () => {
  const clock = new ManualClock()
  const states = { v: value<number>({ ttl: 800 }), m: map({ ttl: 5_000 }) }
  const state = new KeyedState({ operator: 'test', states, clock, maxParallelism: 1, keyGroups: { first: 0, end: 1 } })
  assert.equal(state.shortestTtlMs, 800)
  const slot = new Slot({ clock, bufferTimeoutMs: 0, signal: noSignal, turnMs: 2 })
  slot.start([])
  slot.repeat(new StateCleaning(state), sweepPauseMs(800))
  for (let round = 0; round < 3; round++) {
    for (let key = 0; key < 2_000; key++) {
      state.use(key, hashKey(key))
      ;(state.handles['v'] as ValueState<number>).set(key)
    }
    clock.pass(799)
    assert.equal(state.statistics().rows, 2_000)
    clock.pass(200)
    assert.equal(state.statistics().rows, 0, 'within an eighth of the time to live')
  }
  slot.close()
  assert.equal(clock.waiting, 0, 'no timer is left')
})

test('sweeps come eight times in a life, within limits', () => {
  assert.equal(sweepPauseMs(8_000), 1_000)
  assert.equal(sweepPauseMs(1), 50)
  assert.equal(sweepPauseMs(30 * 86_400_000), 600_000)
})
