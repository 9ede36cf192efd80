import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { ProtocolError } from '../errors.ts'
import { frame, FrameSplitter } from './frames.ts'

function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end))
}

describe('frame splitter', () => {
  it('gives the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (bodies, cuts) => {
        const stream = Buffer.concat(bodies.flatMap((body) => frame([body])))
        const splitter = new FrameSplitter(30)
        const frames: Uint8Array[] = []
        for (const chunk of split(stream, cuts)) {
          splitter.push(chunk)
          for (let next = splitter.next(); next !== undefined; next = splitter.next()) frames.push(next)
          assert.ok(splitter.bufferedBytes < 34)
        }
        assert.deepEqual(
          frames.map((one) => Buffer.from(one).toString('hex')),
          bodies.map((body) => Buffer.from(body).toString('hex')),
        )
        assert.equal(splitter.bufferedBytes, 0)
      }),
      { numRuns: 300 },
    )
  })

  it('gives views of a chunk that holds whole frames', () => {
    const chunk = Buffer.concat([...frame([Buffer.from('abc')]), ...frame([Buffer.from('de')])])
    const splitter = new FrameSplitter(10)
    splitter.push(chunk)
    assert.equal(splitter.next()!.buffer, chunk.buffer)
    assert.equal(Buffer.from(splitter.next()!).toString(), 'de')
    assert.equal(splitter.next(), undefined)
  })

  it('refuses sizes out of bounds at once, and for good', () => {
    for (const prefix of [
      [0, 0, 0, 11],
      [0x7f, 0xff, 0xff, 0xff],
      [0xff, 0xff, 0xff, 0xff],
      [0x80, 0, 0, 0],
    ]) {
      const splitter = new FrameSplitter(10)
      splitter.push(Uint8Array.from(prefix.slice(0, 2)))
      assert.equal(splitter.next(), undefined)
      splitter.push(Uint8Array.from(prefix.slice(2)))
      assert.throws(() => splitter.next(), { code: 'PROTOCOL_FRAME_SIZE' })
      assert.throws(() => splitter.push(Uint8Array.of(1)), ProtocolError)
      assert.throws(() => splitter.next(), ProtocolError)
      assert.equal(splitter.bufferedBytes, 0)
    }
  })

  it('allows exactly the limit', () => {
    const splitter = new FrameSplitter(10)
    for (const part of frame([Buffer.alloc(10)])) splitter.push(part)
    assert.equal(splitter.next()!.length, 10)
  })
})

describe('frame splitter, of chunks that are lent', () => {
  it('keeps no view of a chunk beyond the call', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 30 }), { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (bodies, cuts) => {
        const stream = Buffer.concat(bodies.flatMap((body) => frame([body])))
        const splitter = new FrameSplitter(30, { lent: true })
        const frames: Uint8Array[] = []
        for (const chunk of split(stream, cuts)) {
          const lent = Buffer.from(chunk)
          splitter.push(lent)
          lent.fill(0xee)
          for (let next = splitter.next(); next !== undefined; next = splitter.next()) frames.push(next)
        }
        assert.deepEqual(
          frames.map((one) => Buffer.from(one).toString('hex')),
          bodies.map((body) => Buffer.from(body).toString('hex')),
        )
      }),
      { numRuns: 300 },
    )
  })

  it('takes memory for what has arrived, not for what is claimed', () => {
    const splitter = new FrameSplitter(1 << 30, { lent: true })
    const prefix = Buffer.alloc(4)
    prefix.writeInt32BE(1 << 29)
    const before = process.memoryUsage().arrayBuffers
    splitter.push(Buffer.concat([prefix, Buffer.alloc(1000)]))
    assert.equal(splitter.next(), undefined)
    assert.equal(splitter.nextBytes, 1 << 29)
    assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20)
  })

  it('puts a long frame together from many chunks', () => {
    const body = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, index) => index))
    const splitter = new FrameSplitter(1 << 20, { lent: true })
    const stream = Buffer.concat([...frame([body]), ...frame([Buffer.from('next')])])
    for (let at = 0; at < stream.length; at += 50_000) splitter.push(stream.subarray(at, at + 50_000))
    assert.deepEqual(splitter.next(), body)
    assert.equal(Buffer.from(splitter.next()!).toString(), 'next')
    assert.equal(splitter.bufferedBytes, 0)
  })
})

describe('frame splitter, with memory that is used again', () => {
  it('gives frames whatever the memory held, and gives back what a frame outgrew', () => {
    const taken: Buffer[] = []
    const given: Buffer[] = []
    const memory = {
      take(bytes: number): Buffer {
        const buffer = Buffer.alloc(2 * bytes, 0xee)
        taken.push(buffer)
        return buffer
      },
      give: (buffer: Buffer): void => void given.push(buffer),
    }
    const splitter = new FrameSplitter(1_000, { lent: true, firstBytes: 16, memory })
    const body = Buffer.from(Array.from({ length: 300 }, (_, index) => index % 251))
    const stream = Buffer.concat(frame([body]))
    for (let at = 0; at < stream.length; at += 7) splitter.push(stream.subarray(at, at + 7))
    assert.deepEqual(Buffer.from(splitter.next()!), body)
    assert.ok(taken.length > 1)
    assert.deepEqual(given, taken.slice(0, -1))
  })
})
