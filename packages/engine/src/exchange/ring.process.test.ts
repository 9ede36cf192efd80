import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createRing, RingReader, RingWriter } from './ring.ts'
import { createWakeWords, Sleeper, Waker } from './wake.ts'

const FRAMES = 60_000

/** Sizes from a generator both sides know: mostly small, some larger than the ring. */
function sizeOf(index: number): number {
  const mixed = Math.imul(index ^ (index >>> 15), 0x85ebca6b) >>> 0
  if (mixed % 5000 === 0) return 20_000 + (mixed % 30_000)
  return 1 + (mixed % 200)
}

describe('a ring between two threads', () => {
  it('carries every frame once, in order, whole, with both sides sleeping in between', { timeout: 20_000 }, async () => {
    const memory = createRing(8 * 1024)
    const words = createWakeWords(2)
    const worker = new Worker(new URL('./fixtures/ring-writer.ts', import.meta.url), { workerData: { memory, words, frames: FRAMES } })
    const failed = new Promise<never>((_, reject) => worker.once('error', reject))
    const writer = new Waker(words, 1)
    const reader = new RingReader(memory, () => writer.wake())
    const sleeper = new Sleeper(words, 0)
    const alive = setInterval(() => {}, 1000)
    let index = 0
    let slept = 0
    const readAll = async (): Promise<void> => {
      while (index < FRAMES) {
        const frame = reader.read()
        if (frame === undefined) {
          await new Promise<void>((resolve) => {
            if (!sleeper.sleep(resolve, () => reader.available)) resolve()
            else slept++
          })
          sleeper.awake()
          continue
        }
        assert.equal(frame.length, sizeOf(index), `size of frame ${index}`)
        const expected = index & 0xff
        assert.ok(
          frame.every((byte) => byte === expected),
          `bytes of frame ${index}`,
        )
        reader.release()
        index++
        // A slow reader now and then: the writer finds the ring full and sleeps too.
        if (index % 10_000 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    await Promise.race([readAll(), failed])
    clearInterval(alive)
    assert.equal(reader.read(), undefined)
    assert.ok(slept > 0, 'the reader slept')
    await worker.terminate()
  })

  it('takes what fits and says how far it got', () => {
    const memory = createRing(4096)
    const writer = new RingWriter(memory)
    const reader = new RingReader(memory, () => {})
    const frame = new Uint8Array(10_000).map((_, index) => index % 251)
    const first = writer.write(frame, 0)
    assert.ok(first > 0 && first < frame.length)
    assert.equal(reader.read(), undefined, 'a frame that is not whole is not seen')
    let at = first
    let got: Uint8Array | undefined
    while (got === undefined) {
      at = writer.write(frame, at)
      got = reader.read()
    }
    assert.deepEqual(new Uint8Array(got), frame)
  })
})
