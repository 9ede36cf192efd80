import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Element, RecordBatch } from '../../exchange/elements.ts'
import { NO_TIMESTAMP } from '../../exchange/elements.ts'
import { EARLIEST_TURNS, EventTimeOrder, PASSED_OVER_MS_MAX, WAITED_MS_MAX } from './event-time-order.ts'
import { QueuedChannel } from '../fixtures/queued-channel.ts'
import { PortionedChannel } from './portioned-channel.ts'

function batch(...times: readonly number[]): RecordBatch {
  return { kind: 'records', count: times.length, values: times.map(String), timestamps: times, hashes: times.map((time) => time | 0) }
}

class Bench {
  readonly queues: readonly QueuedChannel[]
  readonly channels: readonly PortionedChannel[]
  readonly idle: Set<number> = new Set()
  readonly ended: Set<number> = new Set()
  readonly order: EventTimeOrder
  nowMs = 0

  constructor(count: number) {
    this.queues = Array.from({ length: count }, () => new QueuedChannel())
    this.channels = this.queues.map((queue) => new PortionedChannel(queue))
    this.order = new EventTimeOrder(this.channels, { monotonic: () => this.nowMs }, () => false)
  }

  choose(patient: boolean = false): number | 'in-turns' | undefined {
    return this.order.choose({ isOpen: (index) => !this.ended.has(index), isIdle: (index) => this.idle.has(index) }, patient)
  }

  take(channel: number, recordsMax: number = 1): Element | undefined {
    this.order.served(channel)
    return this.channels[channel]!.take(recordsMax)
  }
}

const sortedTimes = fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 12 }).map((times) => times.toSorted((a, b) => a - b))

void describe('the order of event time', () => {
  void it('merges what is there by time, and keeps each channel in its order', () => {
    const scripts = fc.array(fc.array(sortedTimes, { maxLength: 4 }), { minLength: 2, maxLength: 4 })
    fc.assert(
      fc.property(scripts, (channels) => {
        const bench = new Bench(channels.length)
        for (const [index, batches] of channels.entries()) {
          // Batches of a channel follow each other in time.
          const times = batches.flat().toSorted((a, b) => a - b)
          for (const { length } of batches) if (length > 0) bench.queues[index]!.elements.push(batch(...times.splice(0, length)))
        }
        const taken: string[] = []
        for (let next = bench.choose(); next !== undefined; next = bench.choose()) {
          assert.notEqual(next, 'in-turns')
          const element = bench.take(next as number)
          assert.ok(element?.kind === 'records' && element.count === 1)
          taken.push(element.values[0] as string)
        }
        const all = channels.flat(2).toSorted((a, b) => a - b)
        assert.deepEqual(taken, all.map(String))
      }),
      { numRuns: 150 },
    )
  })

  void it('takes an event at once, and leaves records without a time to their turns', () => {
    const bench = new Bench(2)
    bench.queues[0]!.elements.push(batch(1))
    bench.queues[1]!.elements.push({ kind: 'watermark', time: 100 }, batch(NO_TIMESTAMP))
    assert.equal(bench.choose(true), 1)
    assert.deepEqual(bench.take(1), { kind: 'watermark', time: 100 })
    assert.equal(bench.choose(), 'in-turns')
  })

  void it('waits for who has nothing only while the task is patient, once, and never for an idle or ended one', () => {
    const bench = new Bench(3)
    bench.queues[0]!.elements.push(batch(10, 20, 30))
    assert.equal(bench.choose(true), undefined)
    assert.equal(bench.choose(false), 0)
    bench.take(0)
    // It was waited for: that was enough.
    assert.equal(bench.choose(true), 0)
    bench.queues[1]!.elements.push(batch(5))
    bench.queues[2]!.elements.push(batch(40))
    assert.equal(bench.choose(true), 1)
    bench.take(1)
    // All have come meanwhile: the one that has nothing now is waited for again.
    assert.equal(bench.choose(true), undefined)
    bench.idle.add(1)
    assert.equal(bench.choose(true), 0)
    bench.take(0, 2)
    bench.ended.add(0)
    assert.equal(bench.choose(true), 2)
  })

  void it('waits for a moment at most, however busy the thread is', () => {
    const bench = new Bench(2)
    bench.queues[0]!.elements.push(batch(1), batch(2))
    assert.equal(bench.choose(true), undefined)
    bench.nowMs += WAITED_MS_MAX
    assert.equal(bench.choose(true), undefined)
    bench.nowMs++
    assert.equal(bench.choose(true), 0)
    bench.take(0)
    assert.equal(bench.choose(true), 0)
  })

  void it('does not wait where nothing earlier can come', () => {
    const bench = new Bench(2)
    bench.queues[0]!.elements.push(batch(50))
    bench.queues[1]!.elements.push(batch(60))
    bench.take(1)
    assert.equal(bench.choose(true), 0)
  })

  void it('does not wait where a watermark has said that nothing earlier comes', () => {
    const bench = new Bench(2)
    bench.queues[0]!.elements.push(batch(50))
    bench.queues[1]!.elements.push({ kind: 'watermark', time: 49 })
    assert.equal(bench.choose(true), 1)
    bench.take(1)
    assert.equal(bench.choose(true), undefined)
    bench.queues[1]!.elements.push({ kind: 'watermark', time: 50 })
    assert.equal(bench.choose(true), 1)
    bench.take(1)
    assert.equal(bench.choose(true), 0)
  })

  void it('passes nobody over for long: then all have turns, until the other is the earliest', () => {
    const bench = new Bench(2)
    for (let time = 0; time < 100; time++) bench.queues[0]!.elements.push(batch(time))
    bench.queues[1]!.elements.push(batch(50), batch(51))
    for (; bench.nowMs <= PASSED_OVER_MS_MAX; bench.nowMs += 10) {
      assert.equal(bench.choose(), 0)
      bench.take(0)
    }
    const turns = [...Array.from({ length: EARLIEST_TURNS }, () => 0), 'in-turns']
    for (const expected of [...turns, ...turns]) assert.equal(bench.choose(), expected)
    bench.take(1)
    while (bench.channels[0]!.look() !== 52) bench.take(0)
    assert.equal(bench.choose(), 1)
    bench.take(1)
    bench.queues[1]!.elements.push(batch(60))
    assert.equal(bench.choose(), 0)
  })

  void it('lets one catch up that was held up, where both have as much as is taken of them', () => {
    const bench = new Bench(2)
    // Each channel holds so many records, and is filled again as soon as some are taken: that the one is ahead by all of them is told by nothing else.
    const held = 40
    const sent = [0, held]
    const fill = (): void => {
      for (const [index, { elements }] of bench.queues.entries()) while (elements.length < held) elements.push(batch(sent[index]!++))
    }
    let next = 0
    const taken = [0, 0]
    for (fill(); bench.channels[0]!.look() !== bench.channels[1]!.look(); fill(), bench.nowMs += 10) {
      const chosen = bench.choose()
      const channel = chosen === 'in-turns' ? next++ % 2 : chosen!
      bench.take(channel)
      taken[channel]!++
      assert.ok(taken[0]! + taken[1]! < 20 * held, 'it never catches up')
    }
    assert.ok(taken[1]! > 0, 'the other has had turns meanwhile')
  })
})

