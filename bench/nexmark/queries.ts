/**
 * The queries of the specification that need neither windows nor timers, and its micro jobs. Each takes the source's events and ends in rows, in the sink's hands.
 * Where rows cross an exchange only the fields that are needed do, as in any job written with care.
 */
import { list, map, type, value, type MapState } from '@millrace/engine'
import { q17, q4, q9 } from './auction-queries.ts'
import { Generator, type Auction, type Bid, type Event, type Person, type Signal } from './generator.ts'
import { count } from './keyed-count.ts'
import { events, isBid, sink, timedEvents, type Query } from './query.ts'
import { hashNumber, ROW_START } from './row-checksum.ts'
import type { AddRow } from './sink.ts'
import { eventSource } from './source.ts'

// ---------- rows

const bidSlim: AddRow<{
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
  readonly extra: string
}> = (row, checksum) => {
  let h = hashNumber(hashNumber(ROW_START, row.auction), row.bidder)
  h = hashNumber(hashNumber(h, row.price), row.dateTime)
  checksum.string(row.extra)
  checksum.end(h, 1)
  return 1
}

type BidRow = Pick<Bid, 'auction' | 'bidder' | 'price' | 'dateTime' | 'channel' | 'url' | 'extra'>

function addBid(row: BidRow, checksum: Parameters<AddRow<unknown>>[1], sign: 1 | -1): void {
  let h = hashNumber(hashNumber(ROW_START, row.auction), row.bidder)
  h = hashNumber(hashNumber(h, row.price), row.dateTime)
  checksum.string(row.channel)
  checksum.string(row.url)
  checksum.string(row.extra)
  checksum.end(h, sign)
}

/** A row that comes (`row`), takes the place of another, or goes (`before` alone). */
interface Change {
  readonly row: BidRow | undefined
  readonly before: BidRow | undefined
}

