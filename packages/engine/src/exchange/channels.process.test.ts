import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { RingInputChannel, RingOutputChannel } from './channel-ring.ts'
import type { Element } from './elements.ts'
import { burstSize, type PeerData } from './fixtures/channel-peer.ts'
import { createRing } from './ring.ts'
import { createWakeWords, Sleeper, Waker } from './wake.ts'

const PEERS = 2
const BURSTS = 4_000

/** One sending thread as the reading one sees it. */
class Peer {
  readonly data: PeerData
  readonly input: RingInputChannel
  readonly answers: RingOutputChannel
  burst = 0
  next = 0
  ended = false

  constructor(thread: number, words: SharedArrayBuffer) {
    const out = createRing(16 * 1024)
    const back = createRing(4 * 1024)
    const waker = new Waker(words, thread)
    this.data = { thread, words, out, back, bursts: BURSTS }
    this.input = new RingInputChannel(out, waker, { keyed: true, label: `peer ${thread}` })
    this.answers = new RingOutputChannel(back, waker, { keyed: false })
  }

  take(element: Element): void {
    if (element.kind === 'end') this.ended = true
    else if (element.kind === 'watermark') {
      assert.equal(element.time, this.burst)
      this.burst++
      this.answers.event(element)
    } else {
      assert.ok(element.kind === 'records')
      for (let i = 0; i < element.count; i++) this.#check(element.values[i], element.timestamps?.[i], element.hashes?.[i])
    }
  }

  #check(value: unknown, timestamp: number | undefined, hash: number | undefined): void {
    const n = this.next++
    assert.deepEqual(value, { n, text: `record ${n} of thread ${this.data.thread}`, half: n / 2 })
    assert.equal(timestamp, n)
    assert.equal(hash, n * 3)
  }
}

test('threads that sleep between bursts, or for want of room, lose nothing and are always woken', { timeout: 60_000 }, async () => {
  const words = createWakeWords(PEERS + 1)
  const peers = Array.from({ length: PEERS }, (_, index) => new Peer(index + 1, words))
  const workers = peers.map(({ data }) => new Worker(new URL('./fixtures/channel-peer.ts', import.meta.url), { workerData: data }))
  const failed = Promise.race(workers.map((worker) => new Promise<never>((_, reject) => worker.once('error', reject))))
  const sleeper = new Sleeper(words, 0)
  let slept = 0
  const readAll = async (): Promise<void> => {
    while (peers.some(({ ended }) => !ended)) {
      let worked = false
      for (const peer of peers) {
        const element = peer.input.poll()
        if (element === undefined) continue
        peer.take(element)
        worked = true
      }
      if (worked) continue
      await new Promise<void>((resolve) => {
        if (sleeper.sleep(resolve, () => peers.some(({ input }) => input.available))) slept++
        else resolve()
      })
      sleeper.awake()
    }
  }
  await Promise.race([readAll(), failed])
  sleeper.close()
  const total = Array.from({ length: BURSTS }, (_, burst) => burstSize(burst)).reduce((sum, size) => sum + size, 0)
  for (const { next, burst } of peers) {
    assert.equal(next, total)
    assert.equal(burst, BURSTS)
  }
  assert.ok(slept > 100, `the reader slept ${slept} times`)
  await Promise.all(workers.map((worker) => worker.terminate()))
})
