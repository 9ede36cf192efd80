// Operator state of a whole job: stopped in the middle, restored at another parallelism, and right.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { testJob, TestInput } from '@millrace/testkit'
import type { Environment } from '../../api/environment.ts'
import { defineJob, type Job } from '../../api/job.ts'
import { raw, rawKeyed, splitList, unionList } from '../../api/operator-state.ts'
import { value } from '../../api/state.ts'
import { type } from '../../api/types.ts'
import { discard } from '../../connectors/discard.ts'
import { generator } from '../../connectors/generator/generator.ts'
import { execute } from '../execute.ts'
import type { JobEvent } from '../job-types.ts'

const RECORDS = 400
const KEYS = 10
/** The first life has seconds for its third checkpoint before its input ends. */
const RATE_BEFORE = 100
const RATE_AFTER = 4000

/** What the subtasks of one life said. */
interface Seen {
  /** By subtask, as restored. */
  readonly openLists: number[][]
  readonly openUnions: number[][]
  readonly ownUnions: number[][]
  readonly lists: number[][]
  readonly sums: number[]
  readonly counts: [key: number, count: number][]
}

const nothing = (): Seen => ({ openLists: [], openUnions: [], ownUnions: [], lists: [], sums: [], counts: [] })

/** A counter a subtask, as eight bytes a part. */
const sum = raw<{ n: number }>({
  create: () => ({ n: 0 }),
  snapshot: (state, out) => {
    // In two parts, so that even one subtask's can be dealt out.
    for (const n of [Math.floor(state.n / 2), Math.ceil(state.n / 2)]) {
      out.beginPart()
      const bytes = new Uint8Array(8)
      new DataView(bytes.buffer).setFloat64(0, n)
      out.write(bytes.subarray(0, 3))
      out.write(bytes.subarray(3))
    }
  },
  async restore(state, bytes) {
    const pieces: Uint8Array[] = []
    for await (const piece of bytes) pieces.push(piece)
    state.n += Buffer.concat(pieces).readDoubleBE(0)
  },
})

/** Counts by key, a JSON text for each key group. */
const counts = rawKeyed<Map<number, number>>({
  create: () => new Map(),
  snapshot: (state, out) => out.write(Buffer.from(JSON.stringify([...state]))),
  async restore(state, bytes) {
    let text = ''
    for await (const piece of bytes) text += Buffer.from(piece).toString()
    for (const [key, count] of JSON.parse(text) as [number, number][]) state.set(key, count)
  },
})

function job(seen: Seen, ratePerSecond: number): Job {
  return defineJob('operator-state', (env) => {
    env.checkpointing.interval = 20
    env.checkpointing.storage = 'filesystem'
    env
      .fromSource(generator<number>({ count: RECORDS, ratePerSecond, generate: (n) => n }), { uid: 'in' })
      .keyBy((n) => n % KEYS)
      .process({
        emits: type<number>(),
        operatorState: { list: splitList<number>(), union: unionList<number>(), sum, counts },
        open(ctx) {
          seen.openLists.push([...ctx.operatorState.list.get()])
          seen.openUnions.push([...ctx.operatorState.union.restored])
          seen.ownUnions.push([...ctx.operatorState.union.get()])
        },
        onElement(n, ctx) {
          const { list, union, sum: total, counts: group } = ctx.operatorState
          list.add(n)
          union.add(n)
          total.n++
          const count = (group.get(ctx.key) ?? 0) + 1
          group.set(ctx.key, count)
          seen.counts.push([ctx.key, count])
          ctx.emit(n)
        },
        finish(ctx) {
          seen.lists.push([...ctx.operatorState.list.get()])
          seen.sums.push(ctx.operatorState.sum.n)
        },
      })
      .uid('work')
      .sinkTo(discard())
  })
}

