import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, generator, watermarks } from 'millrace'
import { againstYesterday, saleAt, type Comparison, type Sale } from './09-today-against-yesterday.ts'
import { everyRecordAWatermark } from './shared/every-record-a-watermark.ts'

const HOUR_MS = 3_600_000

function sale(shop: string, day: number, hour: number, cents: number): Sale {
  return { shop, cents, at: (day * 24 + hour) * HOUR_MS + 60_000 }
}

async function compared(sales: readonly Sale[]): Promise<[shop: string, day: number, hour: number, today: number, yesterday: number][]> {
  const results: Comparison[] = []
  const strategy = everyRecordAWatermark<Sale>()
  for await (const result of collect((env) => againstYesterday(env.fromCollection(sales, { watermarks: strategy })))) results.push(result)
  return results.map(({ shop, until, today, yesterday }) => {
    const hours = until / HOUR_MS
    return [shop, Math.floor(hours / 24), hours % 24, today, yesterday]
  })
}

void test('an hour is compared with the same hours of the day before', async () => {
  const sales = [
    sale('a', 1, 9, 100),
    sale('a', 1, 11, 50),
    sale('a', 2, 9, 70),
    sale('a', 2, 9, 10),
    sale('a', 2, 10, 30),
    sale('a', 2, 12, 5),
  ]
  assert.deepEqual(await compared(sales), [
    ['a', 1, 10, 100, 0],
    ['a', 1, 12, 150, 0],
    ['a', 2, 10, 80, 100],
    ['a', 2, 11, 110, 100],
    ['a', 2, 13, 115, 150],
  ])
})

void test('the day before yesterday is forgotten, and shops do not mix', async () => {
  const sales = [sale('a', 1, 0, 1), sale('b', 1, 0, 2), sale('b', 2, 0, 3), sale('a', 3, 0, 4)]
  const results = await compared(sales)
  assert.deepEqual(
    results.toSorted(([a, day], [b, other]) => a.localeCompare(b) || day - other),
    [
      ['a', 1, 1, 1, 0],
      ['a', 3, 1, 4, 0],
      ['b', 1, 1, 2, 0],
      ['b', 2, 1, 3, 2],
    ],
  )
})

void test('of the made-up sales every hour of every shop is compared', async () => {
  const results: Comparison[] = []
  const source = generator({ count: 2_000, seed: 7, generate: saleAt })
  const strategy = watermarks.boundedOutOfOrderness<Sale>('1m', ({ at }) => at)
  for await (const result of collect((env) => againstYesterday(env.fromSource(source, { watermarks: strategy })), { parallelism: 2 }))
    results.push(result)
  assert.equal(results.length, 3 * 100)
  const later = results.filter(({ until }) => until > Date.UTC(2026, 0, 2, 12))
  assert.ok(later.every(({ today, yesterday }) => today > 0 && yesterday > 0))
})
