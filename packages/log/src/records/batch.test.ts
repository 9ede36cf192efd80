import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32c as crc32cOfCore } from '@millrace/core'
import {
  BATCH_HEADER_BYTES,
  batchEndTransactionMarker,
  BatchBuilder,
  buildBatch,
  buildEndTransactionMarker,
  crc32c,
  recompress,
  recordBytes,
  records,
  sequenceAfter,
  sequenceBefore,
  viewBatch,
} from './index.ts'

const KEY = Buffer.from('key')
const VALUE = Buffer.from('value')

describe('batch view', () => {
  it('patches base offset and leader epoch without a new CRC', () => {
    const batch = buildBatch([
      { key: KEY, value: VALUE },
      { key: null, value: null },
    ])
    const { crc } = batch
    batch.setBaseOffset(2 ** 40 + 3)
    batch.setPartitionLeaderEpoch(77)
    assert.equal(batch.baseOffset, 2 ** 40 + 3)
    assert.equal(batch.lastOffset, 2 ** 40 + 4)
    assert.equal(batch.partitionLeaderEpoch, 77)
    batch.setLastOffset(10)
    assert.equal(batch.baseOffset, 9)
    assert.equal(batch.crc, crc)
    assert.ok(batch.isCrcValid())
  })

  it('patches the largest time stamp with its type and the CRC', () => {
    const batch = buildBatch([{ key: KEY, value: VALUE, timestamp: 5 }])
    const before = batch.crc
    batch.setMaxTimestamp('CreateTime', 5)
    assert.equal(batch.crc, before)
    batch.setMaxTimestamp('LogAppendTime', 1234)
    assert.notEqual(batch.crc, before)
    assert.ok(batch.isCrcValid())
    assert.equal(batch.timestampType, 'LogAppendTime')
    assert.deepEqual(
      Array.from(records(batch), (record) => record.timestamp),
      [1234],
    )
    batch.setMaxTimestamp('CreateTime', 5)
    assert.equal(batch.crc, before)
    assert.deepEqual(
      Array.from(records(batch), (record) => record.timestamp),
      [5],
    )
  })

  it('patches the producer with the CRC', () => {
    const batch = buildBatch([{ key: KEY, value: VALUE }])
    batch.setProducer(9, 2, 0x7fff_ffff)
    assert.deepEqual([batch.producerId, batch.producerEpoch, batch.baseSequence, batch.lastSequence], [9, 2, 0x7fff_ffff, 0x7fff_ffff])
    assert.ok(batch.isCrcValid())
  })

  it('works in place at any position', () => {
    const whole = buildBatch([{ key: KEY, value: VALUE }]).whole
    const bytes = Buffer.concat([Buffer.alloc(7), whole, Buffer.alloc(9)])
    const batch = viewBatch(bytes.subarray(7))
    assert.equal(batch.sizeBytes, whole.length)
    assert.deepEqual(Buffer.from(batch.whole), Buffer.from(whole))
    assert.equal(batch.payload.length, whole.length - BATCH_HEADER_BYTES)
    batch.setBaseOffset(1)
    assert.equal(bytes[7 + 7], 1)
  })

  it('wraps sequences at 2^31', () => {
    assert.equal(sequenceAfter(0x7fff_ffff, 1), 0)
    assert.equal(sequenceAfter(0x7fff_fffe, 1), 0x7fff_ffff)
    assert.equal(sequenceBefore(0, 1), 0x7fff_ffff)
    assert.equal(sequenceBefore(sequenceAfter(0x7fff_fff0, 100), 100), 0x7fff_fff0)
  })
})