async function inFolder(run: (root: string) => Promise<void>): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'millrace-operator-state-'))
  try {
    await run(root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const ascending = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b)
const upTo = (end: number): number[] => Array.from({ length: end }, (_, n) => n)

describe('operator state', () => {
  for (const [before, after] of [
    [2, 3],
    [3, 1],
    [2, 2],
  ] as const) {
    it(`stopped at parallelism ${before} and restored at ${after}: each element once, unions whole, raw parts and groups in their places`, () =>
      inFolder(async (root) => {
        const options = { stateDir: root, checkpointing: { retainOnCancel: true } } as const
        const cancel = new AbortController()
        const onEvent = (event: JobEvent): void => {
          if (event.kind === 'checkpoint-completed' && event.checkpoint.id === 3) cancel.abort()
        }
        const first = await execute(job(nothing(), RATE_BEFORE), { parallelism: before, options, signal: cancel.signal, onEvent })
        assert.equal(first.state, 'canceled')
        const seen = nothing()
        const second = await execute(job(seen, RATE_AFTER), { parallelism: after, options, restore: 'latest' })
        assert.equal(second.state, 'finished')
        const restored = ascending(seen.openLists.flat())
        assert.ok(restored.length > 0 && restored.length < RECORDS)
        assert.equal(seen.openLists.length, after)
        if (before !== after)
          assert.ok(Math.max(...seen.openLists.map(({ length }) => length)) - Math.min(...seen.openLists.map(({ length }) => length)) <= 1)
        for (const union of seen.openUnions) assert.deepEqual(ascending(union), restored)
        assert.deepEqual(ascending(seen.ownUnions.flat()), restored)
        assert.deepEqual(ascending(seen.lists.flat()), upTo(RECORDS))
        assert.equal(
          seen.sums.reduce((a, b) => a + b, 0),
          RECORDS,
        )
        // Records that were not in the checkpoint go on where their key's count in it ended.
        const processed = RECORDS - restored.length
        assert.equal(seen.counts.length, processed)
        for (let key = 0; key < KEYS; key++) {
          const own = seen.counts.filter(([other]) => other === key).map(([, count]) => count)
          assert.deepEqual(
            own,
            upTo(RECORDS / KEYS)
              .slice(RECORDS / KEYS - own.length)
              .map((n) => n + 1),
          )
        }
      }))
  }

  it('a list may become one of the other kind, and as a union it tells what all had', async () => {
    const numbers = new TestInput<number>('numbers')
    const opened: { own: readonly number[]; restored: readonly number[] }[] = []
    const build =
      (operatorState: { readonly list: ReturnType<typeof splitList<number>> } | { readonly list: ReturnType<typeof unionList<number>> }) =>
      (env: Environment): void => {
        numbers
          .stream(env)
          .partition('rebalance')
          .process({
            operatorState,
            open({ operatorState: { list } }) {
              opened.push({ own: list.get(), restored: 'restored' in list ? list.restored : [] })
            },
            onElement: (n, ctx) => ctx.operatorState.list.add(n),
          })
          .uid('work')
          .sinkTo(discard())
      }
    await using split = await testJob(build({ list: splitList<number>() }), { parallelism: 2 })
    await split.send(numbers, ...upTo(7))
    const first = await split.savepoint()
    await split.close()
    for (const list of [unionList<number>(), splitList<number>()]) {
      opened.length = 0
      await using next = await testJob(build({ list }), { parallelism: 3, restore: first })
      assert.deepEqual(ascending(opened.flatMap(({ own }) => own)), upTo(7))
      if (list.kind === 'union-list') for (const { restored } of opened) assert.deepEqual(ascending(restored), upTo(7))
      const second = await next.savepoint()
      await next.close()
      opened.length = 0
      await using back = await testJob(build({ list: splitList<number>() }), { restore: second })
      assert.deepEqual(ascending(opened.flatMap(({ own }) => own)), upTo(7))
      await back.close()
    }
  })

  it('an element that an invocation added is there if it succeeded, and not if it failed', async () => {
    const lists: number[][] = []
    const done = defineJob('aside', (env) => {
      env
        .fromCollection(upTo(60))
        .process({
          emits: type<number>(),
          onError: 'side',
          operatorState: { list: splitList<number>() },
          async onElement(n, ctx) {
            ctx.operatorState.list.add(n)
            await Promise.resolve()
            assert.ok(ctx.operatorState.list.get().includes(n))
            if (n % 3 === 0) throw new Error('no')
            ctx.emit(n)
          },
          finish(ctx) {
            lists.push([...ctx.operatorState.list.get()])
          },
        })
        .sinkTo(discard())
    })
    assert.equal((await execute(done, { parallelism: 2 })).state, 'finished')
    assert.deepEqual(
      ascending(lists.flat()),
      upTo(60).filter((n) => n % 3 !== 0),
    )
  })

  for (const where of ['open', 'finish'] as const) {
    it(`raw state by key group is refused in ${where}, where there is no key, be it that of the last row that was restored`, async () => {
      const numbers = new TestInput<number>('numbers')
      const refused: unknown[] = []
      const build = (env: Environment): void => {
        numbers
          .stream(env)
          .keyBy((n) => n)
          .process({
            state: { seen: value<number>() },
            operatorState: { counts },
            [where](ctx: { operatorState: { counts: Map<number, number> } }) {
              try {
                ctx.operatorState.counts.clear()
              } catch (error) {
                refused.push((error as { code?: unknown }).code)
              }
            },
            onElement(n, ctx) {
              ctx.state.seen.set(n)
              ctx.operatorState.counts.set(n, (ctx.operatorState.counts.get(n) ?? 0) + 1)
            },
          })
          .uid('work')
          .sinkTo(discard())
      }
      await using first = await testJob(build)
      await first.send(numbers, ...upTo(5))
      const restore = await first.savepoint()
      await first.close()
      await using second = await testJob(build, { restore })
      await second.end()
      assert.deepEqual(refused, Array(where === 'open' ? 2 : 1).fill('STATE_RAW_FAILED'))
    })
  }

  it('raw state in an asynchronous function is refused by name', async () => {
    const refused = defineJob('refused', (env) => {
      env
        .fromCollection([1])
        .process({
          operatorState: { sum },
          async onElement(_n, ctx) {
            await Promise.resolve()
            ctx.operatorState.sum.n++
          },
        })
        .sinkTo(discard())
    })
    await assert.rejects(execute(refused), /STATE_RAW_BUFFERED/)
  })
})
