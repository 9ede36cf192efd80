import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { testJob, TestInput, TestOutput } from '@millrace/testkit'
import type { Environment } from '../api/environment.ts'
import { map, value, type MapState, type ValueState } from '../api/state.ts'
import type { Stream, StreamView } from '../api/stream.ts'
import { type } from '../api/types.ts'
import { watermarks } from '../api/watermarks.ts'
import type { Source } from '../connectors/source.ts'
import { collect } from './execute.ts'

async function results<T>(build: (env: Environment) => StreamView<T>): Promise<T[]> {
  const list: T[] = []
  for await (const result of collect(build)) list.push(result)
  return list
}

/** 1 to 5, at 1000 to 5000. */
function timed(env: Environment): Stream<number> {
  return env.fromCollection([1, 2, 3, 4, 5], { watermarks: watermarks.monotonous((n) => n * 1_000) })
}

const later = async <T>(answer: () => T): Promise<T> => {
  await sleep(1)
  return answer()
}

describe('the context of a call that goes on while others pass', () => {
  it('keeps its time stamp in an asynchronous map', async () => {
    const got = await results((env) =>
      timed(env).map(async (n, ctx) => {
        await sleep(6 - n)
        return [n, ctx.timestamp]
      }),
    )
    assert.deepEqual(
      got,
      [1, 2, 3, 4, 5].map((n) => [n, n * 1_000]),
    )
  })

  it('keeps it where a function answers promises without being declared async', async () => {
    const got = await results((env) => timed(env).map((n, ctx) => later(() => [n, ctx.timestamp])))
    assert.deepEqual(
      got,
      [1, 2, 3, 4, 5].map((n) => [n, n * 1_000]),
    )
  })

  it('gives it to what the call emits, also where it runs alone', async () => {
    const got = await results((env) =>
      timed(env)
        .keyBy((n) => n % 2)
        .process({
          emits: type<readonly number[]>(),
          state: { sum: value<number>() },
          onElement: (n, ctx) =>
            later(() => {
              ctx.state.sum.update((sum) => (sum ?? 0) + n)
              ctx.emit([n, ctx.timestamp])
            }),
        })
        .map(([n, inside], ctx) => [n, inside, ctx.timestamp]),
    )
    assert.deepEqual(
      got.toSorted(([a], [b]) => a! - b!),
      [1, 2, 3, 4, 5].map((n) => [n, n * 1_000, n * 1_000]),
    )
  })

  for (const kind of ['event', 'processing'] as const) {
    it(`keeps the key's state where a timer of ${kind} time turns out to be asynchronous, and others are due with it`, async () => {
      const input = new TestInput<string>('input', { timestamp: () => 0 })
      const output = new TestOutput<string>()
      await using test = await testJob((env) => {
        const onTimer = (
          _time: number,
          ctx: { key: string; state: { own: ValueState<string> }; emit(line: string): void },
        ): Promise<void> => later(() => ctx.emit(`${ctx.key} has ${ctx.state.own.get()}`))
        input
          .stream(env)
          .keyBy((key) => key)
          .process({
            emits: type<string>(),
            state: { own: value<string>() },
            onElement(key, ctx) {
              ctx.state.own.set(key)
              if (kind === 'event') ctx.eventTimers.at(1_000)
              else ctx.processingTimers.after('1s')
            },
            onEventTimer: onTimer,
            onProcessingTimer: onTimer,
          })
          .sinkTo(output)
      })
      await test.send(input, 'a', 'b', 'c')
      if (kind === 'event') await test.watermark(input, 1_000)
      else await test.advance('1s')
      const lines: string[] = []
      await test.until(() => lines.push(...output.take()) === 3)
      assert.deepEqual(lines.toSorted(), ['a has a', 'b has b', 'c has c'])
    })
  }

  it('lets such a timer delete others of its key that are due with it', async () => {
    const got = await results((env) =>
      timed(env)
        .keyBy((n) => n)
        .process({
          emits: type<string>(),
          onElement(_n, ctx) {
            ctx.eventTimers.at(9_000)
            ctx.eventTimers.at(9_001)
          },
          onEventTimer: (time, ctx) =>
            later(() => {
              ctx.emit(`${ctx.key} at ${time}`)
              ctx.eventTimers.deleteAt(9_001)
            }),
        }),
    )
    assert.deepEqual(got.toSorted(), ['1 at 9000', '2 at 9000', '3 at 9000', '4 at 9000', '5 at 9000'])
  })
})