describe('batch builder', () => {
  it('keeps gaps, the last offset and the delete horizon of compaction', () => {
    const builder = new BatchBuilder({ baseOffset: 10, lastOffset: 30, deleteHorizonMs: 5000, compression: 'lz4' })
    builder.append({ key: KEY, value: null, offset: 12, timestamp: 4000 })
    builder.append({ key: null, value: VALUE, offset: 25, timestamp: 7000 })
    const batch = builder.build()
    assert.equal(batch.lastOffset, 30)
    assert.equal(batch.recordCount, 2)
    assert.equal(batch.deleteHorizonMs, 5000)
    assert.deepEqual(
      Array.from(records(batch), ({ offset, timestamp }) => [offset, timestamp]),
      [
        [12, 4000],
        [25, 7000],
      ],
    )
  })

  it('knows the size of a record beforehand', () => {
    const builder = new BatchBuilder()
    for (const record of [
      { key: KEY, value: VALUE, timestamp: 2 ** 45 },
      {
        key: null,
        value: Buffer.alloc(5000),
        timestamp: 3,
        headers: [
          { key: 'ü', value: KEY },
          { key: '', value: null },
        ],
      },
    ]) {
      const expected = builder.sizeBytes + builder.recordSizeBytes(record)
      builder.append(record)
      assert.equal(builder.sizeBytes, expected)
    }
    assert.equal(builder.build().sizeBytes, builder.sizeBytes)
  })

  it('builds an empty batch that keeps a producer alive', () => {
    const batch = buildBatch([], { baseOffset: 5, lastOffset: 9, producerId: 3, producerEpoch: 1, baseSequence: 7, compression: 'gzip' })
    assert.deepEqual([batch.recordCount, batch.lastOffset, batch.compression, batch.maxTimestamp, batch.lastSequence], [0, 9, 0, -1, 11])
    assert.deepEqual([...records(batch)], [])
  })

  it('refuses offsets that do not grow and time stamps out of range', () => {
    const builder = new BatchBuilder({ baseOffset: 5 })
    builder.append({ key: null, value: null, offset: 6 })
    assert.throws(() => builder.append({ key: null, value: null, offset: 6 }), { code: 'RECORDS_UNENCODABLE' })
    assert.throws(() => builder.append({ key: null, value: null, timestamp: 2 ** 53 }), { code: 'RECORDS_UNENCODABLE' })
    assert.throws(() => builder.append({ key: null, value: null, timestamp: 2 ** 53 - 1 }), { code: 'RECORDS_UNENCODABLE' })
    assert.equal(builder.recordCount, 1)
  })

  it('recompresses without touching records, producer or offsets', () => {
    const batch = buildBatch([{ key: KEY, value: Buffer.alloc(3000, 'ab'), timestamp: 8 }], {
      baseOffset: 4,
      producerId: 6,
      producerEpoch: 0,
      baseSequence: 0,
      transactional: true,
    })
    const zstd = recompress(batch, recordBytes(batch), 'zstd')
    assert.ok(zstd.isCrcValid() && zstd.sizeBytes < batch.sizeBytes)
    assert.deepEqual([zstd.compression, zstd.baseOffset, zstd.producerId, zstd.isTransactional], [4, 4, 6, true])
    assert.deepEqual(Buffer.from(recompress(zstd, recordBytes(zstd), 'none').whole), Buffer.from(batch.whole))
  })
})

describe('control records', () => {
  it('mark commit and abort', () => {
    for (const outcome of ['commit', 'abort'] as const) {
      const batch = buildEndTransactionMarker({
        outcome,
        coordinatorEpoch: 4,
        producerId: 8,
        producerEpoch: 2,
        timestamp: 99,
        baseOffset: 50,
      })
      assert.deepEqual(batchEndTransactionMarker(batch), { outcome, coordinatorEpoch: 4 })
      assert.deepEqual(
        [batch.baseOffset, batch.producerId, batch.producerEpoch, batch.isControl, batch.isTransactional],
        [50, 8, 2, true, true],
      )
    }
  })

  it('of another kind, or cut short, are no markers', () => {
    const control = (key: Uint8Array, value: Uint8Array | null) =>
      batchEndTransactionMarker(buildBatch([{ key, value }], { control: true }))
    assert.equal(control(Uint8Array.of(0, 0, 0, 2), Buffer.alloc(6)), undefined)
    assert.equal(control(Uint8Array.of(0, 0, 0), Buffer.alloc(6)), undefined)
    assert.equal(control(Uint8Array.of(0, 0, 0, 1), Buffer.alloc(5)), undefined)
    assert.equal(batchEndTransactionMarker(buildBatch([{ key: Uint8Array.of(0, 0, 0, 1), value: Buffer.alloc(6) }])), undefined)
  })
})

describe('crc32c', () => {
  it('is that of the published check value, whole and in parts, natively and not', () => {
    const digits = Buffer.from('123456789')
    assert.equal(crc32c(digits), 0xe306_9283)
    assert.equal(crc32c(digits, 4, 9, crc32c(digits, 0, 4)), 0xe306_9283)
    for (const size of [0, 1, 255, 256, 257, 5000]) {
      const bytes = Buffer.from(Array.from({ length: size }, (_, index) => index * 31))
      assert.equal(crc32c(bytes), crc32cOfCore(bytes))
      assert.equal(crc32c(bytes, 0, size, 123), crc32cOfCore(bytes, 123))
    }
  })
})
