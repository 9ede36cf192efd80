import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { Environment } from '../api/environment.ts'
import { defineJob } from '../api/job.ts'
import { list, map, value } from '../api/state.ts'
import type { StreamView } from '../api/stream.ts'
import { type } from '../api/types.ts'
import { watermarks } from '../api/watermarks.ts'
import { discard } from '../connectors/discard.ts'
import { fileSink } from '../connectors/file-sink/file-sink.ts'
import { generator } from '../connectors/generator/generator.ts'
import { collect, execute } from './execute.ts'

async function results<T>(build: (env: Environment) => StreamView<T>, parallelism: number = 1): Promise<T[]> {
  const all: T[] = []
  for await (const result of collect(build, { parallelism })) all.push(result)
  return all
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

for (const parallelism of [1, 2]) {
  describe(`at parallelism ${parallelism}`, () => {
    it('union and the partitionings lose nothing and double nothing', async () => {
      const numbers = Array.from({ length: 200 }, (_, n) => n)
      for (const how of ['rebalance', 'shuffle', 'global', 'rescale'] as const) {
        const got = await results((env) => {
          const left = env.fromCollection(numbers.slice(0, 100))
          const right = env.fromCollection(numbers.slice(100))
          return left
            .union(right)
            .partition(how)
            .map((n) => n)
        }, parallelism)
        assert.deepEqual(
          got.toSorted((a, b) => a - b),
          numbers,
          how,
        )
      }
    })

    it('broadcast gives every subtask every record', async () => {
      const got = await results(
        (env) =>
          env
            .fromCollection([1, 2, 3])
            .partition('broadcast')
            .map((n, ctx) => `${n}@${ctx.subtask}`),
        parallelism,
      )
      assert.equal(new Set(got).size, 3 * parallelism)
    })

    it('a custom partitioner is asked for every record; out of range it fails the job by name', async () => {
      const asked: number[] = []
      const choose = (record: number, partitions: number): number => {
        assert.equal(partitions, parallelism)
        asked.push(record)
        return partitions - 1
      }
      const got = await results(
        (env) =>
          env
            .fromCollection([1, 2])
            .partition(choose)
            .map((n, ctx) => `${n}@${ctx.subtask}`),
        parallelism,
      )
      assert.deepEqual(asked, [1, 2])
      assert.deepEqual(got, [`1@${parallelism - 1}`, `2@${parallelism - 1}`])
      const outOfRange = (env: Environment): StreamView<number> =>
        env
          .fromCollection([1])
          .partition(() => 7)
          .map((n) => n)
      await assert.rejects(results(outOfRange, parallelism), /custom partitioner/i)
    })

    it('two keyed inputs meet in the same state', async () => {
      const got = await results((env) => {
        const orders = env.fromCollection([{ id: 'a' }, { id: 'b' }]).keyBy(({ id }) => id)
        const payments = env.fromCollection([{ order: 'b' }, { order: 'a' }]).keyBy(({ order }) => order)
        return orders.connect(payments).process({
          emits: type<string>(),
          state: { seen: list<string>() },
          onLeft(_order, ctx) {
            ctx.state.seen.add('order')
            if (ctx.state.seen.get().length === 2) ctx.emit(ctx.key)
          },
          onRight(_payment, ctx) {
            ctx.state.seen.add('payment')
            if (ctx.state.seen.get().length === 2) ctx.emit(ctx.key)
          },
        })
      }, parallelism)
      assert.deepEqual(got.toSorted(), ['a', 'b'])
    })

    it('broadcast state reaches every element that comes after it', async () => {
      const got = await results((env) => {
        const rules = env.fromCollection([{ name: 'limit', value: 10 }]).broadcast({ rules: map<string, number>() })
        const numbers = env.fromCollection([5, 20]).map(async (n) => {
          await sleep(30)
          return n
        })
        return numbers
          .keyBy((n) => n % 2)
          .connect(rules)
          .process({
            emits: type<number>(),
            onElement(n, ctx) {
              if (n > (ctx.broadcast.rules.get('limit') ?? Infinity)) ctx.emit(n)
            },
            onBroadcast(rule, ctx) {
              ctx.broadcast.rules.set(rule.name, rule.value)
            },
          })
      }, parallelism)
      assert.deepEqual(got, [20])
    })

    it('side outputs and failures go where they belong, and nothing of a failed invocation stays', async () => {
      const got = await results((env) => {
        const checked = env
          .fromCollection([1, 2, 3, 4])
          .keyBy(() => 'all')
          .process({
            emits: type<string>(),
            sides: { even: type<string>() },
            state: { sum: value<number>() },
            onError: 'side',
            onElement(n, ctx) {
              ctx.state.sum.set((ctx.state.sum.get() ?? 0) + n)
              ctx.emit(`sum ${ctx.state.sum.get()}`)
              if (n % 2 === 0) ctx.emitTo('even', `even ${n}`)
              if (n === 3) throw new Error('three')
            },
          })
        return checked
          .union(checked.side.even)
          .union(checked.failures.map((failure) => `failed ${failure.record}: ${failure.error.message}`))
      }, parallelism)
      assert.deepEqual(got.toSorted(), ['even 2', 'even 4', 'failed 3: three', 'sum 1', 'sum 3', 'sum 7'].toSorted())
    })

    it('asynchronous functions with keys keep each key in order and keep state atomic', async () => {
      const got = await results(
        (env) =>
          env
            .fromCollection(Array.from({ length: 60 }, (_, n) => n))
            .keyBy((n) => n % 3)
            .process({
              emits: type<{ n: number; count: number }>(),
              state: { count: value<number>() },
              async onElement(n, ctx) {
                const count = (ctx.state.count.get() ?? 0) + 1
                await sleep((n * 7) % 5)
                ctx.state.count.set(count)
                ctx.emit({ n, count })
              },
            }),
        parallelism,
      )
      for (const key of [0, 1, 2]) {
        const ofKey = got.filter(({ n }) => n % 3 === key)
        assert.deepEqual(
          ofKey.map(({ count }) => count),
          Array.from({ length: 20 }, (_, index) => index + 1),
        )
        assert.deepEqual(
          ofKey.map(({ n }) => n),
          ofKey.map(({ n }) => n).toSorted((a, b) => a - b),
        )
      }
    })

    it('a function that only sometimes answers a promise is as safe', async () => {
      const got = await results(
        (env) =>
          env
            .fromCollection(Array.from({ length: 30 }, (_, n) => n))
            .keyBy((n) => n % 2)
            .process({
              emits: type<number>(),
              state: { count: value<number>() },
              onElement(n, ctx) {
                const finish = (): void => {
                  ctx.state.count.set((ctx.state.count.get() ?? 0) + 1)
                  ctx.emit(ctx.state.count.get()!)
                }
                return n % 5 === 4 ? sleep(2).then(finish) : finish()
              },
            }),
        parallelism,
      )
      assert.deepEqual(
        got.toSorted((a, b) => a - b),
        Array.from({ length: 30 }, (_, index) => Math.floor(index / 2) + 1),
      )
    })

    it('event-time timers fire as the watermark passes, and all at the end', async () => {
      const got = await results(
        (env) =>
          env
            .fromSource(generator<{ at: number }>({ count: 5, generate: (n) => ({ at: n * 10 }) }), {
              watermarks: watermarks.monotonous(({ at }) => at),
            })
            .keyBy(() => 1)
            .process({
              emits: type<number>(),
              onElement({ at }, ctx) {
                ctx.eventTimers.at(at + 5)
              },
              onEventTimer(time, ctx) {
                ctx.emit(time)
              },
            }),
        parallelism,
      )
      assert.deepEqual(got, [5, 15, 25, 35, 45])
    })

    it('finish may still emit', async () => {
      let seen = 0
      const got = await results(
        (env) =>
          env.fromCollection([1, 2, 3]).process({
            emits: type<string>(),
            onElement() {
              seen++
            },
            async finish(ctx) {
              await sleep(1)
              ctx.emit(`finished ${ctx.subtask}`)
            },
          }),
        parallelism,
      )
      assert.equal(seen, 3)
      assert.ok(got.includes('finished 0'))
    })
  })
}

describe('development mode', () => {
  const development = { options: { development: true } } as const

  it('catches a record that is changed after it was emitted', async () => {
    const job = defineJob('changing', (env) => {
      env
        .fromCollection([{ n: 1 }])
        .process({
          emits: type<{ n: number }>(),
          onElement(record, ctx) {
            const copy = { n: record.n }
            ctx.emit(copy)
            copy.n++
          },
        })
        .sinkTo(discard())
    })
    await assert.rejects(execute(job, development), /read only property 'n'/)
    assert.equal((await execute(job)).state, 'finished')
  })

  it('catches what could not go to another thread, with the path of the field', async () => {
    const job = defineJob('unsendable', (env) => {
      env
        .fromCollection([1])
        .map((n) => ({ n, callback: () => n }))
        .keyBy(({ n }) => n)
        .process({ onElement() {} })
      env.fromCollection([1]).sinkTo(discard())
    })
    await assert.rejects(execute(job, development), /callback/)
  })
})

describe('a job with checkpoints on disk', () => {
  const job = (dir: string, count: number): ReturnType<typeof defineJob> =>
    defineJob('durable', (env) => {
      env.checkpointing.interval = 20
      env.checkpointing.storage = 'filesystem'
      env
        .fromSource(generator<number>({ count, ratePerSecond: 2000, generate: (n) => n }), { uid: 'numbers' })
        .keyBy((n) => n % 10)
        .process({
          emits: type<{ n: number; count: number }>(),
          state: { count: value<number>() },
          onElement(n, ctx) {
            const next = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(next)
            ctx.emit({ n, count: next })
          },
        })
        .uid('count')
        .sinkTo(fileSink({ dir, format: 'json' }))
        .uid('out')
    })

  it('is cancelled, restored at another parallelism, and right', async () => {
    const root = mkdtempSync(join(tmpdir(), 'millrace-features-'))
    try {
      const dir = join(root, 'out')
      const options = { stateDir: join(root, 'state'), checkpointing: { retainOnCancel: true } } as const
      const first = await execute(job(dir, 600), { parallelism: 2, options, signal: AbortSignal.timeout(120) })
      assert.equal(first.state, 'canceled')
      const second = await execute(job(dir, 600), { parallelism: 3, options, restore: 'latest' })
      assert.equal(second.state, 'finished')
      const rows = readdirSync(dir)
        .filter((name) => !name.startsWith('.'))
        .flatMap((name) => readFileSync(join(dir, name), 'utf8').trim().split('\n'))
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { n: number; count: number })
      assert.deepEqual(
        rows.map(({ n }) => n).toSorted((a, b) => a - b),
        Array.from({ length: 600 }, (_, n) => n),
      )
      for (let key = 0; key < 10; key++) {
        const counts = rows.filter(({ n }) => n % 10 === key).map(({ count }) => count)
        assert.deepEqual(
          counts.toSorted((a, b) => a - b),
          Array.from({ length: 60 }, (_, index) => index + 1),
        )
      }
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  })
})
