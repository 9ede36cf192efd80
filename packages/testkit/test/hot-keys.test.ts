import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJob, discard, generator, metricsText, type, value, type Job, type JobMetrics } from '@millrace/engine'
import { VirtualMachine, type VirtualLayers } from './virtual-job.ts'

type Control = NonNullable<VirtualLayers['control']>
type Status = ReturnType<Parameters<Control>[0]['status']>

/** A half of the records have one key, the others 64 in turns. */
const skewed = (n: number): string => ((n * 7_919) % 1_000 < 500 ? 'ann@example.org' : `customer-${n % 64}`)
const even = (n: number): string => `customer-${n % 64}`

/** How records come to the operator with keys. */
type Way = 'at once' | 'to an asynchronous function' | 'behind a join'

function orders(keyOf: (n: number) => string, way: Way): Job {
  return defineJob('orders', (env) => {
    env.checkpointing.interval = 3_000
    const numbers = env.fromSource(generator({ generate: (n) => n, ratePerSecond: 1_500 }), { uid: 'numbers' })
    const onBoth = { emits: type<number>(), onLeft: (n: number, ctx: { emit(n: number): void }) => ctx.emit(n), onRight: () => {} }
    const joined = (): typeof numbers =>
      numbers
        .connect(env.fromSource(generator({ generate: (n) => n, ratePerSecond: 1 }), { uid: 'others' }))
        .process(onBoth)
        .uid('join')
    const keyed = (way === 'behind a join' ? joined() : numbers).keyBy(keyOf)
    const state = { seen: value<number>() }
    const count = (seen: { get(): number | undefined; set(n: number): void }): void => seen.set((seen.get() ?? 0) + 1)
    const counted =
      way === 'to an asynchronous function'
        ? keyed.process({ state, onElement: async (_n, ctx) => count(ctx.state.seen) })
        : keyed.process({ state, onElement: (_n, ctx) => count(ctx.state.seen) })
    counted.name('count').uid('counts').sinkTo(discard()).uid('out')
  })
}

interface Told {
  readonly status: Status
  readonly metrics: JobMetrics
}

async function toldBy(job: Job, parallelism: number, durationMs: number): Promise<Told> {
  let status: (() => Status) | undefined
  const control: Control = async (controlled) => {
    status = () => controlled.status()
    return { retire: async () => {}, end: () => {} }
  }
  const run = new VirtualMachine().start(job, { options: { parallelism }, control })
  await run.pass(durationMs)
  const told = { status: status!(), metrics: run.running.metrics() }
  await run.cancel()
  return told
}

const ways: readonly Way[] = ['at once', 'to an asynchronous function', 'behind a join']

for (const parallelism of [1, 2])
  for (const way of ways) {
    void test(`a key that has half of the records is told, with its share: ${way}, with parallelism ${parallelism}`, async () => {
      const { status, metrics } = await toldBy(orders(skewed, way), parallelism, 10_000)
      const [count, ...others] = status.hotKeys ?? []
      assert.deepEqual([count?.operator, count?.operatorId, others], ['count', 'counts', []])
      const [hottest, ...more] = count!.keys
      assert.deepEqual([hottest?.key, more], ['"ann@example.org"', []])
      assert.ok(Math.abs(hottest!.share - 0.5) < 0.05, String(hottest!.share))
      assert.deepEqual(metrics.hotKeys, status.hotKeys)
      const ratios = metrics.user.filter(({ name }) => name === 'hottest_key_ratio')
      assert.equal(ratios.length, parallelism)
      const ratioOf = (subtask: number): number => {
        const ratio = ratios.find(({ labels }) => labels['subtask'] === String(subtask))
        return ratio?.kind === 'gauge' ? ratio.value : Number.NaN
      }
      // A subtask has, besides, about an even part of the other keys.
      assert.ok(Math.abs(ratioOf(hottest!.subtask) - (parallelism === 1 ? 0.5 : 0.66)) < 0.1)
      if (parallelism === 2) assert.ok(ratioOf(1 - hottest!.subtask) < 0.15)
      const text = metricsText(metrics)
      assert.match(text, /^millrace_hottest_key_ratio\{operator="count",operator_id="counts",subtask="0"\} 0\.\d+$/m)
      assert.ok(!text.includes('ann@'), 'no key in what is scraped')
    })

    void test(`keys that have all the same are not told: ${way}, with parallelism ${parallelism}`, async () => {
      const { status, metrics } = await toldBy(orders(even, way), parallelism, 10_000)
      assert.deepEqual([status.hotKeys, metrics.hotKeys], [[], []])
    })
  }

void test('a key whose timers fire all the time, and that has one record, is not told', async () => {
  let fired = 0
  const job = defineJob('orders', (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_500 }), { uid: 'numbers' })
      .keyBy((n) => (n === 0 ? 'the clock' : even(n)))
      .process({
        emits: type<number>(),
        onElement: (n, ctx) => {
          if (n === 0) ctx.processingTimers.after(1)
        },
        onProcessingTimer: (_time, ctx) => {
          fired++
          ctx.processingTimers.after(1)
        },
      })
      .uid('counts')
      .sinkTo(discard())
      .uid('out')
  })
  const { status } = await toldBy(job, 1, 10_000)
  assert.ok(fired > 1_000, String(fired))
  assert.deepEqual(status.hotKeys, [])
})
