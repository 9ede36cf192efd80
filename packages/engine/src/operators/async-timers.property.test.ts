// Timers of asynchronous functions: they are what those of synchronous ones are, for each key.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { testJob, TestInput, TestOutput } from '@millrace/testkit'
import type { Environment } from '../api/environment.ts'
import type { EventTimers, ProcessingTimers } from '../api/contexts.ts'
import { value, type ValueState } from '../api/state.ts'
import { type } from '../api/types.ts'

interface Order {
  readonly key: string
  readonly atMs: number
}

interface Context {
  readonly key: string
  readonly state: { readonly log: ValueState<string[]> }
  readonly eventTimers: EventTimers
  readonly processingTimers: ProcessingTimers
  emit(line: string): void
}

type Handler = (argument: number, ctx: Context) => void

interface Handlers {
  readonly onElement: Handler
  readonly onEventTimer?: Handler
  readonly onProcessingTimer?: Handler
}

/** What comes of the orders and the watermark, and then of the end: at once by functions that are not asynchronous, or by ones that are. */
async function run(handlers: Handlers, isAsync: boolean, orders: readonly Order[], watermarkMs: number): Promise<string[][]> {
  const input = new TestInput<Order>('orders', { timestamp: ({ atMs }) => atMs })
  const output = new TestOutput<string>()
  const of = (handler: Handler) => {
    if (!isAsync) return handler
    return async (argument: number, ctx: Context): Promise<void> => {
      await Promise.resolve()
      handler(argument, ctx)
    }
  }
  const { onElement, ...others } = handlers
  const methods = Object.fromEntries(Object.entries(others).map(([name, handler]) => [name, of(handler)]))
  const element = of(onElement) as (atMs: number, ctx: unknown) => Promise<void> | void
  await using test = await testJob((env) => {
    input
      .stream(env)
      .keyBy(({ key }) => key)
      .process({
        emits: type<string>(),
        state: { log: value<string[]>() },
        onElement: isAsync ? async ({ atMs }, ctx) => await element(atMs, ctx) : ({ atMs }, ctx) => element(atMs, ctx),
        ...methods,
      })
      .uid('timers')
      .sinkTo(output)
  })
  await test.send(input, ...orders)
  await test.watermark(input, watermarkMs)
  const before = output.take()
  await test.end()
  return [before, output.take()]
}

const tell: Handler = (time, ctx) => ctx.emit(`${ctx.key} ${time}`)
const orders = [
  { key: 'a', atMs: 0 },
  { key: 'b', atMs: 50 },
]

const cases: readonly [what: string, handlers: Handlers, orders: readonly Order[], watermarkMs: number][] = [
  [
    'one that a handler sets for a time that is past fires before the watermark goes on, and at the end of time all do',
    {
      onElement: (atMs, ctx) => ctx.eventTimers.at(atMs + 100),
      onEventTimer(time, ctx) {
        tell(time, ctx)
        if (time < 500) ctx.eventTimers.at(time + 100)
      },
    },
    orders,
    250,
  ],
  [
    'one that a handler sets fires before later ones of its key that are due as well',
    {
      onElement(atMs, ctx) {
        for (const after of [100, 300, 400]) ctx.eventTimers.at(atMs + after)
      },
      onEventTimer(time, ctx) {
        tell(time, ctx)
        if (time % 100 === 0) ctx.eventTimers.at(time + 50)
      },
    },
    [orders[0]!],
    1_000,
  ],
  [
    'one that is deleted does not fire, though it is due already',
    {
      onElement(atMs, ctx) {
        for (const after of [100, 200, 300]) ctx.eventTimers.at(atMs + after)
      },
      onEventTimer(time, ctx) {
        tell(time, ctx)
        ctx.eventTimers.deleteAt(time + 100)
      },
    },
    orders,
    1_000,
  ],
  [
    'there is one for each key and time, also where the one is due already',
    {
      onElement(atMs, ctx) {
        for (const after of [100, 200, 300]) ctx.eventTimers.at(atMs + after)
      },
      onEventTimer(time, ctx) {
        tell(time, ctx)
        if (time < 300) ctx.eventTimers.at(300)
        if (time === 200) ctx.eventTimers.deleteAt(300)
      },
    },
    [orders[0]!],
    1_000,
  ],
]

const byKey = (results: string[][]): object => results.map((lines) => Object.groupBy(lines, (line) => line.split(' ')[0]!))