describe('a context that is used after its call', () => {
  const uses = ['emit', 'emitTo', 'state', 'a timer', 'key', 'timestamp'] as const

  for (const use of uses) {
    it(`refuses ${use}: it would be that of another record`, async () => {
      const refused: unknown[] = []
      const got = await results((env) =>
        timed(env)
          .keyBy((n) => n)
          .process({
            emits: type<number>(),
            sides: { late: type<number>() },
            state: { seen: value<number>() },
            onElement(n, ctx) {
              ctx.emit(n)
              queueMicrotask(() => {
                try {
                  if (use === 'emit') ctx.emit(-n)
                  else if (use === 'emitTo') ctx.emitTo('late', -n)
                  else if (use === 'state') ctx.state.seen.set(n)
                  else if (use === 'key') assert.fail(`a key: ${ctx.key}`)
                  else if (use === 'timestamp') assert.fail(`a time stamp: ${ctx.timestamp}`)
                  else ctx.processingTimers.after(1)
                } catch (error) {
                  refused.push((error as { code?: unknown }).code)
                }
              })
            },
          }),
      )
      assert.deepEqual(got, [1, 2, 3, 4, 5])
      assert.deepEqual(refused, Array(5).fill('CONTEXT_REVOKED'))
    })
  }

  type Sum = ValueState<number>
  const kept: readonly [string, (sum: Sum, perItem: MapState<string, number>) => unknown][] = [
    ['set', (sum) => sum.set(1)],
    ['get', (sum) => sum.get()],
    ['clear', (sum) => sum.clear()],
    ['update', (sum) => sum.update((n) => (n ?? 0) + 1)],
    ['set of a map', (_sum, perItem) => perItem.set('a', 1)],
    ['get of a map', (_sum, perItem) => perItem.get('a')],
    ['entries of a map', (_sum, perItem) => [...perItem.entries()]],
  ]
  const states = {
    sum: value<number>(),
    perItem: map<string, number>(),
    brief: value<number>({ ttl: { after: '1h' } }),
    briefly: map<string, number>({ ttl: { after: '1h' } }),
  }

  for (const [use, call] of kept) {
    for (const expires of [false, true]) {
      it(`refuses ${use} by a handle that was taken while it was under way${expires ? ', of a state that expires' : ''}`, async () => {
        const refused: unknown[] = []
        const got = await results((env) =>
          timed(env)
            .keyBy((n) => n)
            .process({
              emits: type<number>(),
              state: states,
              onElement(n, ctx) {
                const { sum, perItem, brief, briefly } = ctx.state
                sum.set(10 * n)
                perItem.set('b', 1)
                brief.set(10 * n)
                briefly.set('b', 1)
                ctx.eventTimers.at(9_000)
                queueMicrotask(() => {
                  try {
                    if (expires) call(brief, briefly)
                    else call(sum, perItem)
                  } catch (error) {
                    refused.push((error as { code?: unknown }).code)
                  }
                })
              },
              onEventTimer(_time, ctx) {
                ctx.emit(expires ? ctx.state.brief.get()! : ctx.state.sum.get()!)
              },
            }),
        )
        assert.deepEqual(
          got.toSorted((a, b) => a - b),
          [10, 20, 30, 40, 50],
        )
        assert.deepEqual(refused, Array(5).fill('CONTEXT_REVOKED'))
      })
    }
  }

  it('refuses it once the promise of a call that ran alone is settled', async () => {
    const refused: unknown[] = []
    await results((env) =>
      timed(env).process({
        emits: type<number>(),
        onElement: (n, ctx) =>
          later(() => {
            ctx.emit(n)
            setImmediate(() => {
              try {
                ctx.emit(-n)
              } catch (error) {
                refused.push((error as { code?: unknown }).code)
              }
            })
          }),
        // Long enough for what is left over of the calls.
        finish: async () => await sleep(5),
      }),
    )
    assert.deepEqual(refused, Array(5).fill('CONTEXT_REVOKED'))
  })

  for (const parallelism of [1, 2]) {
    it(`has no time stamp at the end of the input, not that of what came last, at parallelism ${parallelism}`, async () => {
      const got: unknown[] = []
      const build = (env: Environment): StreamView<number> =>
        timed(env)
          .keyBy((n) => n)
          .process({
            emits: type<number>(),
            onElement: (_n, ctx) => void ctx.eventTimers.after('1s'),
            onEventTimer: () => {},
            async finish(ctx) {
              await sleep(1)
              ctx.emit(ctx.timestamp)
            },
          })
          .map((inside, ctx) => {
            got.push([inside, ctx.timestamp])
            return inside
          })
      for await (const _ of collect(build, { parallelism }));
      assert.deepEqual(
        got,
        Array.from({ length: parallelism }, () => [-(2 ** 53), -(2 ** 53)]),
      )
    })
  }

  it('is of no key at the end of the input', async () => {
    const members: unknown[] = []
    await results((env) =>
      timed(env)
        .keyBy((n) => n)
        .process({
          emits: type<number>(),
          state: { seen: value<number>() },
          onElement: (n, ctx) => ctx.state.seen.set(n),
          finish(ctx) {
            ctx.emit(0)
            members.push('key' in ctx, 'state' in ctx)
          },
        }),
    )
    assert.deepEqual(members, [false, false])
  })
})

