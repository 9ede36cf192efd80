import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import * as fc from 'fast-check'
import { ConnectionLimits, parseOverrides } from './connection-limits.ts'
import { RequestBudget, type Arrival, type BudgetClaim, type BudgetGrant } from './request-budget.ts'

/** A claim of a request of which all is there, unless `arrival` says otherwise. */
const claim = (bytes: number, granted: () => void, arrival: () => Arrival | undefined = () => undefined): BudgetClaim => ({
  bytes,
  granted,
  arrival,
})

void test('a request of any size gets through alone; the next waits in its turn', () => {
  const budget = new RequestBudget(10, new VirtualClock())
  const order: string[] = []
  const first = budget.take(claim(100, () => order.push('first')))
  assert.equal(first.isGranted, true)
  const second = budget.take(claim(1, () => order.push('second')))
  const third = budget.take(claim(20, () => order.push('third')))
  const fourth = budget.take(claim(1, () => order.push('fourth')))
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
      const budget = new RequestBudget(50, new VirtualClock())
      const held: { grant: BudgetGrant; count: number }[] = []
      for (const { bytes, release } of steps) {
        const entry = { grant: undefined as unknown as BudgetGrant, count: 0 }
        const { grant, isGranted } = budget.take(claim(bytes, () => entry.count++))
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

void test('what is claimed and does not arrive keeps nobody out; it asks again where it goes on', async () => {
  const clock = new VirtualClock()
  const budget = new RequestBudget(100, clock)
  const order: string[] = []
  const heardAtMs = clock.monotonic()
  const stalled = ['a', 'b'].map((name) =>
    budget.take(
      claim(
        90,
        () => order.push(name),
        () => ({ arrivedBytes: 5, heardAtMs }),
      ),
    ),
  )
  assert.deepEqual([stalled.map(({ isGranted }) => isGranted), budget.takenBytes], [[true, true], 180])
  const done = budget.take(claim(10, () => order.push('done')))
  const arriving = budget.take(
    claim(
      95,
      () => order.push('arriving'),
      () => ({ arrivedBytes: 1, heardAtMs: clock.monotonic() }),
    ),
  )
  await clock.advance(900)
  assert.deepEqual(order, [])
  await clock.advance(200)
  assert.deepEqual([order, budget.takenBytes], [['done', 'arriving'], 10 + 10 + 95])
  assert.equal(stalled[0]!.grant.isCut, true)
  assert.equal(stalled[0]!.grant.regain(), false)
  await clock.advance(5_000)
  assert.equal(budget.takenBytes, 115, 'what arrives keeps its bytes')
  arriving.grant.release()
  assert.deepEqual([order, budget.takenBytes], [['done', 'arriving', 'a'], 20 + 85])
  for (const { grant } of [...stalled, done]) grant.release()
  assert.deepEqual([budget.takenBytes, budget.waitingCount], [0, 0])
  await clock.advance(5_000)
  assert.equal(clock.pending, 0)
})

void test('where all that is taken has stopped arriving, the others get through one at a time', async () => {
  const clock = new VirtualClock()
  const budget = new RequestBudget(100, clock)
  const heardAtMs = clock.monotonic()
  budget.take(
    claim(
      200,
      () => undefined,
      () => ({ arrivedBytes: 150, heardAtMs }),
    ),
  )
  const order: number[] = []
  const others = [1, 2, 3].map((number) => budget.take(claim(10, () => order.push(number))))
  await clock.advance(1_100)
  assert.deepEqual([order, budget.takenBytes], [[1], 160])
  others[0]!.grant.release()
  others[1]!.grant.release()
  assert.deepEqual(order, [1, 2, 3])
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
