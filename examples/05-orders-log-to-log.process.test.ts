import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, execute } from 'millrace'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import job, { outcomesOf, type Outcome } from './05-orders-log-to-log.ts'
import type { OrderEvent } from './03-order-state-machine.ts'

const events: readonly OrderEvent[] = [
  { order: 1, type: 'pay' },
  { order: 2, type: 'ship' },
  { order: 1, type: 'ship' },
  { order: 2, type: 'cancel' },
  { order: 1, type: 'pay' },
  { order: 1, type: 'receive' },
  { order: 1, type: 'cancel' },
]

const outcomes: readonly Outcome[] = [
  { order: 1, state: 'received', moves: 3, refused: 1 },
  { order: 2, state: 'cancelled', moves: 1, refused: 1 },
]

function sorted(found: readonly Outcome[]): readonly Outcome[] {
  return found.toSorted((a, b) => a.order - b.order)
}

void test('an order has one outcome, with what it took to get there', async () => {
  const found: Outcome[] = []
  for await (const outcome of collect((env) => outcomesOf(env.fromCollection(events)))) found.push(outcome)
  assert.deepEqual(sorted(found), outcomes)
})

void test('outcomes go to their topic when a checkpoint is complete', async () => {
  const log = await Log.start({ memory: true })
  const client = new LogClient({ bootstrap: log.bootstrap })
  try {
    const producer = client.producer({ lingerMs: 0 })
    await Promise.all(events.map((event) => producer.send({ topic: 'orders', key: String(event.order), value: JSON.stringify(event) })))
    await producer.close()
    await client.topic('order-outcomes', { autoCreate: true })
    const ending = new AbortController()
    const checkpointing = { interval: '50ms', storage: 'memory' } as const
    const params = { brokers: log.bootstrap }
    const running = execute(job, { params, options: { checkpointing }, signal: ending.signal })
    const fetcher = client.fetcher({ isolation: 'read_committed', maxWaitMs: 10 })
    fetcher.assign([{ topic: 'order-outcomes', partition: 0, start: 'earliest' }])
    const found: Outcome[] = []
    while (found.length < outcomes.length) {
      for (const { records } of await fetcher.poll({ waitMs: 100 })) {
        found.push(...records.map(({ value }) => JSON.parse(Buffer.from(value!).toString()) as Outcome))
      }
    }
    fetcher.close()
    ending.abort()
    await running
    assert.deepEqual(sorted(found), outcomes)
  } finally {
    client.close()
    await log.close()
  }
})
