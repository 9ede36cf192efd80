import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { ConnectionLimits, parseOverrides } from './connection-limits.ts'
import { RequestBudget, type BudgetGrant } from './request-budget.ts'

void test('a request of any size gets through alone; the next waits in its turn', () => {
  const budget = new RequestBudget(10)
  const order: string[] = []
  const first = budget.take(100, () => order.push('first'))
  assert.equal(first.isGranted, true)
  const second = budget.take(1, () => order.push('second'))
  const third = budget.take(20, () => order.push('third'))
  const fourth = budget.take(1, () => order.push('fourth'))
  second.grant.release()
  first.grant.release()
  assert.deepEqual(order, ['third'])
  assert.equal(budget.takenBytes, 20)
  third.grant.release()
  third.grant.release()
  assert.deepEqual(order, ['third', 'fourth'])
  fourth.grant.release()
  assert.deepEqual([budget.takenBytes, budget.waitingCount], [0, 0])
})

void test('the overshoot is one request, and everybody is granted once', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ bytes: fc.nat(30), release: fc.nat(9) }), { maxLength: 60 }), (steps) => {
      const budget = new RequestBudget(50)
      const held: { grant: BudgetGrant; count: number }[] = []
      for (const { bytes, release } of steps) {
        const entry = { grant: undefined as unknown as BudgetGrant, count: 0 }
        const { grant, isGranted } = budget.take(bytes, () => entry.count++)
        entry.grant = grant
        if (isGranted) entry.count++
        held.push(entry)
        if (release < held.length) held.splice(release, 1)[0]!.grant.release()
        assert.ok(budget.takenBytes < 50 + 30)
        assert.ok(held.every(({ count }) => count <= 1))
        assert.equal(
          budget.takenBytes,
          held.reduce((sum, { grant: { bytes: taken }, count }) => sum + count * taken, 0),
        )
      }
      for (const { grant } of held) grant.release()
      assert.deepEqual([budget.takenBytes, budget.waitingCount], [0, 0])
    }),
    { numRuns: 200 },
  )
})

void test('connections are counted over all and by host, and may leave but once', () => {
  const limits = new ConnectionLimits({ connectionsMaxOf: () => 100, connectionsMaxFrom: (host) => (host === 'few' ? 1 : 2) })
  assert.deepEqual(
    [limits.admit('few', 'A'), limits.admit('few', 'A'), limits.admit('a', 'A'), limits.admit('a', 'A')],
    [undefined, 'max.connections.per.ip', undefined, undefined],
  )
  assert.equal(limits.admit('b', 'A'), undefined)
  limits.leave('few', 'A')
  limits.leave('few', 'A')
  assert.equal(limits.count, 3)
  assert.equal(limits.admit('few', 'A'), undefined)
})

void test('exceptions by address', () => {
  assert.deepEqual(
    [...parseOverrides('10.0.0.1:5, ::1:7,bad,:3,x:-1')],
    [
      ['10.0.0.1', 5],
      ['::1', 7],
    ],
  )
  assert.equal(parseOverrides('').size, 0)
})
