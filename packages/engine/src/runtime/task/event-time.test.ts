// Event time in whole jobs whose sources are quiet, but not at their end.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Environment } from '../../api/environment.ts'
import type { Stream, StreamView } from '../../api/stream.ts'
import { type } from '../../api/types.ts'
import { watermarks } from '../../api/watermarks.ts'
import { FixedSplits } from '../../connectors/fixed-splits.ts'
import type { ReaderContext, Source, SourceOutput, SourceReader } from '../../connectors/source.ts'
import { collect } from '../execute.ts'

interface Reading {
  readonly sensor: string
  readonly at: number
}

/** One reading a poll, 5 ms apart; then nothing, without an end. */
function quietAfter(readings: readonly Reading[]): Source<Reading> {
  return {
    connector: 'quiet',
    replayable: false,
    bounded: false,
    createEnumerator: (context) => new FixedSplits(context, { initial: () => [{ id: 'only' }] }),
    createReader: (context) => new QuietReader(context, readings),
  }
}

class QuietReader implements SourceReader<Reading> {
  readonly #context: ReaderContext
  readonly #left: Reading[] = []
  readonly #readings: readonly Reading[]

  constructor(context: ReaderContext, readings: readonly Reading[]) {
    this.#context = context
    this.#readings = readings
  }

  addSplits(splits: readonly unknown[]): void {
    if (splits.length > 0) this.#left.push(...this.#readings)
  }

  noMoreSplits(): void {}

  poll(output: SourceOutput<Reading>): 'wait' {
    const next = this.#left.shift()
    if (next !== undefined) output.emit(next)
    if (this.#left.length > 0) this.#context.clock.after(5, () => this.#context.wake())
    return 'wait'
  }

  snapshot(): readonly [] {
    return []
  }

  close(): void {}
}

async function first<T>(count: number, build: (env: Environment) => StreamView<T>, parallelism: number): Promise<T[]> {
  const results: T[] = []
  for await (const result of collect(build, { parallelism })) if (results.push(result) === count) break
  return results
}

/** Tells of each reading once time has passed it. */
function passed(readings: Stream<Reading>): StreamView<string> {
  return readings
    .keyBy(({ sensor }) => sensor)
    .process({
      emits: type<string>(),
      onElement: ({ at }, ctx) => ctx.eventTimers.at(at),
      onEventTimer: (time, ctx) => ctx.emit(`${ctx.key} ${time}`),
    })
}

for (const parallelism of [1, 2]) {
  void describe(`quiet sources at parallelism ${parallelism}`, () => {
    void it('still tell how far time has come with their last record', async () => {
      const readings = [10, 20, 30].map((at) => ({ sensor: 'roof', at }))
      const time = watermarks.monotonous<Reading>(({ at }) => at, { idleAfter: '20ms' })
      const build = (env: Environment): StreamView<string> =>
        passed(env.fromSource(quietAfter(readings), { watermarks: time, parallelism: 1 }) as Stream<Reading>)
      assert.deepEqual(await first(2, build, parallelism), ['roof 10', 'roof 20'])
    })

    void it('do not hold back others when they are idle', async () => {
      const time = watermarks.monotonous<Reading>(({ at }) => at, { idleAfter: '50ms' })
      const build = (env: Environment): StreamView<string> => {
        const early = env.fromSource(quietAfter([{ sensor: 'early', at: 1 }]), { watermarks: time })
        const late = env.fromSource(quietAfter([100, 200].map((at) => ({ sensor: 'late', at }))), { watermarks: time })
        return passed(early.union(late) as Stream<Reading>)
      }
      // At parallelism 2 their keys may be on different subtasks.
      assert.deepEqual((await first(2, build, parallelism)).toSorted(), ['early 1', 'late 100'])
    })
  })
}

void it('idleness waits for what is under way: its records are not late', async () => {
  const time = watermarks.monotonous<Reading>(({ at }) => at, { idleAfter: '20ms' })
  const build = (env: Environment): StreamView<string> => {
    const slow = env.fromSource(quietAfter([{ sensor: 'slow', at: 50 }]), { watermarks: time, parallelism: 1 }).map(async (reading) => {
      await new Promise((resolve) => setTimeout(resolve, 200))
      return reading
    })
    const fast = env.fromSource(quietAfter([100, 200].map((at) => ({ sensor: 'fast', at }))), { watermarks: time, parallelism: 1 })
    return slow
      .union(fast)
      .keyBy(() => 'all')
      .process({
        emits: type<string>(),
        onElement: ({ sensor, at }, ctx) => ctx.emit(`${sensor} ${at}${at <= ctx.eventTimers.watermark ? ' late' : ''}`),
      })
  }
  assert.deepEqual((await first(3, build, 1)).toSorted(), ['fast 100', 'fast 200', 'slow 50'])
})
