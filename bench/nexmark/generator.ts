/**
 * The event generator of the Nexmark specification that all engines here are held to: every event is a pure function of (seed, index).
 * All arithmetic is on 32-bit integers; strings are slices of one pool, so that the engine and not the generator is measured.
 */
import type { ZipfRanks } from './zipf.ts'

export const BASE_TIME_MS = 1_700_000_040_000

export interface Person {
  readonly kind: 'person'
  readonly id: number
  readonly name: string
  readonly emailAddress: string
  readonly creditCard: string
  readonly city: string
  readonly state: string
  readonly dateTime: number
  readonly extra: string
}

export interface Auction {
  readonly kind: 'auction'
  readonly id: number
  readonly itemName: string
  readonly description: string
  readonly initialBid: number
  readonly reserve: number
  readonly dateTime: number
  readonly expires: number
  readonly seller: number
  readonly category: number
  readonly extra: string
}

export interface Bid {
  readonly kind: 'bid'
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: number
  readonly extra: string
}

export type Event = Person | Auction | Bid

/** The input of the micro job `count`. */
export interface CountRecord {
  readonly key: number
  readonly id: number
  readonly dateTime: number
  readonly quantity: number
  readonly price: number
  readonly s1: string
  readonly s2: string
}

/** The input of the micro job `state-machine`. */
export interface Signal {
  readonly address: number
  readonly type: number
}

const G1 = 0x9e3779b1 | 0
const G2 = 0x85ebca77 | 0

export function mix(word: number): number {
  let h = word
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return h ^ (h >>> 16)
}

function range(r: number, n: number): number {
  return (r >>> 1) % n
}

function fraction(r: number): number {
  return (r >>> 0) / 2 ** 32
}

/** The k-th random word of an event. */
function word(base: number, k: number): number {
  return mix((base + Math.imul(k, G2)) | 0)
}

// What `word` adds for its k, for events that are made by the million: with these written out, all of a bid compiles into one piece of code.
const R1 = G2
const R2 = Math.imul(2, G2)
const R3 = Math.imul(3, G2)
const R4 = Math.imul(4, G2)
const R5 = Math.imul(5, G2)
const R6 = Math.imul(6, G2)
const R7 = Math.imul(7, G2)
const R8 = Math.imul(8, G2)
const R9 = Math.imul(9, G2)
const R10 = Math.imul(10, G2)
const R11 = Math.imul(11, G2)

/** Keys of the micro job `count`. */
export const COUNT_KEYS = 100_000

const POOL = Array.from({ length: 8192 }, (_, j) => String.fromCharCode(97 + range(mix(0x5eed + j), 26))).join('')

function slice(r: number, length: number): string {
  const from = (r >>> 1) % 7168
  return POOL.substring(from, from + length)
}

const FILLER_FIRST = 48

/** Text of a key, of so many characters, that does not compress: five letters of six bits from each word. */
export function filler(key: number, length: number): string {
  const bytes = Buffer.allocUnsafe(length)
  let bits = 0
  for (let at = 0; at < length; at++) {
    if (at % 5 === 0) bits = word(key | 0, at / 5 + 1)
    bytes[at] = FILLER_FIRST + (bits & 63)
    bits >>>= 6
  }
  return bytes.toString('latin1')
}

const HOT = ['Google', 'Facebook', 'Baidu', 'Apple']
const CHANNELS: string[] = []
const URLS: string[] = []
for (let k = 0; k < 10_004; k++) {
  const base = mix((Math.imul(k, G1) + 0x55524c) | 0)
  CHANNELS.push(k < 4 ? HOT[k]! : `channel-${k - 4}`)
  const id = range(word(base, 4), 10) > 0 ? `&channel_id=${word(base, 5) >>> 1}` : ''
  URLS.push(
    `https://www.nexmark.com/${slice(word(base, 1), 5)}/${slice(word(base, 2), 5)}/${slice(word(base, 3), 5)}/item.htm?query=1${id}`,
  )
}
const FIRST = ['Peter', 'Paul', 'Luke', 'John', 'Saul', 'Vicky', 'Kate', 'Julie', 'Sarah', 'Deiter', 'Walter']
const LAST = ['Shultz', 'Abrams', 'Spencer', 'White', 'Bartels', 'Walton', 'Smith', 'Jones', 'Noris']
const CITIES = ['Phoenix', 'Los Angeles', 'San Francisco', 'Boise', 'Portland', 'Bend', 'Redmond', 'Seattle', 'Kent', 'Cheyenne']
const STATES = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY']

/** 2^(e - 10): exact, and without a branch that no processor can foresee. */
const SCALES = Float64Array.from({ length: 20 }, (_, e) => 2 ** (e - 10))

/** Log-uniform over 100 to 104,806,400 cents. */
function price(r: number): number {
  return ((1024 + (r >>> 22)) * 100 * SCALES[range(r, 20)]!) | 0
}

/** `a` where `flag` is 1, `b` where it is 0; both int32. Without a branch, for where which it is is a coin's toss. */
function choose(flag: number, a: number, b: number): number {
  return b ^ ((a ^ b) & -flag)
}

function around(r: number, desired: number): number {
  const delta = (desired / 5) | 0
  return desired - delta + (delta === 0 ? 0 : range(r, 2 * delta))
}

/** An active person, or one of ten to come. */
function somePerson(r: number, last: number): number {
  const people = (last + 1) | 0
  const active = people < 1000 ? people : 1000
  return (people - active + range(r, (active + 10) | 0)) | 0
}

const FOUR_DIGITS = Array.from({ length: 10_000 }, (_, n) => String(n).padStart(4, '0'))

/** Two groups of four digits. */
function eightDigits(r: number): string {
  const n = range(r, 100_000_000)
  return `${FOUR_DIGITS[(n / 10_000) | 0]!} ${FOUR_DIGITS[n % 10_000]!}`
}

