import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { hashKey } from '../../keys/hash.ts'
import { createState, finish, restore, type Written } from '../fixtures/operator-state.ts'
import type { KeyedState } from '../keyed-state.ts'
import { TIMERS_OF_LIST_MAX } from './timer-cell.ts'

const key = 'k'

type Step =
  | { readonly op: 'register' | 'delete'; readonly from: number; readonly count: number }
  | { readonly op: 'fire'; readonly time: number; readonly limit: number }
  | { readonly op: 'checkpoint' | 'touchUnderWay' | 'restore' }

const TIMES = 3 * TIMERS_OF_LIST_MAX
const some = fc.record({ from: fc.nat(TIMES), count: fc.nat(TIMERS_OF_LIST_MAX + 8) })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: some.map((range) => ({ op: 'register' as const, ...range })) },
  { weight: 3, arbitrary: some.map((range) => ({ op: 'delete' as const, ...range })) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('fire' as const), time: fc.nat(TIMES), limit: fc.integer({ min: 1, max: 50 }) }) },
  { weight: 3, arbitrary: fc.constantFrom('checkpoint', 'touchUnderWay', 'restore').map((op) => ({ op })) },
)

/** One key's timers beside a set of times. */
class Subject {
  #state: KeyedState = createState({}, { maxParallelism: 1 })
  #times: Set<number> = new Set()
  #chain: Written[] = []
  #id = 0

  run(each: Step): void {
    if (each.op === 'register' || each.op === 'delete') {
      for (let at = 0; at < each.count; at++) this.#change(each.op, (each.from + 7 * at) % TIMES)
    } else if (each.op === 'fire') this.#fire(each.time, each.limit)
    else if (each.op === 'restore') this.#restore()
    else this.#checkpoint(each.op === 'touchUnderWay')
    assert.equal(this.#state.statistics().eventTimers, this.#times.size)
    assert.equal(this.#state.timers.next('event'), this.#times.size === 0 ? undefined : Math.min(...this.#times))
  }

  #change(op: 'register' | 'delete', time: number): void {
    this.#state.use(key, hashKey(key))
    this.#state.timers[op]('event', time)
    if (op === 'register') this.#times.add(time)
    else this.#times.delete(time)
  }

  #fire(until: number, limit: number): void {
    const fired: number[] = []
    while (this.#state.timers.advance('event', until, (_key, _hash, time) => fired.push(time), limit));
    const due = [...this.#times].filter((time) => time <= until)
    assert.deepEqual(
      fired,
      due.toSorted((a, b) => a - b),
    )
    for (const time of due) this.#times.delete(time)
  }

  /** `underWay`: what is registered before it is written is not in it. */
  #checkpoint(underWay: boolean): void {
    const writer = this.#state.beginSnapshot(++this.#id, { full: 'share' })
    const before = new Set(this.#times)
    if (underWay) for (let time = 0; time < TIMES; time += 5) this.#change('register', time)
    const written = finish(writer)
    this.#state.checkpointCompleted(this.#id)
    const isFull = written.index.segments.some(({ kind }) => kind === 'full')
    this.#chain = isFull || this.#id === 1 ? [written] : [...this.#chain, written]
    const restored = restore(createState({}, { maxParallelism: 1 }), ...this.#chain)
    assert.deepEqual(
      timesOf(restored),
      [...before].toSorted((a, b) => a - b),
    )
  }

  /** Goes on from the newest checkpoint. */
  #restore(): void {
    this.#checkpoint(false)
    this.#state = restore(createState({}, { maxParallelism: 1 }), ...this.#chain)
    this.#state.resumeFrom(this.#id, new Map([[0, this.#chain.length]]))
  }
}

/** Fires all. */
function timesOf(state: KeyedState): number[] {
  const times: number[] = []
  while (state.timers.advance('event', Infinity, (_key, _hash, time) => times.push(time), 1000));
  assert.equal(state.statistics().rows, 0)
  return times
}

test('the timers of one key, few or many, registered, deleted, fired and restored, are those of a set', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 25 }), (steps) => {
      const subject = new Subject()
      for (const each of steps) subject.run(each)
    }),
    { numRuns: 150 },
  )
})