const change: AddRow<Change> = ({ row, before }, checksum) => {
  if (before !== undefined) addBid(before, checksum, -1)
  if (row !== undefined) addBid(row, checksum, 1)
  return (row === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
}

// ---------- orders on bids

/** Higher price, then earlier, then smaller bidder, then smaller extra. */
function isBetter(a: BidRow, b: BidRow): boolean {
  if (a.price !== b.price) return a.price > b.price
  if (a.dateTime !== b.dateTime) return a.dateTime < b.dateTime
  if (a.bidder !== b.bidder) return a.bidder < b.bidder
  return a.extra < b.extra
}

/** Later, then higher price, then larger extra. */
function isLater(a: BidRow, b: BidRow): boolean {
  if (a.dateTime !== b.dateTime) return a.dateTime > b.dateTime
  if (a.price !== b.price) return a.price > b.price
  return a.extra > b.extra
}

// ---------- queries

const q0: Query = (env, params) => sink(params, events(env, params).filter(isBid), bidSlim)

const q1: Query = (env, params) => {
  const euro = events(env, params)
    .filter(isBid)
    .map(({ auction, bidder, price, dateTime, extra }) => ({ auction, bidder, price: Math.floor((price * 908) / 1000), dateTime, extra }))
  sink(params, euro, bidSlim)
}

const q2: Query = (env, params) => {
  const some = events(env, params)
    .filter((event): event is Bid => event.kind === 'bid' && event.auction % 123 === 0)
    .map(({ auction, price }) => ({ auction, price }))
  sink(params, some, (row, checksum) => {
    checksum.end(hashNumber(hashNumber(ROW_START, row.auction), row.price), 1)
    return 1
  })
}

interface Seller {
  readonly key: number
  /** Absent: not from one of the states, nothing will ever match. */
  readonly person: { readonly name: string; readonly city: string; readonly state: string } | undefined
  /** An auction's id; -1 for a person. */
  readonly auction: number
}

function toSeller(event: Event): readonly Seller[] {
  if (event.kind === 'person') {
    const { name, city, state } = event
    const person = state === 'OR' || state === 'ID' || state === 'CA' ? { name, city, state } : undefined
    return [{ key: event.id, person, auction: -1 }]
  }
  if (event.kind === 'auction' && event.category === 10) return [{ key: event.seller, person: undefined, auction: event.id }]
  return []
}

const q3: Query = (env, params) => {
  const rows = events(env, params)
    .filter((event): event is Person | Auction => event.kind !== 'bid')
    .flatMap(toSeller)
    .keyBy((seller) => seller.key)
    .process({
      emits: type<{ readonly id: number; readonly name: string; readonly city: string; readonly state: string }>(),
      state: { person: value<NonNullable<Seller['person']> | null>(), waiting: list<number>() },
      onElement(seller, ctx) {
        const { person, waiting } = ctx.state
        if (seller.auction < 0) {
          person.set(seller.person ?? null)
          if (seller.person !== undefined) for (const id of waiting.get()) ctx.emit({ id, ...seller.person })
          waiting.clear()
          return
        }
        const known = person.get()
        if (known === undefined) waiting.add(seller.auction)
        else if (known !== null) ctx.emit({ id: seller.auction, name: known.name, city: known.city, state: known.state })
      },
    })
    .uid('join')
  sink(params, rows, (row, checksum) => {
    checksum.string(row.name)
    checksum.string(row.city)
    checksum.string(row.state)
    checksum.end(hashNumber(ROW_START, row.id), 1)
    return 1
  })
}

const q18: Query = (env, params) => {
  const rows = events(env, params)
    .filter(isBid)
    .keyBy((bid) => bid.bidder * 4_194_304 + bid.auction)
    .process({
      emits: type<Change>(),
      state: { last: value<Bid>() },
      onElement(bid, ctx) {
        const { last } = ctx.state
        const before = last.get()
        if (before !== undefined && !isLater(bid, before)) return
        last.set(bid)
        ctx.emit({ row: bid, before })
      },
    })
    .uid('last')
  sink(params, rows, change)
}

function worstPlace(top: MapState<number, Bid>): number {
  let worst = 0
  let lowest = top.get(0)!
  for (let place = 1; place < 10; place++) {
    const bid = top.get(place)!
    if (isBetter(lowest, bid)) {
      worst = place
      lowest = bid
    }
  }
  return worst
}

const q19: Query = (env, params) => {
  const rows = events(env, params)
    .filter(isBid)
    .keyBy((bid) => bid.auction)
    .process({
      emits: type<Change>(),
      // Each of the ten is an entry of its own: what changes with a bid is one entry, and the place of the worst.
      state: { top: map<number, Bid>(), worst: value<number>() },
      onElement(bid, ctx) {
        const { top, worst } = ctx.state
        const known = top.size
        const place = known < 10 ? known : worst.get()!
        if (known === 10) {
          const out = top.get(place)!
          if (!isBetter(bid, out)) return
          ctx.emit({ row: undefined, before: out })
        }
        top.set(place, bid)
        ctx.emit({ row: bid, before: undefined })
        if (known >= 9) worst.set(worstPlace(top))
      },
    })
    .uid('top')
  sink(params, rows, change)
}

/** What q20 sends over its exchange: a bid, an auction of the category, or the mark of another. */
interface AuctionOrBid {
  readonly id: number
  readonly bid: Bid | undefined
  readonly auction: Auction | undefined
}

/** It has no use for event time but one: bids and auctions of two sources are read in step then, so that fewer bids have to wait. */
const q20: Query = (env, params) => {
  const rows = timedEvents(env, params)
    .filter((event): event is Auction | Bid => event.kind !== 'person')
    .map((event): AuctionOrBid =>
      event.kind === 'bid'
        ? { id: event.auction, bid: event, auction: undefined }
        : { id: event.id, bid: undefined, auction: event.category === 10 ? event : undefined },
    )
    .keyBy(({ id }) => id)
    .process({
      emits: type<{ readonly bid: Bid; readonly auction: Auction }>(),
      state: { auction: value<Auction | null>(), waiting: list<Bid>() },
      onElement({ bid, auction }, ctx) {
        const known = ctx.state.auction
        if (bid !== undefined) {
          const joined = known.get()
          if (joined === undefined) ctx.state.waiting.add(bid)
          else if (joined !== null) ctx.emit({ bid, auction: joined })
          return
        }
        known.set(auction ?? null)
        if (auction !== undefined) for (const early of ctx.state.waiting.get()) ctx.emit({ bid: early, auction })
        ctx.state.waiting.clear()
      },
    })
    .uid('join')
  sink(params, rows, ({ bid, auction }, checksum) => {
    let h = hashNumber(hashNumber(ROW_START, bid.auction), bid.bidder)
    h = hashNumber(hashNumber(h, bid.price), bid.dateTime)
    h = hashNumber(hashNumber(h, auction.initialBid), auction.reserve)
    h = hashNumber(hashNumber(h, auction.dateTime), auction.expires)
    h = hashNumber(hashNumber(h, auction.seller), auction.category)
    checksum.string(bid.channel)
    checksum.string(bid.url)
    checksum.string(bid.extra)
    checksum.string(auction.itemName)
    checksum.string(auction.description)
    checksum.string(auction.extra)
    checksum.end(h, 1)
    return 1
  })
}

const q22: Query = (env, params) => {
  const rows = events(env, params)
    .filter(isBid)
    .map(({ auction, bidder, price, channel, url }) => {
      const host = url.indexOf('/', url.indexOf('/', url.indexOf('/') + 1) + 1)
      const first = url.indexOf('/', host + 1)
      const second = url.indexOf('/', first + 1)
      const third = url.indexOf('/', second + 1)
      return {
        auction,
        bidder,
        price,
        channel,
        directory1: url.substring(host + 1, first),
        directory2: url.substring(first + 1, second),
        directory3: third < 0 ? url.substring(second + 1) : url.substring(second + 1, third),
      }
    })
  sink(params, rows, (row, checksum) => {
    checksum.string(row.channel)
    checksum.string(row.directory1)
    checksum.string(row.directory2)
    checksum.string(row.directory3)
    checksum.end(hashNumber(hashNumber(hashNumber(ROW_START, row.auction), row.bidder), row.price), 1)
    return 1
  })
}

// ---------- micro jobs

const gen: Query = (env, params) => {
  const nothing = events(env, params).filter((event) => event.kind === ('none' as string))
  sink(params, nothing, () => 0)
}

/** next[state][event], -1 where the event is illegal. */
const NEXT = [
  [1, -1, -1, -1, -1, -1, -1],
  [-1, 2, -1, -1, -1, -1, 0],
  [-1, -1, 3, -1, -1, -1, 0],
  [-1, -1, -1, 4, -1, -1, -1],
  [-1, -1, -1, -1, 5, 6, -1],
  [-1, -1, -1, -1, -1, 6, 0],
  [-1, -1, -1, 4, -1, -1, 0],
]

const stateMachine: Query = (env, params) => {
  const make = (): ((index: number) => Signal) => {
    const generator = new Generator(params.seed)
    return (index) => generator.signal(index)
  }
  const rows = env
    .fromSource(eventSource<Signal>({ count: params.events, crashAt: params.crashAt, make }), { uid: 'signals' })
    .keyBy((signal) => signal.address)
    .process({
      emits: type<{ readonly address: number; readonly state: number; readonly type: number }>(),
      state: { state: value<number>() },
      onElement(signal, ctx) {
        const { state } = ctx.state
        const before = state.get() ?? 0
        const next = NEXT[before]![signal.type]!
        if (next < 0) ctx.emit({ address: signal.address, state: before, type: signal.type })
        if (next <= 0) state.clear()
        else state.set(next)
      },
    })
    .uid('state-machine')
  sink(params, rows, (row, checksum) => {
    checksum.end(hashNumber(hashNumber(hashNumber(ROW_START, row.address), row.state), row.type), 1)
    return 1
  })
}

export const queries: { readonly [name: string]: Query } = {
  q0,
  q1,
  q2,
  q3,
  q4,
  q9,
  q17,
  q18,
  q19,
  q20,
  q22,
  gen,
  count,
  'state-machine': stateMachine,
}