function hundreds(x: number): number {
  return Math.imul(((x | 0) / 100) | 0, 100)
}

const SCRIPTS = [
  [0, 1, 2, 3, 4, 6, 0, 6],
  [0, 6, 0, 6, 0, 6, 0, 6],
  [0, 1, 2, 3, 5, 6, 0, 6],
  [0, 1, 6, 0, 1, 6, 0, 6],
  [0, 1, 2, 3, 5, 3, 4, 6],
]

export class Generator {
  readonly #seed: number
  readonly #eventsPerMs: number

  constructor(seed: number, eventsPerMs: number = 10) {
    this.#seed = seed | 0
    this.#eventsPerMs = eventsPerMs | 0
  }

  time(i: number): number {
    return BASE_TIME_MS + (((i | 0) / this.#eventsPerMs) | 0)
  }

  event(index: number): Event {
    // Integers from here on, for the compiler too.
    const i = index | 0
    const epoch = (i / 50) | 0
    const offset = i - epoch * 50
    if (offset === 0) return this.#person(i, epoch)
    const lastAuction = epoch * 3 + (offset <= 3 ? offset - 1 : 2)
    return offset <= 3 ? this.#auction(i, epoch, lastAuction) : this.#bid(i, epoch, lastAuction)
  }

  /** `keys` of them; `ranks`: some more often than others. */
  record(index: number, keys: number = COUNT_KEYS, ranks?: ZipfRanks): CountRecord {
    const i = index | 0
    const base = this.#base(i)
    return {
      key: ranks === undefined ? range(mix((base + R1) | 0), keys) : ranks.rank((attempt) => fraction(mix((base + R11 + attempt) | 0))),
      id: i,
      dateTime: this.time(i),
      quantity: mix((base + R2) | 0) & 1023,
      price: price(mix((base + R3) | 0)),
      s1: slice(mix((base + R4) | 0), 16),
      s2: slice(mix((base + R5) | 0), 32),
    }
  }

  signal(index: number): Signal {
    const i = index | 0
    const base = this.#base(i)
    const slot = i % 65_536
    const k = (i / 65_536) | 0
    const address = mix(slot) >>> 0
    if (range(word(base, 1), 1000) === 0) return { address, type: range(word(base, 2), 7) }
    const script = range(mix((word(this.#base(slot), 3) + Math.imul(k >> 3, G2)) | 0), 5)
    return { address, type: SCRIPTS[script]![k & 7]! }
  }

  #base(i: number): number {
    return mix((Math.imul(i, G1) + this.#seed) | 0)
  }

  #person(i: number, epoch: number): Person {
    const base = this.#base(i)
    const name = `${FIRST[range(word(base, 1), 11)]!} ${LAST[range(word(base, 2), 9)]!}`
    const emailAddress = `${slice(word(base, 3), 7)}@${slice(word(base, 4), 5)}.com`
    const creditCard = `${eightDigits(word(base, 5))} ${eightDigits(word(base, 6))}`
    const city = CITIES[range(word(base, 7), 10)]!
    const state = STATES[range(word(base, 8), 6)]!
    const size = 8 + name.length + emailAddress.length + 19 + city.length + state.length + 8
    const extra = slice(word(base, 10), around(word(base, 9), 200 - size))
    return { kind: 'person', id: 1000 + epoch, name, emailAddress, creditCard, city, state, dateTime: this.time(i), extra }
  }

  #auction(i: number, lastPerson: number, lastAuction: number): Auction {
    const base = this.#base(i)
    const itemName = slice(word(base, 2), 3 + range(word(base, 1), 17))
    const description = slice(word(base, 4), 3 + range(word(base, 3), 97))
    const initialBid = price(word(base, 5))
    const dateTime = this.time(i)
    const horizon = (((i + 1666) / this.#eventsPerMs) | 0) - ((i / this.#eventsPerMs) | 0)
    return {
      kind: 'auction',
      id: 1000 + lastAuction,
      itemName,
      description,
      initialBid,
      reserve: initialBid + price(word(base, 6)),
      dateTime,
      expires: dateTime + 1 + range(word(base, 7), horizon === 0 ? 1 : 2 * horizon),
      seller: 1000 + (range(word(base, 8), 4) > 0 ? hundreds(lastPerson) : somePerson(word(base, 9), lastPerson)),
      category: 10 + range(word(base, 10), 5),
      extra: slice(word(base, 12), around(word(base, 11), 500 - (56 + itemName.length + description.length))),
    }
  }

  #bid(i: number, lastPerson: number, lastAuction: number): Bid {
    const base = this.#base(i)
    const low = lastAuction > 100 ? (lastAuction - 100) | 0 : 0
    const someAuction = (low + range(mix((base + R2) | 0), (lastAuction - low + 11) | 0)) | 0
    const hotAuction = range(mix((base + R1) | 0), 2)
    const person = somePerson(mix((base + R4) | 0), lastPerson)
    const isHotPerson = range(mix((base + R3) | 0), 4) > 0
    const k = choose(range(mix((base + R6) | 0), 2), range(mix((base + R7) | 0), 4), 4 + range(mix((base + R8) | 0), 10_000))
    return {
      kind: 'bid',
      auction: 1000 + choose(hotAuction, hundreds(lastAuction), someAuction),
      bidder: 1000 + (isHotPerson ? hundreds(lastPerson) + 1 : person),
      price: price(mix((base + R5) | 0)),
      channel: CHANNELS[k]!,
      url: URLS[k]!,
      dateTime: this.time(i),
      extra: slice(mix((base + R10) | 0), 55 + range(mix((base + R9) | 0), 26)),
    }
  }
}
