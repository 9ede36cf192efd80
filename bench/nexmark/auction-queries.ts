/**
 * The queries with event-time timers: the winning bids of auctions that have closed, and the running figures of an auction in a bucket of time.
 *
 * Small numbers are states of their own: they lie side by side without an object each, and a bid that changes nothing reads only them.
 */
import { list, type, value } from '@millrace/engine'
import type { Auction, Bid, Event } from './generator.ts'
import { isBid, sink, timedEvents, type Query } from './query.ts'
import { hashNumber, ROW_START, type RowChecksum } from './row-checksum.ts'

// ---------- q4

/** A bid (`category` 0), or an auction. */
interface PricedEvent {
  readonly auction: number
  readonly category: number
  readonly dateTime: number
  readonly expires: number
  readonly price: number
}

interface PricedBid {
  readonly price: number
  readonly dateTime: number
}

function toPriced(event: Event): readonly PricedEvent[] {
  const { kind, dateTime } = event
  if (kind === 'bid') return [{ auction: event.auction, category: 0, dateTime, expires: 0, price: event.price }]
  if (kind === 'auction') return [{ auction: event.id, category: event.category, dateTime, expires: event.expires, price: 0 }]
  return []
}

/** The average of a category after one more auction has closed; `before` is -1 for its first. */
interface AverageChange {
  readonly category: number
  readonly average: number
  readonly before: number
}

function averageHash(category: number, average: number): number {
  return hashNumber(hashNumber(ROW_START, category), average)
}

export const q4: Query = (env, params) => {
  const rows = timedEvents(env, params)
    .flatMap(toPriced)
    .keyBy(({ auction }) => auction)
    .process({
      emits: type<{ readonly category: number; readonly price: number }>(),
      state: {
        category: value<number>(),
        opened: value<number>(),
        expires: value<number>(),
        best: value<number>(),
        early: list<PricedBid>(),
      },
      onElement({ category, dateTime, expires, price }, ctx) {
        const { state } = ctx
        if (category > 0) {
          state.category.set(category)
          state.opened.set(dateTime)
          state.expires.set(expires)
          ctx.eventTimers.at(expires)
          const prices = state.early.get().flatMap((bid) => (bid.dateTime >= dateTime && bid.dateTime <= expires ? [bid.price] : []))
          if (prices.length > 0) state.best.set(Math.max(...prices))
          state.early.clear()
          return
        }
        const until = state.expires.get()
        if (until === undefined) {
          state.early.add({ price, dateTime })
          ctx.eventTimers.at(dateTime)
        } else if (dateTime <= until && dateTime >= state.opened.get()! && price > (state.best.get() ?? 0)) state.best.set(price)
      },
      onEventTimer(time, ctx) {
        const { state } = ctx
        const until = state.expires.get()
        if (until === undefined) {
          const waiting = state.early.get().filter((bid) => bid.dateTime > time)
          state.early.clear()
          state.early.addAll(waiting)
        } else if (time >= until) {
          const price = state.best.get()
          if (price !== undefined) ctx.emit({ category: state.category.get()!, price })
          for (const cell of [state.category, state.opened, state.expires, state.best]) cell.clear()
        }
      },
    })
    .uid('winners')
    .keyBy(({ category }) => category)
    .process({
      emits: type<AverageChange>(),
      state: { sum: value<number>(), auctions: value<number>() },
      onElement({ category, price }, ctx) {
        const { sum, auctions } = ctx.state
        const closed = auctions.get() ?? 0
        const before = closed === 0 ? -1 : Math.floor(sum.get()! / closed)
        sum.set((sum.get() ?? 0) + price)
        auctions.set(closed + 1)
        ctx.emit({ category, average: Math.floor(sum.get()! / (closed + 1)), before })
      },
    })
    .uid('averages')
  sink(params, rows, ({ category, average, before }, checksum) => {
    if (before >= 0) checksum.end(averageHash(category, before), -1)
    checksum.end(averageHash(category, average), 1)
    return before >= 0 ? 0 : 1
  })
}

// ---------- q9

type WinnerBid = Pick<Bid, 'bidder' | 'price' | 'dateTime' | 'extra'>

interface AuctionOrBid {
  readonly id: number
  readonly bid: WinnerBid | undefined
  readonly auction: Auction | undefined
}

function toAuctionOrBid(event: Event): readonly AuctionOrBid[] {
  if (event.kind === 'person') return []
  if (event.kind === 'auction') return [{ id: event.id, bid: undefined, auction: event }]
  const { auction, bidder, price, dateTime, extra } = event
  return [{ id: auction, bid: { bidder, price, dateTime, extra }, auction: undefined }]
}

/** At the same price: the earlier, then the smaller bidder, then the smaller extra. */
function isBetter(a: WinnerBid, b: WinnerBid): boolean {
  if (a.price !== b.price) return a.price > b.price
  if (a.dateTime !== b.dateTime) return a.dateTime < b.dateTime
  if (a.bidder !== b.bidder) return a.bidder < b.bidder
  return a.extra < b.extra
}

