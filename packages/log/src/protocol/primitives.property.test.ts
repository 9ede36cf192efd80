import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { ProtocolError } from '../errors.ts'
import { readInt64, unzigzag, varlongBytes, varuintBytes, writeInt64, writeVarlong, writeVaruint, zigzag } from './primitives.ts'
import { ByteReader } from './reader.ts'

/** Safe integers with weight on powers of two and their neighbours. */
const safe = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer(),
  fc
    .tuple(fc.integer({ min: 0, max: 52 }), fc.integer({ min: -2, max: 2 }), fc.constantFrom(1, -1))
    .map(([power, near, sign]) => sign * (2 ** power + near) + 0),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
)

describe('64-bit integers', () => {
  it('are those of DataView', () => {
    fc.assert(
      fc.property(safe, (value) => {
        const bytes = new Uint8Array(8)
        writeInt64(bytes, 0, value)
        assert.equal(new DataView(bytes.buffer).getBigInt64(0), BigInt(value))
        assert.equal(readInt64(bytes, 0), value)
      }),
      { numRuns: 500 },
    )
  })

  it('are refused beyond the safe ones, and only there', () => {
    const read = (value: bigint): number => {
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setBigInt64(0, value)
      return readInt64(bytes, 0)
    }
    assert.equal(read(2n ** 53n - 1n), Number.MAX_SAFE_INTEGER)
    assert.equal(read(-(2n ** 53n) + 1n), Number.MIN_SAFE_INTEGER)
    for (const value of [2n ** 53n, -(2n ** 53n), -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)])
      assert.throws(() => read(value), ProtocolError)
  })
})

describe('variable-length integers', () => {
  it('of 64 bits are zigzag base 128, as long as announced', () => {
    fc.assert(
      fc.property(safe, (value) => {
        const bytes = new Uint8Array(10)
        const end = writeVarlong(bytes, 0, value)
        assert.equal(end, varlongBytes(value))
        assert.equal(Buffer.from(bytes.subarray(0, end)).toString('hex'), reference(BigInt(value)))
        const reader = new ByteReader(bytes)
        assert.equal(reader.varlong(), value)
        assert.equal(reader.position, end)
      }),
      { numRuns: 1000 },
    )
  })

  it('of 64 bits are refused beyond the safe ones', () => {
    for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      assert.throws(() => new ByteReader(Buffer.from(reference(value), 'hex')).varlong(), { code: 'PROTOCOL_INT64_RANGE' })
    }
    assert.throws(() => new ByteReader(Buffer.alloc(20, 0xff)).varlong(), { code: 'PROTOCOL_MALFORMED' })
  })

  it('of 32 bits round-trip, and are refused when longer', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.integer(), (value, signed) => {
        const bytes = new Uint8Array(5)
        const end = writeVaruint(bytes, 0, value)
        assert.equal(end, varuintBytes(value))
        assert.equal(new ByteReader(bytes).varuint(), value)
        assert.equal(unzigzag(zigzag(signed)), signed)
      }),
      { numRuns: 300 },
    )
    assert.throws(() => new ByteReader(Buffer.from('ffffffff1f', 'hex')).varuint(), { code: 'PROTOCOL_MALFORMED' })
    assert.throws(() => new ByteReader(Buffer.from('ffffffffff00', 'hex')).varuint(), { code: 'PROTOCOL_MALFORMED' })
  })
})

function reference(value: bigint): string {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  const bytes: number[] = []
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes).toString('hex')
}
