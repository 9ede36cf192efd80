import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { crc32c } from './crc32c.ts'

test('the check values of RFC 3720', () => {
  const vectors: [Uint8Array, number][] = [
    [new TextEncoder().encode('123456789'), 0xe3069283],
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(255), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    [new Uint8Array(0), 0],
  ]
  for (const [bytes, expected] of vectors) assert.equal(crc32c(bytes), expected)
})

test('parts continue to the checksum of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), fc.nat(), (bytes, seed) => {
      const cut = bytes.length === 0 ? 0 : seed % bytes.length
      assert.equal(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut)), crc32c(bytes))
    }),
  )
})
