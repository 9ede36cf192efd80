// Event-time timers of a keyed function against a model, also where their output finds no room and firing stops half-way.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { EventTimers } from '../api/contexts.ts'
import type { ErasedProcessFunction } from '../api/functions.ts'
import { NO_TIMESTAMP } from '../exchange/elements.ts'
import type { OperatorNode } from '../graph/graph.ts'
import { hashKey } from '../keys/hash.ts'
import { KeyedState } from '../state/keyed-state.ts'
import type { OperatorHost } from './operator.ts'
import { ProcessOperator } from './process.ts'
import { ChainCursor, nowhere } from './receiver.ts'

interface Command {
  readonly key: number
  readonly register: readonly number[]
  readonly remove: readonly number[]
}

/** A record, or a watermark. */
type Step = Command | number

interface TimerContext {
  readonly key: number
  readonly timestamp: number
  readonly eventTimers: EventTimers
  emit(value: string): void
}

/** A timer with such a time sets another when it fires, be it overdue. */
function next(time: number): number | undefined {
  return time % 5 === 0 ? time + 3 : undefined
}

class Model {
  readonly log: string[] = []
  readonly #timers = new Map<string, { readonly key: number; readonly time: number }>()
  #watermark = -Infinity

  take(step: Step): void {
    if (typeof step === 'number') {
      if (step > this.#watermark) this.#advance(step)
      return
    }
    this.log.push(`record ${step.key} at ${this.#watermark}`)
    for (const time of step.register) this.#timers.set(`${step.key} ${time}`, { key: step.key, time })
    for (const time of step.remove) this.#timers.delete(`${step.key} ${time}`)
  }

  #advance(watermark: number): void {
    this.#watermark = watermark
    for (;;) {
      const due = [...this.#timers.values()].filter(({ time }) => time <= watermark)
      due.sort((a, b) => a.time - b.time || hashKey(a.key) - hashKey(b.key))
      const first = due[0]
      if (first === undefined) break
      this.#timers.delete(`${first.key} ${first.time}`)
      this.log.push(`timer ${first.key} ${first.time} at ${watermark}`)
      const later = next(first.time)
      if (later !== undefined) this.#timers.set(`${first.key} ${later}`, { key: first.key, time: later })
    }
    this.log.push(`watermark ${watermark}`)
  }
}

class Bench {
  readonly log: string[] = []
  readonly cursor: ChainCursor = new ChainCursor()
  readonly operator: ProcessOperator
  /** The output has no room after so many records. */
  readonly #room: number
  #emitted = 0

  constructor(room: number, fn: ErasedProcessFunction = timersAsTold) {
    this.#room = room
    const receive = (value: unknown): void => {
      this.log.push(value as string)
      if (++this.#emitted % this.#room === 0) this.cursor.interrupted = true
    }
    const main = { receive, watermark: (time: number) => void this.log.push(`watermark ${time}`) }
    const node = { id: 0, name: 'timers', stateId: 'timers' } as OperatorNode
    const clock = { now: () => 0, monotonic: () => 0, after: () => () => {}, soon: () => () => {} }
    const outputs = { main, sides: new Map(), failures: nowhere }
    const host = { node, subtask: 0, parallelism: 1, cursor: this.cursor, outputs, clock, asyncCapacity: 10, wake: () => {} }
    const keyed = new KeyedState({ operator: 'timers', states: {}, maxParallelism: 4, keyGroups: { first: 0, end: 4 } })
    this.operator = new ProcessOperator(host as unknown as OperatorHost, {
      fn,
      keyed,
      keySelectors: [(value) => (value as Command).key, undefined],
      hashArrives: false,
      broadcast: undefined,
    })
  }

  take(step: Step): void {
    this.cursor.timestamp = 7
    if (typeof step === 'number') this.operator.watermark(step)
    else this.operator.receive(step)
  }

  /** As a task does once there is room again. */
  goOn(): void {
    this.cursor.interrupted = false
    this.operator.goOn()
  }
}

const timersAsTold = {
  onElement({ register, remove }: Command, ctx: TimerContext): void {
    assert.equal(ctx.timestamp, 7)
    ctx.emit(`record ${ctx.key} at ${ctx.eventTimers.watermark}`)
    for (const time of register) ctx.eventTimers.at(time)
    for (const time of remove) ctx.eventTimers.deleteAt(time)
  },
  onEventTimer(time: number, ctx: TimerContext): void {
    assert.equal(ctx.timestamp, time)
    ctx.emit(`timer ${ctx.key} ${time} at ${ctx.eventTimers.watermark}`)
    const later = next(time)
    if (later !== undefined) ctx.eventTimers.at(later)
  },
}

const times = fc.array(fc.integer({ min: -5, max: 60 }), { maxLength: 12 })
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ key: fc.nat(4), register: times, remove: times }) },
    { weight: 1, arbitrary: fc.oneof(fc.integer({ min: -10, max: 70 }), fc.constant(Infinity)) },
  ),
  { maxLength: 25 },
)