it('broadcast state that is changed after a promise is refused where it shows', async () => {
  const build = (env: Environment): StreamView<number> => {
    const rules = env.fromCollection([1]).broadcast({ rules: map<string, number>() })
    return env
      .fromCollection([1])
      .connect(rules)
      .process({
        emits: type<number>(),
        onElement: (n, ctx) => ctx.emit(n),
        onBroadcast: (() => Promise.reject(new Error('unheard'))) as never,
      })
  }
  await assert.rejects(results(build), ({ cause }: Error) => (cause as { code?: unknown }).code === 'BROADCAST_ASYNC')
})

describe('the capacity of an asynchronous function', () => {
  for (const [capacity, most] of [
    [undefined, 100],
    [1, 1],
    [7, 7],
    [150, 150],
  ] as const) {
    it(`of ${capacity ?? 'nothing said'}: ${most} calls at a time`, async () => {
      let running = 0
      let seen = 0
      const full = Promise.withResolvers<void>()
      const got = await results((env) =>
        env
          .fromCollection(Array.from({ length: 300 }, (_, n) => n))
          .keyBy((n) => n)
          .process({
            emits: type<number>(),
            ...(capacity === undefined ? {} : { capacity }),
            async onElement(n, ctx) {
              seen = Math.max(seen, ++running)
              if (seen >= most) full.resolve()
              // Records come as fast as they may; a few milliseconds more show whether others would begin beyond that.
              await Promise.race([full.promise, sleep(10_000, undefined, { ref: false })])
              await sleep(2)
              running--
              ctx.emit(n)
            },
          }),
      )
      assert.equal(seen, most)
      assert.equal(got.length, 300)
    })
  }

  it('holds timers back as well', async () => {
    const keys = 400
    let running = 0
    let most = 0
    let fired = 0
    const source: Source<number> = {
      connector: 'numbers',
      replayable: false,
      bounded: true,
      createEnumerator: (context) => ({
        start() {},
        addSplitsBack() {},
        addReader(subtask) {
          context.assign(subtask, [{ id: 'all' }])
          context.noMoreSplits(subtask)
        },
        snapshot: () => undefined,
        close() {},
      }),
      createReader: ({ clock, ...context }) => ({
        addSplits: () => context.wake(),
        noMoreSplits() {},
        poll(output) {
          if (fired === 0) for (let n = 0; n < keys; n++) output.emit(n)
          if (fired === keys) return 'end'
          fired ||= -1
          clock.after(5, () => context.wake())
          return 'wait'
        },
        snapshot: () => [],
        close() {},
      }),
    }
    const got = await results((env) =>
      env
        .fromSource(source)
        .keyBy((n) => n)
        .process({
          emits: type<number>(),
          capacity: 4,
          onElement: (_n, ctx) => ctx.processingTimers.at(1),
          async onProcessingTimer(_time, ctx) {
            most = Math.max(most, ++running)
            await sleep(1)
            running--
            fired = Math.max(fired, 0) + 1
            ctx.emit(ctx.key)
          },
        }),
    )
    assert.equal(most, 4)
    assert.deepEqual(
      got.toSorted((a, b) => a - b),
      Array.from({ length: keys }, (_, n) => n),
    )
  })
})

describe('what an asynchronous function failed on', () => {
  const build =
    (fn: object) =>
    (env: Environment): StreamView<number> =>
      timed(env)
        .keyBy((n) => n % 2)
        .process({ emits: type<number>(), onElement: (_n, ctx) => ctx.eventTimers.at(2_500), ...fn })

  it('is not said to be the record that passes by then', async () => {
    const fail = async (n: number): Promise<void> => {
      await sleep(1)
      if (n === 2) throw new Error('no twos')
    }
    await assert.rejects(results(build({ onElement: fail })), /failed in onElement: Error: no twos/)
    await assert.rejects(
      results((env) => timed(env).map(fail)),
      /failed in map: Error: no twos/,
    )
  })

  it('has no position where it is a timer', async () => {
    const fail = (): never => {
      throw new Error('too late')
    }
    for (const onEventTimer of [fail, async () => fail()])
      await assert.rejects(results(build({ onEventTimer })), /failed in onEventTimer: Error: too late/)
  })
})
