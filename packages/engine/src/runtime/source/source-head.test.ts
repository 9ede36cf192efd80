// Watermarks and idleness of a source, on a clock moved by hand.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MillraceError } from '@millrace/core'
import { watermarks, type WatermarkStrategy } from '../../api/watermarks.ts'
import type { SourceOutput, SourceReader } from '../../connectors/source.ts'
import { Chain } from '../../operators/chain.ts'
import { ChainCursor } from '../../operators/receiver.ts'
import { SourceHead } from './source-head.ts'

type Time = WatermarkStrategy<number>

class Bench {
  nowMs = 1_000
  /** Records by their value, watermarks and idleness as text, in order. */
  readonly said: (number | string)[] = []
  readonly stamps: number[] = []
  readonly head: SourceHead
  read: (output: SourceOutput<number>) => void = () => {}

  constructor(strategy: Time | undefined, timesSplits: boolean = false) {
    const reader: SourceReader<number> & { position(): string } = {
      timesSplits,
      addSplits: () => {},
      noMoreSplits: () => {},
      poll: (output) => {
        this.read(output)
        return 'wait'
      },
      snapshot: () => [],
      close: () => {},
      position: () => 'line 7',
    }
    const cursor = new ChainCursor()
    const receive = (value: unknown): void => {
      this.said.push(value as number)
      this.stamps.push(cursor.timestamp)
    }
    const chain = new Chain(
      cursor,
      [],
      [
        { receive, watermark: () => {} },
        { receive, watermark: () => {} },
      ],
    )
    const clock = { now: () => 5_000_000 + this.nowMs, monotonic: () => this.nowMs, after: () => () => {}, soon: () => () => {} }
    this.head = new SourceHead(
      { operator: 'numbers', stateId: 'numbers', subtask: 0 },
      reader,
      chain,
      strategy as WatermarkStrategy<unknown> | undefined,
      clock,
      {
        watermark: (time) => void this.said.push(`time ${time}`),
        idle: () => void this.said.push('idle'),
        active: () => void this.said.push('active'),
      },
    )
  }

  poll(...values: number[]): void {
    this.read = (output) => {
      for (const value of values) output.emit(value)
    }
    this.head.poll()
  }

  /** Lets time go by as a task does that waits: it looks when it is told to. */
  wait(ms: number): void {
    const until = this.nowMs + ms
    for (;;) {
      const next = this.head.nextLookMs
      if (next === undefined || next - 5_000_000 > until) break
      this.nowMs = Math.max(this.nowMs, next - 5_000_000)
      assert.equal(this.head.lookAtTime(), true)
    }
    this.nowMs = until
  }

  take(): (number | string)[] {
    return this.said.splice(0)
  }
}

const identity = (value: number): number => value

void describe('watermarks of a source', () => {
  void it('stay behind the largest time stamp, and are some time apart', () => {
    const bench = new Bench(watermarks.boundedOutOfOrderness(10, identity))
    bench.poll(100, 90)
    assert.deepEqual(bench.take(), [100, 90, 'time 89'])
    bench.nowMs += 10
    bench.poll(120)
    assert.deepEqual(bench.take(), [120])
    bench.nowMs += 50
    bench.poll(95)
    assert.deepEqual(bench.take(), [95, 'time 109'])
  })

  void it('come also when the reader has nothing more to say', () => {
    const bench = new Bench(watermarks.monotonous(identity))
    bench.poll(1)
    bench.poll(2)
    bench.take()
    bench.wait(49)
    assert.deepEqual(bench.take(), [])
    bench.wait(10)
    assert.deepEqual(bench.take(), ['time 1'])
    assert.equal(bench.head.nextLookMs, undefined)
  })

  void it('go to the end of time at the end, also without event time', () => {
    for (const strategy of [undefined, watermarks.monotonous(identity)]) {
      const bench = new Bench(strategy)
      bench.head.finishTime()
      assert.deepEqual(bench.take(), ['time Infinity'])
      assert.equal(bench.head.watermark, Infinity)
    }
  })

  void it('are read off what the source knows, where the strategy asks for it', () => {
    const bench = new Bench(watermarks.monotonous<number>((value, given) => given + value))
    bench.read = (output) => output.emit(3, 100)
    bench.head.poll()
    assert.deepEqual(bench.stamps, [103])
    assert.deepEqual(bench.take(), [3, 'time 102'])
  })

  void it('need a time that is one', () => {
    for (const bad of [Number.NaN, Infinity, undefined, '7']) {
      const bench = new Bench(watermarks.monotonous<number>(() => bad as number))
      const isNamed = (error: unknown): boolean =>
        error instanceof MillraceError && error.code === 'EVENT_TIME_INVALID' && /numbers.*time stamp of .* at line 7/.test(String(error))
      assert.throws(() => bench.poll(1), isNamed, String(bad))
    }
    const bench = new Bench(watermarks.custom<number>({ timestamp: identity, generator: () => ({ onRecord: () => Number.NaN }) }))
    assert.throws(() => bench.poll(1), /a watermark of NaN/)
  })
})

