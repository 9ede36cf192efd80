import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { anyValue } from '../codec/fixtures/values.ts'
import { LOCAL_BATCH_RECORDS_MAX, LocalChannel } from './channel-local.ts'
import { BATCH_RECORDS_MAX, RingInputChannel, RingOutputChannel } from './channel-ring.ts'
import { NO_TIMESTAMP, type ChannelEvent, type InputChannel, type OutputChannel } from './elements.ts'
import { createRing } from './ring.ts'
import { createWakeWords, Waker } from './wake.ts'

interface Ends {
  readonly output: OutputChannel
  readonly input: InputChannel
}

const kinds: { readonly [name: string]: (keyed: boolean) => Ends } = {
  'a channel within a thread': (keyed) => both(new LocalChannel({ keyed })),
  'a channel within a thread that encodes': (keyed) => both(new LocalChannel({ keyed, encode: true })),
  'a channel over a ring': (keyed) => overRing(1 << 20, keyed),
  'a channel over a small ring': (keyed) => overRing(4_096, keyed),
}

function both(channel: LocalChannel): Ends {
  return { output: channel, input: channel }
}

function overRing(sizeBytes: number, keyed: boolean): Ends & { output: RingOutputChannel; memory: SharedArrayBuffer } {
  const memory = createRing(sizeBytes)
  const words = createWakeWords(1)
  const input = new RingInputChannel(memory, new Waker(words, 0), { keyed, label: 'exchange 0, 0 to 0' })
  return { output: new RingOutputChannel(memory, new Waker(words, 0), { keyed }), input, memory }
}

type Flat = readonly [value: unknown, timestamp: number, hash: number] | ChannelEvent

/** All that arrives, until nothing waits on either side. */
function receive({ output, input }: Ends): Flat[] {
  const arrived: Flat[] = []
  for (;;) {
    const drained = output.drain()
    const element = input.poll()
    if (element === undefined) {
      if (drained || output.queuedBytes === 0) return arrived
      continue
    }
    if (element.kind !== 'records') arrived.push(element)
    else
      for (let i = 0; i < element.count; i++)
        arrived.push([element.values[i], element.timestamps?.[i] ?? NO_TIMESTAMP, element.hashes?.[i] ?? 0])
  }
}

const events: readonly ChannelEvent[] = [
  { kind: 'watermark', time: 1_700_000_000_000 },
  { kind: 'watermark', time: -Infinity },
  { kind: 'idle' },
  { kind: 'active' },
  { kind: 'barrier', checkpointId: 7, triggeredMs: 12.5, completedId: 6 },
  { kind: 'cancel-barrier', checkpointId: 7 },
  { kind: 'end' },
]

for (const [name, make] of Object.entries(kinds)) {
  describe(name, () => {
    test('carries records and events in the order in which they were sent', () => {
      const record = fc.record({ value: anyValue, timestamp: fc.constantFrom(NO_TIMESTAMP, 0, 1.5, 1_700_000_000_000), hash: fc.integer() })
      const step = fc.oneof(
        { weight: 8, arbitrary: record },
        { weight: 2, arbitrary: fc.constantFrom(...events) },
        fc.constant('flush' as const),
      )
      fc.assert(
        fc.property(fc.array(step, { maxLength: 60 }), fc.boolean(), (steps, keyed) => {
          const ends = make(keyed)
          const sent: Flat[] = []
          for (const step of steps) {
            if (step === 'flush') ends.output.flush()
            else if ('kind' in step) {
              ends.output.event(step)
              sent.push(step)
            } else {
              ends.output.append(step.value, step.timestamp, step.hash)
              sent.push([step.value, step.timestamp, keyed ? step.hash : 0])
            }
          }
          ends.output.flush()
          assert.equal(ends.output.pending, false)
          assert.deepStrictEqual(receive(ends), sent)
          assert.equal(ends.input.available, false)
        }),
        { numRuns: 60 },
      )
    })

    test('counts bytes of records on both sides, and none where they pass by reference', () => {
      const ends = make(false)
      ends.output.event({ kind: 'idle' })
      assert.equal(ends.output.writtenBytes, 0)
      for (let n = 0; n < 100; n++) ends.output.append(`record ${n}`, NO_TIMESTAMP, 0)
      ends.output.flush()
      receive(ends)
      assert.equal(ends.input.readBytes, ends.output.writtenBytes)
      assert.equal(ends.output.writtenBytes > 0, ends.output instanceof RingOutputChannel)
    })

    test('sends a batch when it is full, keeps one that is not', () => {
      const { output, input } = make(false)
      const full = Math.max(LOCAL_BATCH_RECORDS_MAX, BATCH_RECORDS_MAX)
      for (let n = 0; n < full; n++) output.append({ n }, NO_TIMESTAMP, 0)
      assert.equal(input.available, true)
      while (input.poll() !== undefined) output.drain()
      output.flush()
      while (input.poll() !== undefined) output.drain()
      output.append({ n: 1 }, NO_TIMESTAMP, 0)
      assert.equal(output.pending, true)
      assert.equal(input.available, false)
    })

    test('presses back when nobody reads, and goes on when somebody does', () => {
      const ends = make(false)
      const sent: Flat[] = []
      while (ends.output.queuedBytes === 0) {
        const value = { text: 'x'.repeat(100), n: sent.length }
        ends.output.append(value, 5, 0)
        sent.push([value, 5, 0])
        assert.ok(sent.length < 100_000)
      }
      ends.output.event({ kind: 'end' })
      assert.equal(ends.output.drain(), false)
      assert.deepStrictEqual(receive(ends), [...sent, { kind: 'end' }])
      assert.equal(ends.output.queuedBytes, 0)
      assert.equal(ends.output.drain(), true)
    })
  })
}

