import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, generator, watermarks } from 'millrace'
import { paymentAt, withoutRepetitions, type Payment } from './06-deduplication.ts'
import { everyRecordAWatermark } from './shared/every-record-a-watermark.ts'

async function idsOf(payments: readonly Payment[], parallelism: number): Promise<string[]> {
  const ids: string[] = []
  const results = collect(
    (env) => withoutRepetitions(env.fromCollection(payments, { watermarks: everyRecordAWatermark<Payment>() }), '1m'),
    {
      parallelism,
    },
  )
  for await (const { id } of results) ids.push(id)
  return ids.toSorted()
}

function payment(id: string, atSeconds: number): Payment {
  return { id, account: 1, cents: 100, at: atSeconds * 1_000 }
}

void test('each id passes once, at any parallelism', async () => {
  const payments = ['a', 'b', 'a', 'c', 'b', 'a'].map((id, index) => payment(id, index))
  for (const parallelism of [1, 3]) assert.deepEqual(await idsOf(payments, parallelism), ['a', 'b', 'c'])
})

void test('an id is forgotten after a minute, counted from the first payment that had it', async () => {
  const payments = [
    payment('a', 0),
    payment('a', 59),
    payment('b', 61),
    payment('a', 62),
    payment('a', 121),
    payment('c', 123),
    payment('a', 124),
  ]
  assert.deepEqual(await idsOf(payments, 1), ['a', 'a', 'a', 'b', 'c'])
})

void test('of the made-up payments some are repeated, and all pass once', async () => {
  const seen: string[] = []
  const source = generator({ count: 2_000, seed: 7, generate: paymentAt })
  const strategy = watermarks.monotonous<Payment>(({ at }) => at)
  for await (const { id } of collect((env) => withoutRepetitions(env.fromSource(source, { watermarks: strategy }), '1m'))) seen.push(id)
  assert.equal(new Set(seen).size, seen.length)
  assert.ok(seen.length > 1_400 && seen.length < 1_900, `${seen.length} payments`)
})
