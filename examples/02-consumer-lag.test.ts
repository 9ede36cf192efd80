import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect } from 'millrace'
import { lags, offsetsAt, type Offsets } from './02-consumer-lag.ts'

void test('each consumer lags by what the producer has written and it has not read', async () => {
  const moment: Offsets = { at: 1_000, producer: 15, consumers: { a: 10, b: 7, c: 12 } }
  const found: string[] = []
  for await (const { consumer, lag } of collect((env) => env.fromCollection([moment, moment]).flatMap(lags)))
    found.push(`${consumer} ${lag}`)
  assert.deepEqual(found, ['a 5', 'b 8', 'c 3', 'a 5', 'b 8', 'c 3'], 'the same for the same record: there is no state')
})

void test('no consumer is ahead of its producer', () => {
  for (let second = 0; second < 100; second++) for (const { lag } of lags(offsetsAt(second))) assert.ok(lag >= 0)
})
