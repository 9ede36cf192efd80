import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { AsyncExecution } from './async-execution.ts'
import type { UnfinishedInput } from './operator.ts'

interface Deferred {
  readonly input: UnfinishedInput
  readonly resolve: () => void
}

/** Drives an execution by hand: started invocations finish when the script says so. */
class Bench {
  readonly running: Deferred[] = []
  readonly applied: UnfinishedInput[] = []
  readonly events: (number | string)[] = []
  readonly execution: AsyncExecution
  concurrentMax = 0

  constructor(keyed: boolean, capacity: number) {
    this.execution = new AsyncExecution(
      { keyed, capacity },
      {
        start: (input) => {
          let resolve = (): void => {}
          const done = new Promise<void>((settle) => (resolve = settle))
          this.running.push({ input, resolve })
          this.concurrentMax = Math.max(this.concurrentMax, this.running.length)
          return {
            done,
            apply: () => {
              this.applied.push(input)
              this.events.push(input.value as number)
            },
            reject: (error) => {
              throw error
            },
          }
        },
        fireEventTimers: () => {},
        forwardWatermark: (time) => this.events.push(`watermark ${time}`),
        wake: () => {},
      },
    )
  }

  submit(value: number, hash: number): void {
    this.execution.submit({ what: 'element', value, timestamp: 0, hash })
  }

  async finish(which: number): Promise<void> {
    if (this.running.length === 0) return
    const [deferred] = this.running.splice(which % this.running.length, 1)
    deferred!.resolve()
    await Promise.resolve()
    await Promise.resolve()
    this.execution.settle()
  }
}

const script = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('submit' as const), hash: fc.nat(3) }),
    fc.record({ kind: fc.constant('finish' as const), which: fc.nat(10) }),
    fc.record({ kind: fc.constant('watermark' as const) }),
  ),
  { maxLength: 60 },
)

async function play(
  bench: Bench,
  steps: readonly { kind: string; hash?: number; which?: number }[],
): Promise<{ submitted: { value: number; hash: number }[]; arrived: (number | string)[] }> {
  const submitted: { value: number; hash: number }[] = []
  const arrived: (number | string)[] = []
  let time = 0
  for (const step of steps) {
    if (step.kind === 'submit') {
      submitted.push({ value: submitted.length, hash: step.hash! })
      arrived.push(submitted.length - 1)
      bench.submit(submitted.length - 1, step.hash!)
    } else if (step.kind === 'watermark') {
      arrived.push(`watermark ${++time}`)
      bench.execution.watermark(time)
    } else await bench.finish(step.which!)
  }
  return { submitted, arrived }
}

describe('asynchronous invocations', () => {
  it('apply per key in order of arrival, each once, never more than the capacity at a time', async () => {
    await fc.assert(
      fc.asyncProperty(script, fc.integer({ min: 1, max: 5 }), async (steps, capacity) => {
        const bench = new Bench(true, capacity)
        const { submitted } = await play(bench, steps)
        const unfinished = bench.execution.unfinished().map(({ value }) => value)
        const seen = new Set([...bench.applied.map(({ value }) => value), ...unfinished])
        assert.equal(seen.size, submitted.length, 'each input is either applied or unfinished')
        while (bench.execution.pending > 0) await bench.finish(0)
        for (const hash of [0, 1, 2, 3]) {
          assert.deepEqual(
            bench.applied.filter((input) => input.hash === hash).map(({ value }) => value),
            submitted.filter((input) => input.hash === hash).map(({ value }) => value),
          )
        }
        assert.ok(bench.concurrentMax <= capacity)
      }),
      { numRuns: 150 },
    )
  })

  it('apply in order of arrival without keys', async () => {
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const bench = new Bench(false, 4)
        const { submitted } = await play(bench, steps)
        while (bench.execution.pending > 0) await bench.finish(1)
        assert.deepEqual(
          bench.applied.map(({ value }) => value),
          submitted.map(({ value }) => value),
        )
      }),
      { numRuns: 100 },
    )
  })

  it('let a watermark pass only behind everything that arrived before it', async () => {
    await fc.assert(
      fc.asyncProperty(script, fc.boolean(), async (steps, keyed) => {
        const bench = new Bench(keyed, 3)
        const { arrived } = await play(bench, steps)
        while (bench.execution.pending > 0) await bench.finish(0)
        for (const [index, event] of arrived.entries()) {
          if (typeof event !== 'string') continue
          const passed = bench.events.indexOf(event)
          assert.ok(passed >= 0, `${event} passed`)
          for (const before of arrived.slice(0, index)) assert.ok(bench.events.indexOf(before) < passed, `${before} before ${event}`)
        }
      }),
      { numRuns: 150 },
    )
  })
})

