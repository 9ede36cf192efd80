import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { BatchRecords, buildBatch, records, type LogRecord, type RecordToAppend } from './index.ts'

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 20 }))
const ascii = fc.string({ unit: 'binary-ascii', maxLength: 300 })
const text = fc.oneof({ weight: 4, arbitrary: ascii }, { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 100 }) })
const header = fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 5 }), value: bytesOrNull })
const timestamp = fc.oneof(fc.nat(), fc.integer({ min: -1, max: 2 ** 47 }))
const anyRecord: fc.Arbitrary<RecordToAppend> = fc.record({
  key: fc.option(
    fc.oneof(
      text.map((key) => Buffer.from(key)),
      fc.uint8Array({ maxLength: 20 }),
    ),
  ),
  value: fc.option(fc.oneof({ weight: 5, arbitrary: text }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) }), { freq: 10 }),
  timestamp,
  headers: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(header, { maxLength: 3 }) }),
})

/** With all that it has, whatever kind of array its bytes are in. */
function plain({ offset, timestamp: ms, key, value, headers }: LogRecord): object {
  const bytes = (field: Uint8Array | null): readonly number[] | null => (field === null ? null : [...field])
  return { offset, ms, key: bytes(key), value: bytes(value), headers: headers.map((one) => ({ key: one.key, value: bytes(one.value) })) }
}

/** All records of the batch, some at a time. */
function lent(list: readonly RecordToAppend[], limit: number, fromOffset = 0): LogRecord[] {
  const supply = new BatchRecords(buildBatch(list), true)
  const all: LogRecord[] = []
  while (supply.hasMore) {
    const taken: LogRecord[] = []
    supply.take(taken, limit, fromOffset)
    all.push(...taken)
  }
  return all
}

describe('records that are lent', () => {
  it('are what the others are, and their text is what their bytes say', () => {
    fc.assert(
      fc.property(
        fc.array(anyRecord, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(12),
        (list, limit, from) => {
          const expected = [...records(buildBatch(list))].filter(({ offset }) => offset >= from)
          const found = lent(list, limit, from)
          assert.deepEqual(found.map(plain), expected.map(plain))
          for (const { value, asciiValue } of found) {
            if (asciiValue === undefined) continue
            assert.equal(asciiValue, Buffer.from(value!).toString('latin1'))
            assert.doesNotMatch(asciiValue, /[^\0-\x7f]/)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('have a text each where all of a run is ASCII, also with keys', () => {
    const record = fc.record({ key: fc.option(ascii.map((key) => Buffer.from(key))), value: ascii, timestamp })
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 12 }), (list, limit) => {
        assert.deepEqual(
          lent(list, limit).map(({ asciiValue }) => asciiValue),
          list.map(({ value }) => value),
        )
      }),
      { numRuns: 100 },
    )
  })

  it('have none where a run is long, or there is no value', () => {
    assert.deepEqual(
      lent([{ key: null, value: null }], 1).map(({ asciiValue }) => asciiValue),
      [undefined],
    )
    const large = Array.from({ length: 3 }, () => ({ key: null, value: 'x'.repeat(50_000) }))
    assert.ok(lent(large, 3).every(({ asciiValue }) => asciiValue === undefined))
    assert.ok(lent(large, 2).every(({ asciiValue }) => asciiValue?.length === 50_000))
  })
})
