import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OrderEvents, problemsOf, Recomputation } from './orders.ts'

void test('every order comes to an end, and has one outcome', () => {
  const events = new OrderEvents(7)
  const recomputation = new Recomputation()
  const orders = new Set<number>()
  for (let index = 0; ; index++) {
    const event = events.next(index > 20_000)
    if (event === undefined) break
    orders.add(event.order)
    recomputation.add(event)
  }
  assert.equal(recomputation.outcomes.size, orders.size)
  assert.deepEqual(problemsOf([...recomputation.outcomes.values()], recomputation.outcomes, true), [])
})

void test('what is missing, twice, wrong or too much is found', () => {
  const right = { order: 1, state: 'received', moves: 3, refused: 0 } as const
  const expected = new Map([[1, right]])
  assert.deepEqual(problemsOf([], expected, true), ['the outcome of order 1 is missing'])
  assert.deepEqual(problemsOf([], expected, false), [])
  assert.deepEqual(problemsOf([right, right], expected, true), ['the outcome of order 1 is there twice'])
  assert.match(problemsOf([{ ...right, moves: 2 }], expected, true)[0]!, /order 1 is .* and should be/)
  assert.deepEqual(problemsOf([right, { ...right, order: 2 }], expected, true), ['order 2 has an outcome and should have none'])
})
