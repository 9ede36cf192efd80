import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { crc32c } from './crc32c.ts'

/** Bit by bit, as the polynomial says. */
function slow(bytes: Uint8Array): number {
  let crc = 0xffff_ffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1
  }
  return ~crc >>> 0
}

describe('crc32c', () => {
  it('gives the published test vectors', () => {
    const ascending = Uint8Array.from({ length: 32 }, (_, index) => index)
    const vectors: [Uint8Array, number][] = [
      [new Uint8Array(0), 0],
      [new TextEncoder().encode('123456789'), 0xe306_9283],
      [new Uint8Array(32), 0x8a91_36aa],
      [new Uint8Array(32).fill(0xff), 0x62a8_ab43],
      [ascending, 0x46dd_794e],
      [ascending.toReversed(), 0x113f_db5c],
    ]
    for (const [bytes, expected] of vectors) assert.equal(crc32c(bytes), expected)
  })

  it('agrees with the polynomial, whole or in parts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        assert.equal(crc32c(bytes), slow(bytes))
        assert.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), slow(bytes))
      }),
      { numRuns: 200 },
    )
  })
})
