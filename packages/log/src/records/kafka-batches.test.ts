/** Batches that Apache Kafka 4.1's own Java client wrote, one for each compression, and what is in them. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { batchEndTransactionMarker, BatchCursor, recordBytes, records, type BatchView, type LogRecord } from './index.ts'

const WRITTEN_BY_KAFKA = {
  none:
    'AAAAAAAAACgAAADMAAAACQIi0auMABAAAAACAAABi8/laAAAAAGLz+VoBQAAAAAAAA+gAAMAAAARAAAAA5gBAAAABmtleXh2YWx1ZSB2YWx1ZSB2YWx1ZSB2' +
    'YWx1ZSB2YWx1ZSB2YWx1ZSB2YWx1ZSB2YWx1ZSB2YWx1ZSB2YWx1ZSAEAmgCeAJuAQwAAQIBAQCIAQAKBARrMnh2YWx1ZSB2YWx1ZSB2YWx1ZSB2YWx1ZSB2' +
    'YWx1ZSB2YWx1ZSB2YWx1ZSB2YWx1ZSB2YWx1ZSB2YWx1ZSAA',
  gzip:
    'AAAAAAAAACgAAABxAAAACQIFH9xPABEAAAACAAABi8/laAAAAAGLz+VoBQAAAAAAAA+gAAMAAAARAAAAAx+LCAAAAAAAAP+bwcjAwMCWnVpZUZaYU5qqQB7J' +
    'wpTBVMGUx8jDwMjEyMjQwcjAxcKSbUSRmQwA4EnDN5sAAAA=',
  snappy:
    'AAAAAAAAACgAAAB4AAAACQLZzVnNABIAAAACAAABi8/laAAAAAGLz+VoBQAAAAAAAA+gAAMAAAARAAAAA4JTTkFQUFkAAAAAAQAAAAEAAAAzmwE8mAEAAAAG' +
    'a2V5eHZhbHVlINYGAFgEAmgCeAJuAQwAAQIBAQCIAQAKBARrMvJUAAAA',
  lz4:
    'AAAAAAAAACgAAAB3AAAACQI9ti8gABMAAAACAAABi8/laAAAAAGLz+VoBQAAAAAAAA+gAAMAAAARAAAAAwQiTRhgQII3AAAA/wGYAQAAAAZrZXl4dmFsdWUg' +
    'BgAj/wgEAmgCeAJuAQwAAQIBAQCIAQAKBARrMlQAJlBsdWUgAAAAAAA=',
  zstd:
    'AAAAAAAAACgAAABwAAAACQKC6O1OABQAAAACAAABi8/laAAAAAGLz+VoBQAAAAAAAA+gAAMAAAARAAAAAyi1L/0AWJwBAIQCmAEAAAAGa2V5eHZhbHVlIAQC' +
    'aAJ4Am4BDAABAgEBAIgBAAoEBGsyAAIAdQWpWc6yBAEAAA==',
  marker: 'AAAAAAAAAAcAAABCAAAAAwIwfNTlADAAAAAAAAABi8/laAAAAAGLz+VoAAAAAAAAAA+gAAL/////AAAAASAAAAAIAAAAAQwAAAAAAAsA',
} as const

function only(name: keyof typeof WRITTEN_BY_KAFKA): BatchView {
  const bytes = Buffer.from(WRITTEN_BY_KAFKA[name], 'base64')
  const cursor = new BatchCursor(bytes, { verifyCrc: true })
  const batch = cursor.next()
  assert.ok(batch !== undefined, JSON.stringify(cursor.stop))
  assert.equal(cursor.next(), undefined)
  assert.deepEqual(cursor.stop, { reason: 'end' })
  return batch
}

function text(record: LogRecord): unknown {
  const { offset, timestamp, key, value, headers } = record
  const show = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString())
  return [offset, timestamp, show(key), show(value), headers.map((header) => [header.key, show(header.value)])]
}

describe('batches written by Kafka', () => {
  for (const [id, name] of (['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const).entries()) {
    it(`are read: ${name}`, () => {
      const batch = only(name)
      assert.equal(batch.compression, id)
      assert.equal(batch.baseOffset, 40)
      assert.equal(batch.lastOffset, 42)
      assert.equal(batch.nextOffset, 43)
      assert.equal(batch.partitionLeaderEpoch, 9)
      assert.equal(batch.producerId, 4000)
      assert.equal(batch.producerEpoch, 3)
      assert.equal(batch.baseSequence, 17)
      assert.equal(batch.lastSequence, 19)
      assert.equal(batch.isTransactional, true)
      assert.equal(batch.isControl, false)
      assert.equal(batch.timestampType, 'CreateTime')
      assert.equal(batch.deleteHorizonMs, undefined)
      assert.equal(batch.maxTimestamp, 1_700_000_000_005)
      const value = 'value '.repeat(10)
      assert.deepEqual(Array.from(records(batch), text), [
        [
          40,
          1_700_000_000_000,
          'key',
          value,
          [
            ['h', 'x'],
            ['n', null],
          ],
        ],
        [41, 1_699_999_999_999, null, null, []],
        [42, 1_700_000_000_005, 'k2', value, []],
      ])
      assert.deepEqual(Buffer.from(recordBytes(batch)), Buffer.from(recordBytes(only('none'))))
    })
  }

  it('are read: the marker of a commit', () => {
    const batch = only('marker')
    assert.equal(batch.isControl, true)
    assert.equal(batch.isTransactional, true)
    assert.equal(batch.lastSequence, -1)
    assert.deepEqual(batchEndTransactionMarker(batch), { outcome: 'commit', coordinatorEpoch: 11 })
  })
})
