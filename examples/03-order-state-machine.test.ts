import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, generator } from 'millrace'
import { alertsOf, eventAt, type Alert, type OrderEvent, type OrderEventType } from './03-order-state-machine.ts'

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const result of results) list.push(result)
  return list
}

async function alertsFor(events: readonly OrderEvent[], parallelism = 1): Promise<Alert[]> {
  return await all(collect((env) => alertsOf(env.fromCollection(events)), { parallelism }))
}

function lifeOf(order: number, ...types: OrderEventType[]): OrderEvent[] {
  return types.map((type) => ({ order, type }))
}

void test('what is allowed raises no alert', async () => {
  const events = [
    ...lifeOf(1, 'pay', 'ship', 'receive'),
    ...lifeOf(2, 'cancel'),
    ...lifeOf(3, 'pay', 'cancel'),
    ...lifeOf(4, 'pay', 'ship', 'cancel'),
  ]
  assert.deepEqual(await alertsFor(events), [])
})

void test('what is not allowed raises an alert and changes nothing', async () => {
  assert.deepEqual(await alertsFor(lifeOf(1, 'pay', 'pay', 'receive', 'ship', 'receive')), [
    { order: 1, state: 'paid', refused: 'pay' },
    { order: 1, state: 'paid', refused: 'receive' },
  ])
})

void test('a received order cannot be cancelled, nor anything else', async () => {
  assert.deepEqual(await alertsFor(lifeOf(1, 'pay', 'ship', 'receive', 'cancel', 'pay')), [
    { order: 1, state: 'received', refused: 'cancel' },
    { order: 1, state: 'received', refused: 'pay' },
  ])
})

void test('a cancelled order is forgotten', async () => {
  assert.deepEqual(await alertsFor(lifeOf(1, 'cancel', 'ship')), [{ order: 1, state: 'awaiting-payment', refused: 'ship' }])
})

void test('orders do not disturb each other, at any parallelism', async () => {
  const events = Array.from({ length: 400 }, (_, index): OrderEvent => {
    const type = (['pay', 'receive', 'ship', 'receive'] as const)[Math.floor(index / 100)]!
    return { order: index % 100, type }
  })
  for (const parallelism of [1, 3]) {
    const alerts = await alertsFor(events, parallelism)
    assert.deepEqual(
      alerts.toSorted((a, b) => a.order - b.order),
      Array.from({ length: 100 }, (_, order) => ({ order, state: 'paid', refused: 'receive' })),
    )
  }
})

void test('the made-up events are the same each time, and some are refused', async () => {
  const run = async (): Promise<Alert[]> =>
    await all(collect((env) => alertsOf(env.fromSource(generator({ count: 3_000, seed: 7, generate: eventAt })))))
  const [first, second] = [await run(), await run()]
  assert.deepEqual(first, second)
  assert.ok(first.length > 50 && first.length < 600, `${first.length} alerts`)
})