void describe('event-time timers', () => {
  void it('fire once each, by time, before the watermark that makes them due goes on', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const bench = new Bench(Infinity)
        const model = new Model()
        for (const step of script) {
          bench.take(step)
          model.take(step)
        }
        assert.deepEqual(bench.log, model.log)
      }),
      { numRuns: 150 },
    )
  })

  void it('fire the same where output finds no room, whether records wait or come all the same', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 20 }), fc.boolean(), (script, room, waits) => {
        const bench = new Bench(room)
        const model = new Model()
        for (const step of script) {
          if (waits || typeof step === 'number') while (bench.operator.stopped) bench.goOn()
          bench.take(step)
          model.take(step)
          assert.equal(bench.operator.stopped, bench.operator.full)
        }
        while (bench.operator.stopped) bench.goOn()
        assert.deepEqual(bench.log, model.log)
        assert.equal(bench.operator.pending, 0)
      }),
      { numRuns: 150 },
    )
  })

  void it('stop soon after their output finds no room, and after some in any case', () => {
    const register = Array.from({ length: 5_000 }, (_, index) => 5 * index + 1)
    const fired = (bench: Bench): number => bench.log.filter((line) => line.startsWith('timer')).length
    const cramped = new Bench(100)
    cramped.take({ key: 1, register, remove: [] })
    cramped.take(Infinity)
    assert.ok(cramped.operator.stopped && cramped.operator.pending === 1)
    assert.ok(fired(cramped) >= 99 && fired(cramped) < 99 + 16, `${fired(cramped)}`)
    const roomy = new Bench(Infinity)
    roomy.take({ key: 1, register, remove: [] })
    roomy.take(Infinity)
    assert.ok(roomy.cursor.interrupted && fired(roomy) < 5_000)
    assert.ok(!roomy.log.includes('watermark Infinity'))
    while (roomy.operator.stopped) roomy.goOn()
    assert.equal(fired(roomy), 5_000)
    assert.equal(roomy.log.at(-1), 'watermark Infinity')
  })

  void it('of a handler that turns out to be asynchronous keep the watermark behind all of them', async () => {
    const bench = new Bench(Infinity, {
      ...timersAsTold,
      onEventTimer: async (time: number, ctx: TimerContext): Promise<void> => {
        await Promise.resolve()
        ctx.emit(`timer ${ctx.key} ${time}`)
      },
    })
    bench.take({ key: 1, register: [1, 2, 3], remove: [] })
    for (let turn = 0; turn < 20; turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      bench.operator.settle()
      if (turn === 5) bench.take(10)
    }
    assert.deepEqual(bench.log.slice(1), ['timer 1 1', 'timer 1 2', 'timer 1 3', 'watermark 10'])
  })

  void it('and failures aside: also where only some calls answer a promise', async () => {
    const bench = new Bench(Infinity, {
      ...timersAsTold,
      onError: 'side',
      onEventTimer: (time: number, ctx: TimerContext): Promise<void> | undefined => {
        if (time !== 2) {
          ctx.emit(`timer ${ctx.key} ${time}`)
          return undefined
        }
        return Promise.resolve().then(() => ctx.emit(`timer ${ctx.key} ${time}, later`))
      },
    })
    bench.take({ key: 1, register: [1, 2, 3], remove: [] })
    bench.take(10)
    for (let turn = 0; turn < 5; turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve))
      bench.operator.settle()
    }
    assert.deepEqual(bench.log.slice(1), ['timer 1 1', 'timer 1 2, later', 'timer 1 3', 'watermark 10'])
  })
})

void describe('time in other handlers', () => {
  void it('a processing-time timer has no time stamp, and passes none on', () => {
    const stamps: number[] = []
    const bench = new Bench(Infinity, {
      onElement: (_: Command, ctx: { readonly processingTimers: { at(time: number): void } }) => ctx.processingTimers.at(0),
      onProcessingTimer: (_: number, ctx: TimerContext) => {
        stamps.push(ctx.timestamp)
        assert.throws(() => ctx.eventTimers.after('1s'), /1s after the time stamp of a record that has none/)
        ctx.emit('')
      },
    })
    bench.take({ key: 1, register: [], remove: [] })
    bench.operator.processingTime(1)
    assert.deepEqual(stamps, [NO_TIMESTAMP])
    assert.equal(bench.cursor.timestamp, NO_TIMESTAMP)
  })
})
