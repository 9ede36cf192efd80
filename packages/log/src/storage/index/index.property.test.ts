import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { MillraceError } from '@millrace/core'
import { OffsetIndex } from './offset-index.ts'
import { TimeIndex } from './time-index.ts'
import { abortedIn, encodeAbortedTransactions, parseAbortedTransactions } from './transaction-index.ts'

const rising = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 5000 })), { maxLength: 60 }).map((steps) => {
  let offset = 1000
  let position = 0
  return steps.map(([offsetStep, positionStep]) => ({ offset: (offset += offsetStep), position: (position += positionStep) }))
})

const isCorrupt = (error: unknown): boolean => error instanceof MillraceError && error.code === 'STORAGE_CORRUPT'

test('the offset index finds what a scan of its entries finds, before and after a trip through its file, zeros behind it or not', () => {
  fc.assert(
    fc.property(rising, fc.integer({ min: 990, max: 4500 }), fc.nat(40), (entries, offset, zeros) => {
      const written = new OffsetIndex(1000)
      for (const entry of entries) written.append(entry.offset, entry.position)
      const { bytes } = written.entries.unsaved()
      const read = OffsetIndex.parse(1000, Buffer.concat([bytes, new Uint8Array(zeros)]), 'x.index')
      const expected = entries.findLast((entry) => entry.offset <= offset) ?? { offset: 1000, position: 0 }
      for (const index of [written, read]) {
        assert.deepEqual(index.lookup(offset), expected)
        assert.deepEqual(index.list(), entries)
      }
      read.truncate(offset)
      assert.deepEqual(
        read.list(),
        entries.filter((entry) => entry.offset < offset),
      )
    }),
    { numRuns: 100 },
  )
})

test('the time index finds what a scan of its entries finds, and takes only larger times', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1, max: 200 }), { maxLength: 60 }), fc.integer({ min: -1, max: 210 }), (times, timestamp) => {
      const index = new TimeIndex(50)
      const expected: { timestamp: number; offset: number }[] = []
      for (const [at, time] of times.entries()) {
        index.append(time, 50 + at)
        if (time > (expected.at(-1)?.timestamp ?? -1)) expected.push({ timestamp: time, offset: 50 + at })
      }
      // Only zeros: as good as none.
      if (expected.at(-1)?.timestamp === 0 && expected[0]!.offset === 50) expected.pop()
      const read = TimeIndex.parse(50, Buffer.concat([index.entries.unsaved().bytes, new Uint8Array(36)]), 'x.timeindex')
      assert.deepEqual(read.list(), expected)
      assert.deepEqual(read.lookup(timestamp), expected.findLast((entry) => entry.timestamp <= timestamp) ?? { timestamp: -1, offset: 50 })
    }),
    { numRuns: 100 },
  )
})

test('the files are laid out as Kafka does', () => {
  const offsets = new OffsetIndex(5)
  offsets.append(7, 300)
  assert.equal(Buffer.from(offsets.entries.unsaved().bytes).toString('hex'), '000000020000012c')
  const times = new TimeIndex(5)
  times.append(1_700_000_000_000, 7)
  assert.equal(Buffer.from(times.entries.unsaved().bytes).toString('hex'), '0000018bcfe5680000000002')
  const aborted = [{ producerId: 1, firstOffset: 2, lastOffset: 3, lastStableOffset: 4 }]
  const bytes = encodeAbortedTransactions(aborted)
  assert.equal(Buffer.from(bytes).toString('hex'), '00000000000000000001000000000000000200000000000000030000000000000004')
  assert.deepEqual(parseAbortedTransactions(bytes, 'x'), aborted)
})

test('arbitrary bytes are an index or refused, never more', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const type of [OffsetIndex, TimeIndex]) {
        try {
          type.parse(0, bytes, 'x').lookup(10)
        } catch (error) {
          assert.ok(isCorrupt(error))
        }
      }
      try {
        parseAbortedTransactions(bytes, 'x')
      } catch (error) {
        assert.ok(isCorrupt(error))
      }
    }),
    { numRuns: 300 },
  )
})

test('aborted transactions are those that reach into the range; the search ends where later segments add nothing', () => {
  const transactions = [
    { producerId: 1, firstOffset: 0, lastOffset: 5, lastStableOffset: 3 },
    { producerId: 2, firstOffset: 3, lastOffset: 8, lastStableOffset: 9 },
    { producerId: 1, firstOffset: 20, lastOffset: 25, lastStableOffset: 26 },
  ]
  const found = (start: number, end: number): [number[], boolean] => {
    const { found, complete } = abortedIn(transactions, start, end)
    return [found.map(({ lastOffset }) => lastOffset), complete]
  }
  assert.deepEqual(found(0, 3), [[5], true])
  assert.deepEqual(found(6, 9), [[8], true])
  assert.deepEqual(found(0, 21), [[5, 8, 25], true])
  assert.deepEqual(found(0, 100), [[5, 8, 25], false])
})
