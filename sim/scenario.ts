/**
 * A random job whose output proves what happened to every input: each record carries the id of the input it comes from, and each keyed operator
 * adds how many it had seen of that key. Every way through the graph gives one output row an input.
 */
import { defineJob, fileSink, generator, list, map, reducing, type, value, type Job, type StreamView } from '@millrace/engine'
import { randomBelow } from '@millrace/core'
import type { SeededRandom } from '@millrace/testkit'

/** A record on its way. */
export interface Traced {
  readonly id: number
  /** Which branch of the graph: every input appears once in each. */
  readonly branch: number
  /** What keyed operators counted on the way: stage, key, count. */
  readonly counts: readonly (readonly [stage: number, key: number, count: number])[]
}

export interface Scenario {
  readonly inputs: number
  readonly branches: number
  readonly keys: number
  readonly stages: readonly StageKind[]
  readonly ratePerSecond: number | undefined
  readonly checkpointMs: number
  readonly maxParallelism: number
  readonly numRetained: number
}

const stageKinds = [
  'map',
  'async-map',
  'rebalance',
  'shuffle',
  'keyed-value',
  'keyed-map',
  'keyed-list',
  'keyed-reducing',
  'keyed-async',
  'keyed-timer',
] as const
export type StageKind = (typeof stageKinds)[number]

export function drawScenario(random: SeededRandom): Scenario {
  const stages = Array.from({ length: 1 + randomBelow(random, 4) }, () => random.pick(stageKinds))
  return {
    inputs: 20 + randomBelow(random, 400),
    branches: 1 + randomBelow(random, 2),
    keys: random.pick([1, 3, 20, 100]),
    stages,
    ratePerSecond: random.chance(0.7) ? random.pick([200, 1000, 5000]) : undefined,
    checkpointMs: random.pick([5, 20, 60, 200]),
    maxParallelism: random.pick([4, 7, 16]),
    numRetained: random.pick([1, 2, 3]),
  }
}

/** What can go wrong in user code in one life, and how promises behave. Chosen anew for each life. */
export interface Weather {
  /** Throws at the record with this id, if any. */
  readonly throwAt: number | undefined
  delay(): Promise<void>
}

export function buildScenario(scenario: Scenario, weather: () => Weather, outDir: string): Job {
  return defineJob('sim', (env) => {
    env.checkpointing.interval = scenario.checkpointMs
    env.checkpointing.numRetained = scenario.numRetained
    env.restart.strategy = { kind: 'fixed-delay', attempts: 1000, delay: 5 }
    const source = generator<Traced>({
      count: scenario.inputs,
      ...(scenario.ratePerSecond === undefined ? {} : { ratePerSecond: scenario.ratePerSecond }),
      generate: (id) => ({ id, branch: 0, counts: [] }),
    })
    let stream: StreamView<Traced> = env.fromSource(source, { uid: 'inputs' }).map((record) => {
      if (weather().throwAt === record.id) throw new Error(`the bug at ${record.id}`)
      return record
    })
    if (scenario.branches === 2) {
      const other = stream.map((record) => ({ ...record, branch: 1 })).uid('other-branch')
      stream = stream.union(other)
    }
    for (const [index, kind] of scenario.stages.entries()) stream = addStage(stream, kind, index, scenario, weather)
    stream.sinkTo(fileSink<Traced>({ dir: outDir, format: 'json' })).uid('out')
  })
}

function addStage(
  stream: StreamView<Traced>,
  kind: StageKind,
  stage: number,
  { keys }: Scenario,
  weather: () => Weather,
): StreamView<Traced> {
  const counted = (record: Traced, key: number, count: number): Traced => ({ ...record, counts: [...record.counts, [stage, key, count]] })
  const keyed = stream.keyBy((record) => record.id % keys)
  const uid = `stage-${stage}`
  switch (kind) {
    case 'map':
      return stream.map((record) => ({ ...record })).uid(uid)
    case 'async-map':
      return stream
        .map(async (record) => {
          await weather().delay()
          return record
        })
        .uid(uid)
    case 'rebalance':
    case 'shuffle':
      return stream
        .partition(kind)
        .map((record) => record)
        .uid(uid)
    case 'keyed-value':
      return keyed
        .process({
          emits: type<Traced>(),
          state: { count: value<{ n: number }>() },
          onElement(record, ctx) {
            const count = ctx.state.count.get() ?? { n: 0 }
            count.n++ // in place, as users do
            ctx.state.count.set(count)
            ctx.emit(counted(record, ctx.key, count.n))
          },
        })
        .uid(uid)
    case 'keyed-map':
      return keyed
        .process({
          emits: type<Traced>(),
          state: { seen: map<number, number>() },
          onElement(record, ctx) {
            const { seen } = ctx.state
            seen.set(record.id % 5, (seen.get(record.id % 5) ?? 0) + 1)
            let sum = 0
            for (const [, count] of seen.entries()) sum += count
            // Entries come and go: what is taken out of one goes to another, so that tombstones matter.
            if (sum % 7 === 0) {
              seen.delete(record.id % 5)
              seen.set(100, sum - [...seen.entries()].reduce((rest, [key, count]) => rest + (key === 100 ? 0 : count), 0))
            }
            ctx.emit(counted(record, ctx.key, sum))
          },
        })
        .uid(uid)
    case 'keyed-list':
      return keyed
        .process({
          emits: type<Traced>(),
          state: { recent: list<number>(), dropped: value<number>() },
          onElement(record, ctx) {
            const { recent, dropped } = ctx.state
            recent.add(record.id)
            const count = recent.get().length + (dropped.get() ?? 0)
            if (recent.get().length > 4) {
              dropped.set(count)
              recent.clear()
            }
            ctx.emit(counted(record, ctx.key, count))
          },
        })
        .uid(uid)
    case 'keyed-reducing':
      return keyed
        .process({
          emits: type<Traced>(),
          state: { sum: reducing<number>((a, b) => a + b) },
          onElement(record, ctx) {
            ctx.state.sum.add(1)
            ctx.emit(counted(record, ctx.key, ctx.state.sum.get()!))
          },
        })
        .uid(uid)
    case 'keyed-async':
      return keyed
        .process({
          emits: type<Traced>(),
          state: { count: value<number>() },
          async onElement(record, ctx) {
            const count = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(count)
            await weather().delay()
            ctx.emit(counted(record, ctx.key, count))
          },
        })
        .uid(uid)
    case 'keyed-timer':
      return keyed
        .process({
          emits: type<Traced>(),
          state: { count: value<number>(), armed: value<number>(), fired: value<number>() },
          onElement(record, ctx) {
            const count = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(count)
            const armed = ctx.state.armed.get() ?? 0
            const fired = ctx.state.fired.get() ?? 0
            if (fired !== armed && fired !== armed - 1) throw new Error(`a timer armed ${armed} times fired ${fired} times`)
            if (fired === armed) {
              ctx.state.armed.set(armed + 1)
              ctx.processingTimers.after(3)
              ctx.processingTimers.deleteAt(ctx.processingTimers.after(1000 + count))
            }
            ctx.emit(counted(record, ctx.key, count))
          },
          onProcessingTimer(_time, ctx) {
            ctx.state.fired.set((ctx.state.fired.get() ?? 0) + 1)
          },
        })
        .uid(uid)
  }
}