describe('a channel over a ring', () => {
  test('carries a record larger than the ring', () => {
    const ends = overRing(4_096, false)
    const value = { blob: Uint8Array.from({ length: 50_000 }, (_, n) => n % 251), text: 'ä'.repeat(30_000) }
    ends.output.append(value, NO_TIMESTAMP, 0)
    ends.output.event({ kind: 'idle' })
    assert.ok(ends.output.queuedBytes > 40_000)
    assert.deepStrictEqual(receive(ends), [[value, NO_TIMESTAMP, 0], { kind: 'idle' }])
  })

  test('says when what waits can move: with half of the ring free', () => {
    const { output, input } = overRing(16_384, false)
    assert.equal(output.movable, false)
    while (output.queuedBytes === 0) output.append({ text: 'x'.repeat(50) }, NO_TIMESTAMP, 0)
    assert.equal(output.movable, false)
    while (!output.movable) assert.ok(input.poll() !== undefined)
    assert.equal(output.drain(), true)
  })

  test('a broken frame is an error that names the channel', () => {
    const { output, input, memory } = overRing(4_096, false)
    output.append({ a: 1 }, NO_TIMESTAMP, 0)
    output.flush()
    new Uint8Array(memory).fill(0x7f, 200, 210)
    assert.throws(() => input.poll(), { code: 'CHANNEL_CORRUPT', message: /exchange 0, 0 to 0/ })
  })
})

describe('a channel within a thread', () => {
  test('passes references', () => {
    const channel = new LocalChannel({ keyed: false })
    const value = { n: 1 }
    channel.append(value, NO_TIMESTAMP, 0)
    channel.flush()
    const batch = channel.poll()
    assert.ok(batch?.kind === 'records' && batch.values[0] === value && batch.timestamps === undefined)
  })

  test('that encodes passes copies, and refuses what would not arrive as it was sent', () => {
    const channel = new LocalChannel({ keyed: false, encode: true, strict: true })
    const value = { n: 1 }
    channel.append(value, NO_TIMESTAMP, 0)
    assert.throws(() => channel.append({ n: () => {} }, NO_TIMESTAMP, 0), { code: 'VALUE_UNSUPPORTED' })
    assert.throws(
      () => channel.append(Object.defineProperty({}, 'n', { get: () => 1, enumerable: true }), NO_TIMESTAMP, 0),
      /record\.n is an accessor/,
    )
    channel.flush()
    const batch = channel.poll()
    assert.ok(batch?.kind === 'records' && batch.values[0] !== value)
    assert.deepStrictEqual(batch.values, [value])
  })

  test('wakes its reader with every element, its writer when it can take more', () => {
    const channel = new LocalChannel({ keyed: false })
    const woken: string[] = []
    channel.wakeReader = () => woken.push('reader')
    channel.wakeWriter = () => woken.push('writer')
    for (let n = 0; n < 5; n++) channel.event({ kind: 'idle' })
    assert.ok(channel.queuedBytes > 0)
    channel.poll()
    assert.equal(channel.queuedBytes, 0)
    assert.deepEqual(woken, ['reader', 'reader', 'reader', 'reader', 'reader', 'writer'])
  })
})