void describe('an idle source', () => {
  void it('says so after its time, behind its last watermark, and is active with the next record', () => {
    const bench = new Bench(watermarks.monotonous(identity, { idleAfter: 200 }))
    bench.poll(1)
    bench.poll(2)
    bench.take()
    bench.wait(199)
    assert.deepEqual(bench.take(), ['time 1'])
    bench.wait(100)
    assert.deepEqual(bench.take(), ['idle'])
    assert.equal(bench.head.nextLookMs, undefined, 'an idle source wakes nobody')
    bench.poll(5)
    assert.deepEqual(bench.take(), [5, 'active', 'time 4'])
  })

  void it('is idle also if it never had a record, but not before its time', () => {
    const bench = new Bench(watermarks.monotonous(identity, { idleAfter: 200 }))
    bench.poll()
    bench.wait(199)
    assert.deepEqual(bench.take(), [])
    bench.wait(1)
    assert.deepEqual(bench.take(), ['idle'])
  })

  void it('is active again for the end of time', () => {
    const bench = new Bench(watermarks.monotonous(identity, { idleAfter: 200 }))
    bench.poll()
    bench.wait(300)
    bench.take()
    bench.head.finishTime()
    assert.deepEqual(bench.take(), ['active', 'time Infinity'])
  })
})

void describe('splits with times of their own', () => {
  void it('give the time of the one furthest behind, idle and closed ones aside', () => {
    const bench = new Bench(watermarks.monotonous(identity, { idleAfter: 200 }), true)
    bench.poll()
    assert.deepEqual(bench.take(), [])
    const [a, b] = [bench.head.ofSplit('a'), bench.head.ofSplit('b')]
    const poll = (emit: () => void): void => {
      bench.read = emit
      bench.nowMs += 60
      bench.head.poll()
    }
    poll(() => a.emit(100))
    assert.deepEqual(bench.take(), [100], 'b may still have earlier ones')
    poll(() => b.emit(10))
    assert.deepEqual(bench.take(), [10, 'time 9'])
    for (let time = 101; time < 105; time++) poll(() => a.emit(time))
    assert.deepEqual(bench.take(), [101, 102, 103, 104, 'time 103'], 'b is idle')
    poll(() => b.emit(20))
    assert.deepEqual(bench.take(), [20], 'time does not fall')
    poll(() => b.close?.())
    poll(() => a.emit(200))
    assert.deepEqual(bench.take(), ['time 103', 200, 'time 199'].slice(1))
    poll(() => a.close?.())
    assert.deepEqual(bench.take(), ['idle'])
  })

  void it('are not idle while they are known to have more, however long it takes to be read', () => {
    const bench = new Bench(watermarks.monotonous(identity, { idleAfter: 200 }), true)
    bench.poll()
    let hasMore = true
    const [a, b] = [bench.head.ofSplit('a'), bench.head.ofSplit('b', () => hasMore)]
    bench.read = () => {
      a.emit(100)
      b.emit(10)
    }
    bench.head.poll()
    assert.deepEqual(bench.take(), [100, 10])
    // The task takes nothing for a while, and then what is first in the reader's buffers.
    for (let time = 101; time < 104; time++) {
      bench.nowMs += 1_000
      bench.read = () => a.emit(time)
      bench.head.poll()
    }
    assert.deepEqual(bench.take(), [101, 'time 9', 102, 103])
    hasMore = false
    bench.poll()
    bench.wait(300)
    assert.deepEqual(bench.take(), ['time 102', 'idle'])
  })
})

void describe('custom watermarks', () => {
  void it('go out at once where a record announces them', () => {
    const generator = (): { onRecord(value: number): number | undefined } => ({ onRecord: (value) => (value < 0 ? -value : undefined) })
    const bench = new Bench(watermarks.custom<number>({ timestamp: Math.abs, generator }))
    bench.poll(3, 4, -4, 5, -2, -5)
    assert.deepEqual(bench.take(), [3, 4, -4, 'time 4', 5, -2, -5, 'time 5'])
  })

  void it('go out as time goes by, while the source is not idle', () => {
    let announced = 0
    const generator = () => ({ onRecord: () => undefined, onPeriod: () => (announced += 10) })
    const bench = new Bench(watermarks.custom<number>({ timestamp: identity, generator, idleAfter: 200 }))
    bench.poll(1)
    bench.wait(120)
    assert.deepEqual(bench.take(), [1, 'time 10', 'time 20', 'time 30'])
    bench.wait(1_000)
    assert.deepEqual(bench.take(), ['time 40', 'idle'])
  })

  void it('wake nobody, once all is said, for a generator that is only asked with a record', () => {
    const generator = (): { onRecord(value: number): number } => ({ onRecord: identity })
    const bench = new Bench(watermarks.custom<number>({ timestamp: identity, generator }))
    bench.poll(1)
    bench.wait(50)
    assert.equal(bench.head.nextLookMs, undefined)
  })

  void it('are kept for each split', () => {
    const bench = new Bench(watermarks.custom<number>({ timestamp: identity, generator: () => ({ onRecord: identity }) }), true)
    const [a, b] = [bench.head.ofSplit('a'), bench.head.ofSplit('b')]
    a.emit(7)
    b.emit(3)
    b.emit(9)
    assert.deepEqual(bench.take(), [7, 3, 'time 3', 9, 'time 7'])
  })
})

describe('a source whose records take long', () => {
  it('is told that it is enough after about as many as take a few milliseconds', () => {
    const bench = new Bench(undefined)
    let tookMs = 0
    const counts: number[] = []
    bench.read = (output) => {
      let count = 0
      while (output.enough !== true && count < 1_000) {
        output.emit(count++)
        bench.nowMs += tookMs
      }
      counts.push(count)
    }
    for (let poll = 0; poll < 8; poll++) bench.head.poll()
    assert.deepEqual(counts.splice(0), [16, 32, 64, 128, 256, 512, 1_000, 1_000])
    tookMs = 20
    for (let poll = 0; poll < 3; poll++) bench.head.poll()
    assert.deepEqual(counts.splice(0), [1_000, 1, 1])
    tookMs = 1
    for (let poll = 0; poll < 5; poll++) bench.head.poll()
    assert.deepEqual(counts, [1, 2, 4, 4, 4])
  })
})
