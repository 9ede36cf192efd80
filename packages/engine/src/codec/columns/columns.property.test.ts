import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { anyNumber, anyString, anyValue } from '../fixtures/values.ts'
import { ColumnDecoder } from './decoder.ts'
import { ColumnEncoder } from './encoder.ts'
import { NO_TIMESTAMP } from './frame.ts'

interface Sent {
  readonly value: unknown
  readonly timestamp: number
  readonly hash: number
}

/** Sends records in batches that end where `cuts` says, and answers what arrives. */
function through(sent: readonly Sent[], cuts: readonly number[], keyed: boolean, selfContained = false): Sent[] {
  const encoder = new ColumnEncoder({ keyed, selfContained })
  let decoder = new ColumnDecoder()
  const arrived: Sent[] = []
  const flush = (): void => {
    if (encoder.count === 0) return
    const frame = Uint8Array.from(encoder.finish())
    if (selfContained) decoder = new ColumnDecoder()
    const batch = decoder.decode(frame)
    for (let i = 0; i < batch.count; i++) {
      arrived.push({ value: batch.values[i], timestamp: batch.timestamps?.[i] ?? NO_TIMESTAMP, hash: batch.hashes?.[i] ?? 0 })
    }
  }
  sent.forEach(({ value, timestamp, hash }, index) => {
    if (cuts.includes(index)) flush()
    encoder.append(value, timestamp, hash)
  })
  flush()
  return arrived
}

function keyOrder(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return undefined
  if (value instanceof Map || value instanceof Set) return [...value].map(keyOrder)
  return Object.entries(value).map(([key, field]) => [key, keyOrder(field)])
}

const hash = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const timestamp = fc.oneof(
  fc.constant(NO_TIMESTAMP),
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.double({ noNaN: true }),
  fc.constant(0),
)
const cuts = fc.array(fc.nat({ max: 40 }), { maxLength: 6 })

const leaf = fc.oneof(
  { weight: 4, arbitrary: anyNumber },
  { weight: 4, arbitrary: anyString },
  fc.boolean(),
  fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
  fc.date({ noInvalidDate: false }),
  fc.constantFrom(null, undefined),
  anyValue,
)

/** Streams as they are: a few kinds of record, each with its fields, which change their minds now and then. */
const stream: fc.Arbitrary<unknown[]> = fc
  .array(
    fc.uniqueArray(fc.oneof(fc.constantFrom('id', 'name', 'at', '__proto__', 'constructor', '0', '\u2028"'), anyString), { maxLength: 6 }),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .chain((kinds) => {
    const steady = fc
      .constantFrom(...kinds)
      .chain((keys) => fc.tuple(...keys.map((key) => fieldOf(key))).map((fields) => objectOf(keys, fields)))
    const odd = fc.constantFrom(...kinds).chain((keys) => fc.tuple(...keys.map(() => leaf)).map((fields) => objectOf(keys, fields)))
    const less = fc.constantFrom(...kinds).map((keys) =>
      objectOf(
        keys.slice(1),
        keys.slice(1).map(() => 1),
      ),
    )
    return fc.array(
      fc.oneof(
        { weight: 12, arbitrary: steady },
        { weight: 2, arbitrary: odd },
        { weight: 1, arbitrary: less },
        { weight: 1, arbitrary: leaf },
      ),
      {
        maxLength: 40,
      },
    )
  })

function fieldOf(key: string): fc.Arbitrary<unknown> {
  switch (key) {
    case 'id':
      return fc.integer()
    case 'name':
      return fc.option(anyString)
    case 'at':
      return fc.record({ place: fc.oneof(fc.double(), fc.constant(undefined)), on: fc.boolean() })
    default:
      return key.length % 2 === 0 ? anyNumber : anyString
  }
}

function objectOf(keys: readonly string[], fields: readonly unknown[]): object {
  const made = {}
  keys.forEach((key, index) =>
    Object.defineProperty(made, key, { value: fields[index], writable: true, enumerable: true, configurable: true }),
  )
  return made
}

function check(
  values: readonly unknown[],
  stamps: readonly number[],
  hashes: readonly number[],
  places: readonly number[],
  keyed: boolean,
): void {
  const sent = values.map((value, index) => ({
    value,
    timestamp: stamps[index % stamps.length]!,
    hash: keyed ? hashes[index % hashes.length]! : 0,
  }))
  const arrived = through(sent, places, keyed)
  assert.deepStrictEqual(arrived, sent)
  assert.deepStrictEqual(
    arrived.map(({ value }) => keyOrder(value)),
    values.map(keyOrder),
  )
}

test('streams of records arrive as they were sent, wherever they are split', () => {
  fc.assert(fc.property(stream, fc.array(timestamp, { minLength: 1 }), fc.array(hash, { minLength: 1 }), cuts, fc.boolean(), check), {
    numRuns: 300,
  })
})

test('arbitrary values arrive as they were sent', () => {
  fc.assert(
    fc.property(
      fc.array(anyValue, { maxLength: 20 }),
      fc.array(timestamp, { minLength: 1 }),
      fc.array(hash, { minLength: 1 }),
      cuts,
      fc.boolean(),
      check,
    ),
    { numRuns: 150 },
  )
})

test('a time stamp of -0 is the base of none', () => {
  check([{}, {}], [-0, 0], [0], [], false)
  check([{}, {}], [0, -0], [0], [], false)
})

test('self-contained frames can each be read alone', () => {
  fc.assert(
    fc.property(stream, cuts, (values, places) => {
      const sent = values.map((value) => ({ value, timestamp: 7, hash: 0 }))
      assert.deepStrictEqual(through(sent, places, false, true), sent)
    }),
    { numRuns: 60 },
  )
})

test('records of texts, numbers and tuples arrive as they were sent', () => {
  const columns = fc.oneof(
    fc.array(anyString),
    fc.array(anyNumber),
    fc.array(fc.tuple(anyString, anyNumber)),
    fc.array(fc.oneof(anyString, anyNumber)),
  )
  fc.assert(
    fc.property(columns, cuts, (values, places) => {
      const sent = values.map((value) => ({ value, timestamp: NO_TIMESTAMP, hash: 0 }))
      assert.deepStrictEqual(through(sent, places, false), sent)
    }),
    { numRuns: 150 },
  )
})

test('a damaged frame is an error or other records, never a crash or a hang', () => {
  fc.assert(
    fc.property(
      stream,
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      (values, damage, cut) => {
        const encoder = new ColumnEncoder({ keyed: true })
        for (const value of values) encoder.append(value, 1, 2)
        const bytes = Uint8Array.from(encoder.finish())
        for (const [at, byte] of damage) bytes[at % bytes.length] = byte
        try {
          new ColumnDecoder().decode(cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes)
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'FRAME_CORRUPT', String(error))
        }
      },
    ),
    { numRuns: 300 },
  )
})
