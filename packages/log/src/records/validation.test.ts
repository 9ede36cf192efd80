import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ERROR_CODE } from '../protocol/error-codes.ts'
import { buildBatch, validateProduced, type BatchOptions, type BatchView, type ProduceRules, type RecordToAppend } from './index.ts'

const NOW = 1_700_000_000_000
const RULES: ProduceRules = {
  batchBytesMax: 10_000,
  timestampType: 'CreateTime',
  nowMs: NOW,
  timestampBeforeMaxMs: 1000,
  timestampAfterMaxMs: 500,
  keyRequired: false,
}
const KEY = Buffer.from('k')

function batchOf(options: BatchOptions = {}, list: readonly RecordToAppend[] = [record(NOW), record(NOW + 7), record(NOW + 7)]): BatchView {
  return buildBatch(list, options)
}

function record(timestamp: number, key: Uint8Array | null = KEY): RecordToAppend {
  return { key, value: Buffer.from('v'), timestamp }
}

function edited(edit: (batch: BatchView) => void, options: BatchOptions = {}): Uint8Array {
  const batch = batchOf(options)
  edit(batch)
  batch.updateCrc()
  return batch.whole
}

function refusal(bytes: Uint8Array | null, rules: Partial<ProduceRules> = {}): keyof typeof ERROR_CODE | 'accepted' {
  const result = validateProduced(bytes, { ...RULES, ...rules })
  if (result.ok) return 'accepted'
  assert.ok(result.message.length > 0)
  return Object.entries(ERROR_CODE).find(([, code]) => code === result.errorCode)![0] as keyof typeof ERROR_CODE
}