/** Runs an execution against what its waiting invocations may expect: promises settle when the script says so, and the task's turn comes when it says so. */
class WaitingBench {
  readonly starts: number[] = []
  readonly applied: UnfinishedInput[] = []
  readonly #keyed: boolean
  readonly #capacity: number
  readonly #running: { readonly value: number; readonly resolve: () => void }[] = []
  /** What has arrived and not begun, with the moment from which it could have. */
  readonly #waiting: Map<number, { readonly input: UnfinishedInput; readonly arrived: number; ready: number | undefined }> = new Map()
  #execution: AsyncExecution
  #moment = 0
  #arrived = 0
  /** Invocations whose promises are open. */
  #open = 0

  constructor(keyed: boolean, capacity: number) {
    this.#keyed = keyed
    this.#capacity = capacity
    this.#execution = this.#begin()
  }

  #begin(): AsyncExecution {
    const hooks = {
      start: (input: UnfinishedInput) => this.#start(input),
      fireEventTimers: () => {},
      forwardWatermark: () => {},
      wake: () => {},
    }
    return new AsyncExecution({ keyed: this.#keyed, capacity: this.#capacity }, hooks)
  }

  get pending(): number {
    return this.#execution.pending
  }

  #start(input: UnfinishedInput): { done: Promise<void>; apply: () => void; reject: (error: unknown) => never } {
    const value = input.value as number
    const own = this.#waiting.get(value)!
    this.#waiting.delete(value)
    for (const { input: other, ready } of this.#waiting.values())
      assert.ok(ready === undefined || ready > own.arrived, `${value} begins before ${other.value as number}, which waited when it arrived`)
    this.starts.push(value)
    assert.ok(++this.#open <= this.#capacity, 'no more than the capacity')
    let resolve = (): void => {}
    const done = new Promise<void>((settle) => (resolve = settle)).then(() => void this.#open--)
    this.#running.push({ value, resolve })
    return {
      done,
      apply: () => {
        this.applied.push(input)
        this.#markNext(input.hash)
      },
      reject: (error) => {
        throw error
      },
    }
  }

  /** The first of the key that waits could begin from now on. */
  #markNext(hash: number): void {
    if (!this.#keyed) return
    const next = [...this.#waiting.values()].find(({ input }) => input.hash === hash)
    if (next !== undefined) next.ready = ++this.#moment
  }

  submit(hash: number): void {
    this.#hand({ what: 'element', value: this.#arrived++, timestamp: 0, hash: this.#keyed ? hash : 0 })
  }

  #hand(input: UnfinishedInput): void {
    const arrived = ++this.#moment
    const behind = this.#keyed && this.#execution.unfinished().some(({ hash }) => hash === input.hash)
    this.#waiting.set(input.value as number, { input, arrived, ready: behind ? undefined : arrived })
    this.#execution.submit(input)
  }

  /** The promise settles; the task has not had its turn. */
  async resolve(which: number): Promise<void> {
    if (this.#running.length === 0) return
    const [resolved] = this.#running.splice(which % this.#running.length, 1)
    resolved!.resolve()
    for (let turn = 0; turn < 4; turn++) await Promise.resolve()
  }

  /** The task's turn. Behind it nothing waits that could run. */
  settle(): void {
    this.#execution.settle()
    if (this.#open < this.#capacity)
      for (const { input, ready } of this.#waiting.values()) assert.equal(ready, undefined, `${input.value as number} waits for nothing`)
  }

  /** What is not done with begins again in another instance, all at once. */
  restore(): void {
    const unfinished = this.#execution.unfinished()
    this.#running.length = 0
    this.#waiting.clear()
    this.#open = 0
    this.#execution = this.#begin()
    for (const input of unfinished) this.#hand(input)
  }

  async drain(): Promise<void> {
    for (let turns = 2 * this.#execution.pending + 1; this.#execution.pending > 0; turns--) {
      assert.ok(turns > 0, 'it comes to its end')
      await this.resolve(0)
      this.settle()
    }
  }
}

const waitingScript = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('submit' as const), hash: fc.nat(3) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('resolve' as const), which: fc.nat(10) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
  ),
  { maxLength: 40 },
)

describe('invocations that wait', () => {
  for (const keyed of [false, true]) {
    it(`begin before what arrives later, and come to their end, ${keyed ? 'with keys' : 'without keys'}`, async () => {
      await fc.assert(
        fc.asyncProperty(waitingScript, fc.integer({ min: 1, max: 3 }), async (steps, capacity) => {
          const bench = new WaitingBench(keyed, capacity)
          const submitted: number[] = []
          for (const step of steps) {
            if (step.kind === 'submit') submitted.push(keyed ? step.hash : 0)
            if (step.kind === 'submit') bench.submit(step.hash)
            else if (step.kind === 'resolve') await bench.resolve(step.which)
            else bench[step.kind]()
          }
          await bench.drain()
          const values = Array.from(submitted, (_, value) => value)
          for (const hash of [0, 1, 2, 3]) {
            assert.deepEqual(
              bench.applied.filter((input) => input.hash === hash).map(({ value }) => value),
              values.filter((value) => submitted[value] === hash),
            )
          }
        }),
        { numRuns: 300 },
      )
    })
  }

  it('do so where more than the capacity are restored and another one arrives before the first is applied', async () => {
    const bench = new WaitingBench(false, 1)
    for (let n = 0; n < 2; n++) bench.submit(0)
    await bench.resolve(0)
    bench.submit(0)
    bench.settle()
    await bench.drain()
    assert.deepEqual(bench.starts, [0, 1, 2])
  })
})

describe('timers of a key that wait for their turns', () => {
  const timerAt = (timestamp: number, looked: () => void = () => {}, what: UnfinishedInput['what'] = 'event-timer'): UnfinishedInput => ({
    get what() {
      looked()
      return what
    },
    value: 'k',
    timestamp,
    hash: 1,
  })

  for (const [what, add] of [
    ['event-timer', 'submitTimer'],
    ['processing-timer', 'submit'],
  ] as const) {
    it(`are found and dropped, ${what}s of other times are not looked for among them`, async () => {
      const bench = new Bench(true, 10)
      const { execution } = bench
      let looks = 0
      for (let time = 0; time < 1_000; time++) execution[add](timerAt(time, () => looks++, what))
      looks = 0
      for (let time = 1_000; time < 2_000; time++) assert.equal(execution.hasTimer(timerAt(time, undefined, what)), false)
      assert.equal(execution.hasTimer(timerAt(0, undefined, what)), false, 'it is under way')
      assert.equal(looks, 0)
      assert.equal(execution.hasTimer(timerAt(1, undefined, what)), true)
      execution.dropTimer(timerAt(2, undefined, what))
      assert.equal(execution.hasTimer(timerAt(2, undefined, what)), false)
      await bench.finish(0)
      assert.equal(execution.hasTimer(timerAt(1, undefined, what)), false, 'it is under way')
      assert.equal(execution.hasTimer(timerAt(3, undefined, what)), true)
      await bench.finish(0)
      assert.deepEqual(
        bench.running.map(({ input }) => input.timestamp),
        [3],
      )
    })
  }
})
