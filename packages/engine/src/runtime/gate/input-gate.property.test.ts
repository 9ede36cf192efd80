// What a gate makes of its channels' watermarks and idleness, against a model that looks at all of them anew each time.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { QueuedChannel } from '../fixtures/queued-channel.ts'
import { GateAlignment } from './gate-alignment.ts'
import { InputGate } from './input-gate.ts'

type Said = number | 'idle' | 'active' | 'end'

interface Step {
  readonly channel: number
  readonly says: Said
}

class Bench {
  readonly said: Said[] = []
  readonly #channels: readonly QueuedChannel[]
  readonly #gate: InputGate

  constructor(count: number) {
    this.#channels = Array.from({ length: count }, () => new QueuedChannel())
    const clock = { now: () => 0, monotonic: () => 0, after: () => () => {}, soon: () => () => {} }
    const channels = this.#channels.map(
      (channel, index) => ({ channel, input: index % 2 === 0 ? 0 : 1, label: `upstream[${index}]` }) as const,
    )
    const alignment = new GateAlignment(
      channels,
      { mode: 'exactly-once', settledId: 0, clock, wake: () => {} },
      { aligned: () => {}, inFlight: () => {}, collected: () => {} },
    )
    this.#gate = new InputGate(channels, alignment, {
      records: () => {},
      watermark: (time) => void this.said.push(time),
      idle: () => void this.said.push('idle'),
      active: () => void this.said.push('active'),
      end: () => void this.said.push('end'),
    })
  }

  /** What the gate says because of this. */
  take({ channel, says }: Step): Said[] {
    const before = this.said.length
    this.#channels[channel]!.elements.push(typeof says === 'number' ? { kind: 'watermark', time: says } : { kind: says })
    while (this.#gate.poll());
    return this.said.slice(before)
  }

  get watermark(): number {
    return this.#gate.watermark
  }
}

/** The rules as the guide words them. */
class Model {
  readonly #channels: { watermark: number; idle: boolean; ended: boolean }[]
  #watermark = -Infinity
  #idle = false

  constructor(count: number) {
    this.#channels = Array.from({ length: count }, () => ({ watermark: -Infinity, idle: false, ended: false }))
  }

  isOpen(channel: number): boolean {
    return !this.#channels[channel]!.ended
  }

  take({ channel, says }: Step): Said[] {
    const one = this.#channels[channel]!
    if (typeof says === 'number') one.watermark = Math.max(one.watermark, says)
    else if (says === 'end') one.ended = true
    else one.idle = says === 'idle'
    if (this.#channels.every(({ ended }) => ended)) return ['end']
    const open = this.#channels.filter(({ ended, watermark }) => !ended && watermark < Infinity)
    const active = open.filter(({ idle }) => !idle)
    const said: Said[] = []
    const wasIdle = this.#idle
    this.#idle = open.length > 0 && active.length === 0
    if (wasIdle && !this.#idle) said.push('active')
    const time = this.#idle ? Math.max(...open.map(({ watermark }) => watermark)) : Math.min(...active.map(({ watermark }) => watermark))
    if (time > this.#watermark) said.push((this.#watermark = time))
    if (!wasIdle && this.#idle) said.push('idle')
    return said
  }
}

const steps = (channels: number): fc.Arbitrary<Step[]> => {
  const says = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 }) },
    { weight: 3, arbitrary: fc.constantFrom<Said>('idle', 'active') },
    { weight: 1, arbitrary: fc.constantFrom<Said>('end', Infinity) },
  )
  return fc.array(fc.record({ channel: fc.nat(channels - 1), says }), { maxLength: 60 })
}

void describe('event time of several channels', () => {
  void it('is the smallest of the active ones, whatever they say in whatever order', () => {
    const scripts = fc.integer({ min: 1, max: 4 }).chain((count) => fc.tuple(fc.constant(count), steps(count)))
    fc.assert(
      fc.property(scripts, ([count, script]) => {
        const bench = new Bench(count)
        const model = new Model(count)
        for (const step of script) if (model.isOpen(step.channel)) assert.deepEqual(bench.take(step), model.take(step))
      }),
      { numRuns: 300 },
    )
  })

  void it('never falls, and tells of idleness and activity in turns', () => {
    fc.assert(
      fc.property(steps(3), (script) => {
        const bench = new Bench(3)
        const ended = new Set<number>()
        for (const step of script) {
          if (ended.has(step.channel)) continue
          if (step.says === 'end') ended.add(step.channel)
          bench.take(step)
        }
        const times = bench.said.filter((said) => typeof said === 'number')
        assert.deepEqual(
          times,
          [...new Set(times)].toSorted((a, b) => a - b),
        )
        const turns = bench.said.filter((said) => said === 'idle' || said === 'active')
        assert.ok(
          turns.every((turn, index) => turn === (index % 2 === 0 ? 'idle' : 'active')),
          turns.join(),
        )
      }),
      { numRuns: 200 },
    )
  })

  void it('does not depend on the order in which the last channels go idle', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const bench = new Bench(2)
      bench.take({ channel: 0, says: 10 })
      bench.take({ channel: 1, says: 5 })
      for (const channel of order) bench.take({ channel, says: 'idle' })
      assert.equal(bench.watermark, 10)
      assert.equal(bench.said.at(-1), 'idle')
    }
  })

  void it('does not end while a channel is idle that may still have records', () => {
    const bench = new Bench(2)
    bench.take({ channel: 0, says: 'idle' })
    assert.deepEqual(bench.take({ channel: 1, says: 40 }), [40])
    assert.deepEqual(bench.take({ channel: 1, says: Infinity }), ['idle'])
    assert.deepEqual(bench.take({ channel: 1, says: 'end' }), [])
    assert.deepEqual(bench.take({ channel: 0, says: 'active' }), ['active'])
    assert.deepEqual(bench.take({ channel: 0, says: 50 }), [50])
    assert.deepEqual(bench.take({ channel: 0, says: Infinity }), [Infinity])
  })

  void it('waits again for a channel that has become active, but does not go back for it', () => {
    const bench = new Bench(2)
    bench.take({ channel: 0, says: 5 })
    bench.take({ channel: 0, says: 'idle' })
    assert.deepEqual(bench.take({ channel: 1, says: 20 }), [20])
    assert.deepEqual(bench.take({ channel: 0, says: 'active' }), [])
    assert.deepEqual(bench.take({ channel: 1, says: 30 }), [])
    assert.deepEqual(bench.take({ channel: 0, says: 12 }), [])
    assert.deepEqual(bench.take({ channel: 0, says: 25 }), [25])
  })
})
