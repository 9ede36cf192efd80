import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { FrameBuffer } from './frame-buffer.ts'

void test('frames come out whole and in order, however their bytes come in, and what is left is left', () => {
  const bytes = fc.uint8Array({ maxLength: 20 })
  fc.assert(
    fc.property(
      fc.array(bytes, { maxLength: 6 }),
      bytes,
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      (frames, rest, cuts) => {
        const prefix = (length: number): Uint8Array => {
          const size = Buffer.alloc(4)
          size.writeInt32BE(length)
          return size
        }
        // What is left is less than a frame.
        const stream = Buffer.concat([...frames.flatMap((frame) => [prefix(frame.length), frame]), prefix(100), rest])
        const buffer = new FrameBuffer(100)
        const found: Uint8Array[] = []
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const end = at + cuts[turn % cuts.length]!
          buffer.push(stream.subarray(at, end))
          at = end
          for (let next = buffer.next(); next !== undefined; next = buffer.next()) found.push(next)
        }
        assert.deepEqual(
          found.map((frame) => [...frame]),
          frames.map((frame) => [...frame]),
        )
        assert.deepEqual(buffer.takeAll(), Buffer.concat([prefix(100), rest]))
      },
    ),
  )
})
