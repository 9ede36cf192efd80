import { test } from 'node:test'
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { MillraceError } from '@millrace/core'
import { PRODUCER_BATCHES_MAX, type ProducerEntry } from './producer-entry.ts'
import { encodeProducerSnapshot, parseProducerSnapshot } from './producer-snapshot.ts'

const entry: fc.Arbitrary<ProducerEntry> = fc
  .record({
    producerId: fc.nat(),
    producerEpoch: fc.integer({ min: 0, max: 32767 }),
    coordinatorEpoch: fc.integer({ min: -1, max: 1000 }),
    lastTimestamp: fc.maxSafeNat(),
    transactionFirstOffset: fc.option(fc.maxSafeNat(), { nil: undefined }),
    batches: fc.array(
      fc.record({
        lastSequence: fc.nat(0x7fff_ffff),
        lastOffset: fc.maxSafeNat(),
        offsetDelta: fc.nat(1000),
        timestamp: fc.maxSafeNat(),
      }),
      { maxLength: PRODUCER_BATCHES_MAX },
    ),
  })
  .map(({ batches, ...rest }) => ({
    ...rest,
    batches: [...batches.slice(0, -1), ...batches.slice(-1).map((last) => ({ ...last, timestamp: rest.lastTimestamp }))].map((batch) => ({
      ...batch,
    })),
  }))

test('a snapshot is read back as it was', () => {
  fc.assert(
    fc.property(fc.uniqueArray(entry, { maxLength: 20, selector: ({ producerId }) => producerId }), (entries) => {
      assert.deepEqual(parseProducerSnapshot(encodeProducerSnapshot(entries), 'x'), entries)
    }),
    { numRuns: 100 },
  )
})

test('a snapshot with any bit changed, cut off or made up is refused', () => {
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 5 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.uint8Array({ maxLength: 60 }),
      (entries, at, mask, junk) => {
        const bytes = encodeProducerSnapshot(entries)
        const flipped = bytes.slice()
        flipped[at % bytes.length]! ^= mask
        for (const damaged of [flipped, bytes.subarray(0, at % bytes.length), junk]) {
          assert.throws(
            () => parseProducerSnapshot(damaged, 'x'),
            (error) => error instanceof MillraceError && error.code === 'STORAGE_CORRUPT',
          )
        }
      },
    ),
    { numRuns: 100 },
  )
})
