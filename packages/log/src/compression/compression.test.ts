import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { MillraceError } from '@millrace/core'
import * as fc from 'fast-check'
import { COMPRESSION_TYPES, compress, compressionId, compressionType, decompress } from './index.ts'

/** Times as many inputs for a long run. */
const FUZZ_FACTOR = Number(process.env['MILLRACE_FUZZ_FACTOR'] ?? 1)

const LIMIT = 1_000_000
const COMPRESSED = COMPRESSION_TYPES.filter((type) => type !== 'none')

/** Bytes that compress to something between nothing and all of it. */
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 0, max: 5000 }))
    .map(([pattern, times]) => Buffer.concat(Array<Uint8Array>(times).fill(pattern))),
)

describe('compression', () => {
  it('restores what it compressed', () => {
    fc.assert(
      fc.property(payload, fc.constantFrom(...COMPRESSION_TYPES), (bytes, type) => {
        assert.deepEqual(Buffer.from(decompress(type, compress(type, bytes), LIMIT)), Buffer.from(bytes))
      }),
      { numRuns: 120 * FUZZ_FACTOR },
    )
  })

  it('takes levels', () => {
    const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, index) => (index * index) % 251))
    for (const [type, low, high] of [
      ['gzip', 1, 9],
      ['zstd', -50, 19],
    ] as const) {
      assert.ok(compress(type, bytes, high).length < compress(type, bytes, low).length)
      assert.deepEqual(decompress(type, compress(type, bytes, high), LIMIT), bytes)
    }
  })

  it('knows the ids of the wire', () => {
    assert.deepEqual(COMPRESSION_TYPES.map(compressionId), [0, 1, 2, 3, 4])
    assert.equal(compressionType(3), 'lz4')
    assert.equal(compressionType(5), undefined)
  })

  it('allows exactly the limit', () => {
    for (const type of COMPRESSED) {
      for (const size of [1, 1000, 70_000, 300_001]) {
        const bytes = compress(type, Buffer.alloc(size, 'ab'))
        assert.equal(decompress(type, bytes, size).length, size, type)
        assert.throws(() => decompress(type, bytes, size - 1), { code: 'COMPRESSION_TOO_LARGE' }, type)
      }
    }
  })

  it('refuses a bomb before the memory is taken', () => {
    for (const type of COMPRESSED) {
      const bomb = compress(type, Buffer.alloc(30_000_000))
      const before = process.memoryUsage().arrayBuffers
      assert.throws(() => decompress(type, bomb, 10_000), { code: 'COMPRESSION_TOO_LARGE' }, type)
      assert.ok(process.memoryUsage().arrayBuffers - before < 5_000_000, type)
    }
  })

  it('reads snappy with and without the frame of snappy-java', () => {
    // "abcabcabcabc": length 12, literal "abc", copy of 9 from 3 back.
    const raw = Uint8Array.of(12, 0x08, 0x61, 0x62, 0x63, 0x15, 0x03)
    assert.equal(Buffer.from(decompress('snappy', raw, 100)).toString(), 'abcabcabcabc')
    const header = Buffer.from('82534e41505059000000000100000001', 'hex')
    const framed = Buffer.concat([header, Uint8Array.of(0, 0, 0, raw.length), raw, Uint8Array.of(0, 0, 0, raw.length), raw])
    assert.equal(Buffer.from(decompress('snappy', framed, 100)).toString(), 'abcabcabcabc'.repeat(2))
    assert.throws(() => decompress('snappy', framed, 23), { code: 'COMPRESSION_TOO_LARGE' })
    assert.deepEqual(Buffer.from(compress('snappy', new Uint8Array(5)).subarray(0, 16)), header)
  })

  it('refuses a snappy block that claims more than it could hold', () => {
    const claims = Uint8Array.of(0xff, 0xff, 0xff, 0x7f, 0x08, 0x61, 0x62, 0x63)
    assert.throws(() => decompress('snappy', claims, 2 ** 31), { code: 'COMPRESSION_CORRUPT' })
    assert.throws(() => decompress('snappy', claims, 1000), { code: 'COMPRESSION_TOO_LARGE' })
  })

  it('reads frames of the lz4 tool: stored blocks, block checksums, content sizes, blocks of 4 MiB', () => {
    const read = (hex: string, limit: number): string => Buffer.from(decompress('lz4', Buffer.from(hex, 'hex'), limit)).toString()
    assert.equal(read('04224d186440a70500008068656c6c6f00000000f97700fb', 5), 'hello')
    assert.equal(read('04224d187440bd0500008068656c6c6ff97700fb00000000f97700fb', 5), 'hello')
    const repeated = '04224d187c401e000000000000007b100000006f68656c6c6f2006000050656c6c6f205faa419e0000000046806cfe'
    assert.equal(read(repeated, 30), 'hello '.repeat(5))
    assert.throws(() => read(repeated, 29), { code: 'COMPRESSION_TOO_LARGE' })
  })

  it('checks the header of an lz4 frame', () => {
    const frame = Buffer.from('04224d186040820300008061626300000000', 'hex')
    assert.equal(Buffer.from(decompress('lz4', frame, 3)).toString(), 'abc')
    frame[6]! ^= 1
    assert.throws(() => decompress('lz4', frame, 3), { code: 'COMPRESSION_CORRUPT' })
  })

  it('reads concatenated gzip members', () => {
    const two = Buffer.concat([gzipSync('ab'), gzipSync('cd')])
    assert.equal(Buffer.from(decompress('gzip', two, 10)).toString(), 'abcd')
  })

  it('answers damage with an error of its own, or with other bytes within the limit', () => {
    fc.assert(
      fc.property(
        payload,
        fc.constantFrom(...COMPRESSED),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.nat(),
        (bytes, type, edits, cut) => {
          const damaged = Uint8Array.from(compress(type, bytes))
          for (const [at, byte] of edits) damaged[at % damaged.length] = byte
          for (const input of [damaged, damaged.subarray(0, cut % (damaged.length + 1))]) {
            try {
              assert.ok(decompress(type, input, LIMIT).length <= LIMIT)
            } catch (error) {
              if (!(error instanceof MillraceError)) throw error
              assert.match(error.code, /^COMPRESSION_(CORRUPT|TOO_LARGE)$/)
            }
          }
        },
      ),
      { numRuns: 200 * FUZZ_FACTOR },
    )
  })
})
