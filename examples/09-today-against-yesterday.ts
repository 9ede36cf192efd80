// What each shop has sold today, hour by hour, beside what it had sold yesterday at the same hour.
//
//   millrace run examples/09-today-against-yesterday.ts -p 2
//
// Yesterday is not asked for in a database for every sale: it is in state, and goes when it is older than it need be.
import { defineJob, generator, map, print, type, watermarks, type Environment, type GeneratorContext, type Stream } from 'millrace'

export interface Sale {
  readonly shop: string
  readonly cents: number
  /** Milliseconds since 1970. */
  readonly at: number
}

export interface Comparison {
  readonly shop: string
  /** When the hour ended that this is about, milliseconds since 1970. */
  readonly until: number
  /** Sold since midnight (UTC). */
  readonly today: number
  /** Sold from the midnight before to the same hour. */
  readonly yesterday: number
}

const HOUR_MS = 3_600_000
const DAY_HOURS = 24

/** The last millisecond of an hour; hours are counted from 1970. */
function lastOf(hour: number): number {
  return (hour + 1) * HOUR_MS - 1
}

export function againstYesterday(sales: Stream<Sale>): Stream<Comparison> {
  return sales
    .keyBy((sale) => sale.shop)
    .process({
      emits: type<Comparison>(),
      /** Cents by the hour; an entry for each hour of two days at most. */
      state: { hours: map<number, number>() },
      onElement({ cents, at }, ctx) {
        const { hours } = ctx.state
        const hour = Math.floor(at / HOUR_MS)
        hours.set(hour, (hours.get(hour) ?? 0) + cents)
        ctx.eventTimers.at(lastOf(hour))
        ctx.eventTimers.at(lastOf(hour + 2 * DAY_HOURS))
      },
      onEventTimer(time, ctx) {
        const { hours } = ctx.state
        const hour = (time + 1) / HOUR_MS - 1
        hours.delete(hour - 2 * DAY_HOURS)
        if (!hours.has(hour)) return
        let [today, yesterday] = [0, 0]
        for (let each = hour - (hour % DAY_HOURS); each <= hour; each++) {
          today += hours.get(each) ?? 0
          yesterday += hours.get(each - DAY_HOURS) ?? 0
        }
        ctx.emit({ shop: ctx.key, until: time + 1, today, yesterday })
      },
    })
    .uid('sales-by-hour')
}

const firstAt = Date.UTC(2026, 0, 1)
const shops = ['Antwerp', 'Cork', 'Graz']

/** A sale every three minutes; they sell a little more each day. */
export function saleAt(index: number, ctx: GeneratorContext): Sale {
  const at = firstAt + index * 180_000
  const day = Math.floor((at - firstAt) / (DAY_HOURS * HOUR_MS))
  return { shop: shops[index % shops.length]!, cents: Math.floor((500 + ctx.random() * 2_000) * (1 + 0.1 * day)), at }
}

const params = { sales: 2_000, ratePerSecond: 2_000, seed: 7 }

function euros(cents: number): string {
  return (cents / 100).toFixed(2)
}

export default defineJob('today-against-yesterday', { params }, (env: Environment, { sales: count, ratePerSecond, seed }) => {
  const sales = env.fromSource(generator({ count, ratePerSecond, seed, generate: saleAt }), {
    uid: 'sales',
    watermarks: watermarks.boundedOutOfOrderness('1m', (sale) => sale.at),
  })
  againstYesterday(sales)
    .map(({ shop, until, today, yesterday }) => {
      const change = yesterday === 0 ? '' : ` (${today < yesterday ? '' : '+'}${Math.round((today / yesterday - 1) * 100)} %)`
      return `${new Date(until).toISOString().slice(0, 16)} ${shop}: ${euros(today)} today, ${euros(yesterday)} yesterday${change}`
    })
    .sinkTo(print({ prefix: '' }))
    .uid('comparisons')
})
