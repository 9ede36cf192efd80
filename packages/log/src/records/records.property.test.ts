import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MillraceError } from '@millrace/core'
import * as fc from 'fast-check'
import { COMPRESSION_TYPES } from '../compression/index.ts'
import { BatchCursor, buildBatch, records, type RecordToAppend } from './index.ts'

/** Times as many inputs for a long run. */
const FUZZ_FACTOR = Number(process.env['MILLRACE_FUZZ_FACTOR'] ?? 1)

const bytesOrNull = fc.option(fc.uint8Array({ maxLength: 50 }))
const record: fc.Arbitrary<RecordToAppend> = fc.record({
  key: bytesOrNull,
  value: bytesOrNull,
  timestamp: fc.oneof(fc.nat(), fc.integer({ min: -1, max: 2 ** 47 }), fc.constant(2 ** 53 - 2)),
  headers: fc.array(fc.record({ key: fc.string({ unit: 'grapheme', maxLength: 5 }), value: bytesOrNull }), { maxLength: 3 }),
})
const options = fc.record({
  compression: fc.constantFrom(...COMPRESSION_TYPES),
  baseOffset: fc.integer({ min: 0, max: 2 ** 50 }),
  producerId: fc.integer({ min: -1, max: 2 ** 52 }),
  transactional: fc.boolean(),
})
const log = fc.array(
  fc.tuple(fc.array(record, { minLength: 1, maxLength: 4 }), options).map(([list, chosen]) => buildBatch(list, chosen).whole),
  { minLength: 1, maxLength: 4 },
)

const plain = (value: RecordToAppend | undefined): unknown =>
  JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? [...part] : part))

describe('records', () => {
  it('are read as they were built, under every compression', () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), options, (list, chosen) => {
        const batch = buildBatch(list, chosen)
        assert.ok(batch.isCrcValid())
        const read = [...records(batch)]
        assert.equal(read.length, list.length)
        for (const [index, { offset, key, value, timestamp, headers }] of read.entries()) {
          assert.equal(offset, (chosen.baseOffset ?? 0) + index)
          const expected = list[index]!
          assert.equal(
            plain({
              key: bare(key),
              value: bare(value),
              timestamp,
              headers: headers.map((header) => ({ ...header, value: bare(header.value) })),
            }),
            plain(expected),
          )
        }
      }),
      { numRuns: 150 * FUZZ_FACTOR },
    )
  })

  it('of text are those of its bytes in UTF-8, whoever counts them', () => {
    const text = fc.array(fc.constantFrom('a', 'é', '€', '😀', '\ud800', '\udc00'), { maxLength: 80 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), fc.boolean(), (texts, isCounted) => {
        const counted = (value: string): object => (isCounted ? { valueBytes: Buffer.byteLength(value) } : {})
        const ofText = buildBatch(texts.map((value) => ({ key: null, value, ...counted(value) })))
        const ofBytes = buildBatch(texts.map((value) => ({ key: null, value: Buffer.from(value) })))
        assert.deepEqual(ofText.whole, ofBytes.whole)
      }),
      { numRuns: 60 * FUZZ_FACTOR },
    )
  })

  it('of hostile payloads end in an error of ours, and never pass their end', () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 3 }),
        options,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        (list, chosen, edits) => {
          const { bytes } = buildBatch(list, chosen)
          for (const [at, byte] of edits) bytes[61 + (at % (bytes.length - 61))] = byte
          const batch = new BatchCursor(bytes).next()!
          try {
            for (const one of records(batch, 10_000)) assert.ok(one.headers.length <= bytes.length)
          } catch (error) {
            if (!(error instanceof MillraceError)) throw error
          }
        },
      ),
      { numRuns: 400 * FUZZ_FACTOR },
    )
  })
})

function bare(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Uint8Array.from(bytes)
}

describe('batch cursor', () => {
  it('stops at the last whole batch of a torn log, and says what would complete the next', () => {
    fc.assert(
      fc.property(log, fc.nat(), (parts, cut) => {
        const bytes = Buffer.concat(parts)
        const end = cut % (bytes.length + 1)
        const boundaries = parts.reduce<number[]>((list, part) => [...list, list.at(-1)! + part.length], [0])
        const cursor = new BatchCursor(bytes, { end, verifyCrc: true })
        const count = [...cursor].length
        const boundary = boundaries.findLast((one) => one <= end)!
        assert.equal(cursor.position, boundary)
        assert.equal(boundaries[count], boundary)
        if (boundary === end) return assert.deepEqual(cursor.stop, { reason: 'end' })
        const needed = end - boundary < 17 ? 17 : parts[count]!.length
        assert.deepEqual(cursor.stop, { reason: 'truncated', neededBytes: needed })
      }),
      { numRuns: 150 * FUZZ_FACTOR },
    )
  })

  it('stops before a batch in which any covered byte changed', () => {
    fc.assert(
      fc.property(log, fc.nat(), fc.integer({ min: 1, max: 255 }), (parts, at, change) => {
        const bytes = Buffer.concat(parts)
        const index = at % bytes.length
        const start = parts.reduce<{ from: number; to: number }>(
          (found, part) => (found.to > index ? found : { from: found.to, to: found.to + part.length }),
          { from: 0, to: 0 },
        ).from
        bytes[index]! ^= change
        const cursor = new BatchCursor(bytes, { verifyCrc: true })
        while (cursor.next() !== undefined);
        const isUncovered = index - start < 8 || (index - start >= 12 && index - start < 16)
        // Offset and leader epoch lie before the CRC: damage there is only noticed where the offset becomes absurd.
        if (!isUncovered) {
          assert.equal(cursor.position, start)
          assert.notEqual(cursor.stop?.reason, 'end')
        }
      }),
      { numRuns: 200 * FUZZ_FACTOR },
    )
  })

  it('tells corruption from truncation', () => {
    const { whole } = buildBatch([{ key: null, value: null }])
    const stopOf = (edit: (bytes: Uint8Array) => void, batchBytesMax?: number) => {
      const bytes = Uint8Array.from(whole)
      edit(bytes)
      const cursor = new BatchCursor(bytes, batchBytesMax === undefined ? {} : { batchBytesMax })
      assert.equal(cursor.next(), undefined)
      return cursor.stop
    }
    assert.deepEqual(
      stopOf((bytes) => (bytes[16] = 1)),
      { reason: 'corrupt', problem: 'magic 1' },
    )
    assert.deepEqual(
      stopOf((bytes) => bytes.fill(0)),
      { reason: 'corrupt', problem: 'a batch length of 0' },
    )
    assert.equal(stopOf((bytes) => (bytes[8] = 0x7f), 1_000_000)?.reason, 'corrupt')
    assert.equal(stopOf((bytes) => (bytes[10] = 0x01), 1_000_000)?.reason, 'truncated')
    assert.equal(stopOf((bytes) => (bytes[0] = 0x80))?.reason, 'corrupt')
    assert.equal(stopOf((bytes) => (bytes[23] = 0x80))?.reason, 'corrupt')
    assert.equal(stopOf((bytes) => (bytes[57] = 0x80))?.reason, 'corrupt')
    assert.deepEqual(stopOf(() => undefined, 10)?.reason, 'corrupt')
  })

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const cursor = new BatchCursor(bytes)
        while (cursor.next() !== undefined);
        assert.ok(cursor.stop !== undefined && cursor.position <= bytes.length)
      }),
      { numRuns: 200 * FUZZ_FACTOR },
    )
  })
})