void describe('a channel in portions', () => {
  void it('gives out what the channel has, in its order, whatever is taken at a time', () => {
    const element: fc.Arbitrary<Element> = fc.oneof(
      fc.array(fc.integer(), { minLength: 1, maxLength: 9 }).map((times) => batch(...times)),
      fc.integer().map((time) => ({ kind: 'watermark' as const, time })),
      fc.array(fc.string(), { minLength: 1, maxLength: 5 }).map((values): Element => ({
        kind: 'records',
        count: values.length,
        values: [...values, 'beyond'],
        timestamps: undefined,
        hashes: undefined,
      })),
    )
    const takes = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(Infinity)), { minLength: 1 })
    fc.assert(
      fc.property(fc.array(element, { maxLength: 8 }), takes, fc.func(fc.boolean()), (elements, sizes, looks) => {
        const queue = new QueuedChannel()
        queue.elements.push(...elements)
        const channel = new PortionedChannel(queue)
        const given: Element[] = []
        for (let turn = 0; channel.available; turn++) {
          if (looks(turn)) channel.look()
          given.push(channel.take(sizes[turn % sizes.length]!)!)
        }
        assert.equal(channel.take(1), undefined)
        assert.deepEqual(given.flatMap(flattened), elements.flatMap(flattened))
      }),
    )
  })

  void it('takes one element out early, and no more', () => {
    const queue = new QueuedChannel()
    queue.elements.push(batch(1, 2), batch(3))
    const channel = new PortionedChannel(queue)
    channel.look()
    channel.look()
    channel.take(1)
    channel.look()
    assert.equal(queue.polled, 1)
    assert.equal(channel.reached, 1)
  })
})

/** Records one by one. */
function flattened(element: Element): unknown[] {
  if (element.kind !== 'records') return [element]
  return Array.from({ length: element.count }, (_, at) => [element.values[at], element.timestamps?.[at], element.hashes?.[at]])
}