describe('validation of produced records', () => {
  it('accepts a batch under every compression and finds its largest time stamp', () => {
    for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const result = validateProduced(batchOf({ compression }).whole, RULES)
      assert.ok(result.ok)
      assert.deepEqual([result.compression, result.maxTimestamp, result.maxTimestampDelta], [compression, NOW + 7, 1])
      assert.deepEqual(Buffer.from(result.records), Buffer.from(batchOf().payload))
    }
  })

  it('gives the time of the append where the topic wants it, whatever the records say', () => {
    const result = validateProduced(batchOf({}, [record(5), record(2 ** 50)]).whole, { ...RULES, timestampType: 'LogAppendTime' })
    assert.ok(result.ok)
    assert.deepEqual([result.timestampType, result.maxTimestamp, result.maxTimestampDelta], ['LogAppendTime', NOW, 0])
  })

  it('refuses what is not exactly one batch of format v2', () => {
    assert.equal(refusal(null), 'INVALID_RECORD')
    assert.equal(refusal(new Uint8Array(0)), 'INVALID_RECORD')
    assert.equal(refusal(Buffer.concat([batchOf().whole, batchOf().whole])), 'INVALID_RECORD')
    assert.equal(refusal(Buffer.concat([batchOf().whole, Buffer.alloc(3)])), 'INVALID_RECORD')
    assert.equal(refusal(edited((batch) => (batch.bytes[16] = 1))), 'INVALID_RECORD')
    assert.equal(refusal(batchOf().whole.subarray(0, -1)), 'CORRUPT_MESSAGE')
  })

  it('refuses damage, size and base offset', () => {
    const damaged = batchOf().whole
    damaged[damaged.length - 1]! ^= 1
    assert.equal(refusal(damaged), 'CORRUPT_MESSAGE')
    assert.equal(refusal(batchOf().whole, { batchBytesMax: 80 }), 'MESSAGE_TOO_LARGE')
    assert.equal(refusal(batchOf({ baseOffset: 1 }).whole), 'INVALID_RECORD')
  })

  it('refuses counts that do not match offsets or records', () => {
    assert.equal(refusal(edited((batch) => (batch.bytes[60] = 2))), 'INVALID_RECORD')
    assert.equal(refusal(edited((batch) => (batch.bytes[60] = 0))), 'INVALID_RECORD')
    const set = (count: number) => edited((batch) => ((batch.bytes[60] = count), (batch.bytes[26] = count - 1)))
    assert.equal(refusal(set(3)), 'accepted')
    assert.equal(refusal(set(4)), 'INVALID_RECORD')
    assert.equal(refusal(set(2)), 'INVALID_RECORD')
    assert.equal(refusal(batchOf({ lastOffset: 2 }, [record(NOW), { ...record(NOW), offset: 2 }]).whole), 'INVALID_RECORD')
  })

  it('refuses offset deltas with gaps even where the count fits', () => {
    // The second record's offset delta is the third byte of its body: size, attributes, time stamp delta, offset delta.
    const batch = batchOf({}, [record(NOW), record(NOW)])
    const second = 61 + batch.payload.length / 2
    assert.equal(batch.bytes[second + 3], 2)
    batch.bytes[second + 3] = 4
    batch.updateCrc()
    assert.equal(refusal(batch.whole), 'INVALID_RECORD')
  })

  it('refuses control batches, LogAppendTime, a producer without a sequence and a transaction without a producer', () => {
    assert.equal(refusal(batchOf({ control: true }).whole), 'INVALID_RECORD')
    assert.equal(refusal(batchOf({ timestampType: 'LogAppendTime' }).whole), 'INVALID_TIMESTAMP')
    assert.equal(refusal(batchOf({ producerId: 4, producerEpoch: 0 }).whole), 'INVALID_RECORD')
    assert.equal(refusal(batchOf({ transactional: true }).whole), 'INVALID_RECORD')
    assert.equal(refusal(batchOf({ transactional: true, producerId: 4, producerEpoch: 0, baseSequence: 0 }).whole), 'accepted')
  })

  it('refuses unknown and forbidden compressions, bombs and garbage', () => {
    assert.equal(refusal(edited((batch) => (batch.bytes[22] = 5))), 'UNSUPPORTED_COMPRESSION_TYPE')
    assert.equal(refusal(batchOf({ compression: 'zstd' }).whole, { zstdAllowed: false }), 'UNSUPPORTED_COMPRESSION_TYPE')
    assert.equal(refusal(edited((batch) => (batch.bytes[22] = 1))), 'CORRUPT_MESSAGE')
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const bomb = buildBatch([{ key: null, value: Buffer.alloc(1_000_000), timestamp: NOW }], { compression }).whole
      assert.equal(refusal(bomb, { batchBytesMax: 1e6, decompressedBytesMax: 100_000 }), 'MESSAGE_TOO_LARGE', compression)
      assert.equal(refusal(bomb, { batchBytesMax: 1e6 }), 'accepted', compression)
    }
  })

  it('names each record without a key in a compacted topic', () => {
    const bytes = batchOf({}, [record(NOW), record(NOW, null), record(NOW), record(NOW, null)]).whole
    const result = validateProduced(bytes, { ...RULES, keyRequired: true })
    assert.ok(!result.ok)
    assert.equal(result.errorCode, ERROR_CODE.INVALID_RECORD)
    assert.deepEqual(
      result.recordErrors.map((error) => error.batchIndex),
      [1, 3],
    )
  })

  it('names each record whose time stamp is out of range, to the millisecond', () => {
    const bytes = batchOf({}, [record(NOW - 1000), record(NOW - 1001), record(NOW + 500), record(NOW + 501), record(-1)]).whole
    const result = validateProduced(bytes, RULES)
    assert.ok(!result.ok)
    assert.equal(result.errorCode, ERROR_CODE.INVALID_TIMESTAMP)
    assert.deepEqual(
      result.recordErrors.map((error) => error.batchIndex),
      [1, 3],
    )
  })

  it('bounds the records it names', () => {
    const bytes = batchOf(
      {},
      Array.from({ length: 3000 }, () => record(NOW, null)),
    ).whole
    const result = validateProduced(bytes, { ...RULES, keyRequired: true, batchBytesMax: 1e6 })
    assert.ok(!result.ok && result.recordErrors.length === 1000 && result.message.startsWith('3000 '))
  })
})