export const q9: Query = (env, params) => {
  const rows = timedEvents(env, params)
    .flatMap(toAuctionOrBid)
    .keyBy(({ id }) => id)
    .process({
      emits: type<{ readonly auction: Auction; readonly bid: WinnerBid }>(),
      state: {
        opened: value<number>(),
        expires: value<number>(),
        price: value<number>(),
        auction: value<Auction>(),
        best: value<WinnerBid>(),
        early: list<WinnerBid>(),
      },
      onElement({ bid, auction }, ctx) {
        const { state } = ctx
        if (bid !== undefined) {
          const until = state.expires.get()
          if (until === undefined) {
            state.early.add(bid)
            ctx.eventTimers.at(bid.dateTime)
            return
          }
          if (bid.dateTime > until || bid.dateTime < state.opened.get()!) return
          const price = state.price.get() ?? 0
          if (bid.price < price || (bid.price === price && !isBetter(bid, state.best.get()!))) return
          state.best.set(bid)
          state.price.set(bid.price)
        } else if (auction !== undefined) {
          const { dateTime, expires } = auction
          state.opened.set(dateTime)
          state.expires.set(expires)
          state.auction.set(auction)
          ctx.eventTimers.at(expires)
          let best: WinnerBid | undefined
          for (const early of state.early.get())
            if (early.dateTime >= dateTime && early.dateTime <= expires && (best === undefined || isBetter(early, best))) best = early
          state.early.clear()
          if (best === undefined) return
          state.best.set(best)
          state.price.set(best.price)
        }
      },
      onEventTimer(time, ctx) {
        const { state } = ctx
        const until = state.expires.get()
        if (until === undefined) {
          const waiting = state.early.get().filter((bid) => bid.dateTime > time)
          state.early.clear()
          state.early.addAll(waiting)
        } else if (time >= until) {
          const bid = state.best.get()
          if (bid !== undefined) ctx.emit({ auction: state.auction.get()!, bid })
          for (const cell of [state.opened, state.expires, state.price, state.auction, state.best]) cell.clear()
        }
      },
    })
    .uid('winners')
  sink(params, rows, ({ auction, bid }, checksum) => {
    let h = hashNumber(hashNumber(ROW_START, auction.id), auction.initialBid)
    h = hashNumber(hashNumber(h, auction.reserve), auction.dateTime)
    h = hashNumber(hashNumber(h, auction.expires), auction.seller)
    h = hashNumber(hashNumber(h, auction.category), bid.bidder)
    h = hashNumber(hashNumber(h, bid.price), bid.dateTime)
    checksum.string(auction.itemName)
    checksum.string(auction.description)
    checksum.string(auction.extra)
    checksum.string(bid.extra)
    checksum.end(h, 1)
    return 1
  })
}

// ---------- q17

const BUCKET_MS = 60_000
/** More than there are buckets up to the year 2097. */
const BUCKETS_MAX = 2 ** 26

interface AuctionFigures {
  readonly bids: number
  readonly low: number
  readonly middle: number
  readonly high: number
  readonly min: number
  readonly max: number
  readonly sum: number
}

/** Of an auction and a bucket: the figures after a bid, and before it. */
interface FiguresChange {
  readonly key: number
  readonly figures: AuctionFigures
  readonly before: AuctionFigures | undefined
}

const noBids: AuctionFigures = { bids: 0, low: 0, middle: 0, high: 0, min: Infinity, max: 0, sum: 0 }

function withBid({ bids, low, middle, high, min, max, sum }: AuctionFigures, price: number): AuctionFigures {
  return {
    bids: bids + 1,
    low: price < 10_000 ? low + 1 : low,
    middle: price >= 10_000 && price < 1_000_000 ? middle + 1 : middle,
    high: price >= 1_000_000 ? high + 1 : high,
    min: price < min ? price : min,
    max: price > max ? price : max,
    sum: sum + price,
  }
}

function addFigures(key: number, figures: AuctionFigures, checksum: RowChecksum, sign: 1 | -1): void {
  const { bids, low, middle, high, min, max, sum } = figures
  const auction = Math.floor(key / BUCKETS_MAX)
  let h = hashNumber(hashNumber(ROW_START, auction), (key - auction * BUCKETS_MAX) * BUCKET_MS)
  h = hashNumber(hashNumber(h, bids), low)
  h = hashNumber(hashNumber(h, middle), high)
  h = hashNumber(hashNumber(h, min), max)
  checksum.end(hashNumber(hashNumber(h, Math.floor(sum / bids)), sum), sign)
}

export const q17: Query = (env, params) => {
  const rows = timedEvents(env, params)
    .filter(isBid)
    .map(({ auction, price, dateTime }) => ({ key: auction * BUCKETS_MAX + Math.floor(dateTime / BUCKET_MS), price }))
    .keyBy(({ key }) => key)
    .process({
      emits: type<FiguresChange>(),
      state: { figures: value<AuctionFigures>() },
      onElement({ key, price }, ctx) {
        const before = ctx.state.figures.get()
        const figures = withBid(before ?? noBids, price)
        if (before === undefined) ctx.eventTimers.at(((key % BUCKETS_MAX) + 1) * BUCKET_MS - 1)
        ctx.state.figures.set(figures)
        ctx.emit({ key, figures, before })
      },
      onEventTimer(_time, ctx) {
        ctx.state.figures.clear()
      },
    })
    .uid('figures')
  sink(params, rows, ({ key, figures, before }, checksum) => {
    if (before !== undefined) addFigures(key, before, checksum, -1)
    addFigures(key, figures, checksum, 1)
    return before === undefined ? 1 : 0
  })
}