describe('timers of asynchronous functions', () => {
  for (const [what, handlers, sent, watermarkMs] of cases) {
    it(what, async () => {
      const expected = await run(handlers, false, sent, watermarkMs)
      assert.ok(expected.flat().length > 1)
      assert.deepEqual(byKey(await run(handlers, true, sent, watermarkMs)), byKey(expected))
    })
  }

  it('fire as those of functions that are not: each key in the same order', async () => {
    const places = fc.integer({ min: 0, max: 9 })
    // What the handler of a timer at each place sets and deletes.
    const acts = fc.array(fc.record({ sets: fc.array(places, { maxLength: 2 }), deletes: fc.array(places, { maxLength: 2 }) }), {
      minLength: 10,
      maxLength: 10,
    })
    const sent = fc.array(fc.record({ key: fc.constantFrom('a', 'b', 'c'), atMs: places }), { minLength: 1, maxLength: 6 })
    await fc.assert(
      fc.asyncProperty(acts, sent, places, async (done, orders, watermarkMs) => {
        const handlers: Handlers = {
          onElement(atMs, ctx) {
            for (const place of [atMs, (atMs * 7) % 10, (atMs * 3 + 1) % 10]) ctx.eventTimers.at(place)
          },
          onEventTimer(time, ctx) {
            tell(time, ctx)
            const fired = ctx.state.log.get() ?? []
            ctx.state.log.set([...fired, String(time)])
            if (fired.length > 20) return
            for (const place of done[time]!.sets) ctx.eventTimers.at(place)
            for (const place of done[time]!.deletes) ctx.eventTimers.deleteAt(place)
          },
        }
        assert.deepEqual(byKey(await run(handlers, true, orders, watermarkMs)), byKey(await run(handlers, false, orders, watermarkMs)))
      }),
      { numRuns: 40 },
    )
  })

  it('and records of a key meet in the same order as of functions that are not, whichever calls take long', async () => {
    const keys = ['a', 'b', 'c']
    const order = fc.record({ key: fc.constantFrom(...keys), atMs: fc.integer({ min: 0, max: 60 }) })
    const steps = fc.array(fc.oneof({ weight: 3, arbitrary: order }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 60 }) }), {
      maxLength: 12,
    })
    const met = async (sent: readonly (Order | number)[], isAsync: boolean, slow: readonly string[]): Promise<object> => {
      const input = new TestInput<Order>('orders', { timestamp: ({ atMs }) => atMs })
      const output = new TestOutput<string>()
      const answered = Promise.withResolvers<void>()
      const onElement = ({ key, atMs }: Order, ctx: Context): void => {
        ctx.eventTimers.at(atMs + 5)
        ctx.emit(`${key} at ${atMs}`)
      }
      await using test = await testJob((env) => {
        input
          .stream(env)
          .keyBy(({ key }) => key)
          .process({
            emits: type<string>(),
            state: { log: value<string[]>() },
            onElement: isAsync
              ? async (each, ctx) => {
                  if (slow.includes(each.key)) await answered.promise
                  onElement(each, ctx)
                }
              : onElement,
            onEventTimer: (time, ctx) => tell(time, ctx),
          })
          .uid('timers')
          .sinkTo(output)
      })
      let reached = -1
      for (const step of sent)
        if (typeof step !== 'number') await test.send(input, step)
        else if (step > reached) await test.watermark(input, (reached = step))
      answered.resolve()
      await test.end()
      return Object.groupBy(output.take(), (line) => line.split(' ')[0]!)
    }
    await fc.assert(
      fc.asyncProperty(steps, fc.subarray(keys), async (sent, slow) => {
        assert.deepEqual(await met(sent, true, slow), await met(sent, false, slow))
      }),
      { numRuns: 60 },
    )
  })

  it('fire before what came behind the watermark, of any key, though a call before it is still under way; also after a restore', async () => {
    const input = new TestInput<Order>('orders', { timestamp: ({ atMs }) => atMs })
    const output = new TestOutput<string>()
    let answered = Promise.withResolvers<void>()
    const build = (env: Environment): void => {
      input
        .stream(env)
        .keyBy(({ key }) => key)
        .process({
          emits: type<string>(),
          state: { log: value<string[]>() },
          async onElement({ key, atMs }, ctx) {
            if (key === 'slow') await answered.promise
            ctx.eventTimers.at(atMs + 100)
            ctx.emit(`${key} at ${atMs}`)
          },
          async onEventTimer(time, ctx) {
            if (ctx.key === 'held') await answered.promise
            ctx.emit(`${ctx.key} until ${time}`)
          },
        })
        .uid('timers')
        .sinkTo(output)
    }
    const before = await testJob(build)
    await before.send(input, { key: 'fast', atMs: 0 }, { key: 'held', atMs: 0 }, { key: 'slow', atMs: 0 })
    await before.watermark(input, 150)
    await before.send(input, { key: 'fast', atMs: 160 }, { key: 'held', atMs: 160 }, { key: 'held', atMs: 161 })
    assert.deepEqual(output.take(), ['fast at 0', 'held at 0'])
    const first = answered
    answered = Promise.withResolvers<void>()
    first.resolve()
    const lines: string[] = []
    await before.until(() => lines.push(...output.take()) > 0 && lines.includes('fast until 100'))
    assert.ok(!lines.includes('fast at 160'))
    // Now a timer waits for its answer, and in front of two records of its key.
    const savepoint = await before.savepoint()
    await before.close()
    answered.resolve()
    output.take()
    await using after = await testJob(build, { restore: savepoint })
    await after.end()
    assert.deepEqual(
      output.take().filter((line) => line.startsWith('held')),
      ['held until 100', 'held at 160', 'held at 161', 'held until 260', 'held until 261'],
    )
  })

  it('one of the machine that a call takes back does not fire, though it has become due meanwhile', async () => {
    const input = new TestInput<string>('orders')
    const output = new TestOutput<string>()
    const answered = Promise.withResolvers<void>()
    await using test = await testJob((env) => {
      input
        .stream(env)
        .keyBy((order) => order)
        .process({
          emits: type<string>(),
          state: { until: value<number>() },
          async onElement(order, ctx) {
            const { until } = ctx.state
            const known = until.get()
            if (known === undefined) return until.set(ctx.processingTimers.after('1s'))
            await answered.promise
            ctx.processingTimers.deleteAt(known)
            ctx.emit(`${order}: answered`)
          },
          async onProcessingTimer(_time, ctx) {
            ctx.emit(`${ctx.key}: no answer`)
          },
        })
        .uid('timers')
        .sinkTo(output)
    })
    await test.send(input, 'a', 'b')
    await test.send(input, 'a')
    await test.advance('2s')
    answered.resolve()
    const lines: string[] = []
    await test.until(() => lines.push(...output.take()) >= 2)
    await test.advance('2s')
    assert.deepEqual([...lines, ...output.take()], ['b: no answer', 'a: answered'])
  })
})
