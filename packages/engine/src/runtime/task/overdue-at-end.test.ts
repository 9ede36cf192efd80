// What `finish` emits comes after the last watermark: the timers that it sets downstream are past, and fire all the same.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Environment } from '../../api/environment.ts'
import type { KeyedProcessFunction } from '../../api/process-functions.ts'
import type { Stream, StreamView } from '../../api/stream.ts'
import { splitList } from '../../api/operator-state.ts'
import { type, type Type } from '../../api/types.ts'
import { watermarks } from '../../api/watermarks.ts'
import { collect } from '../execute.ts'

interface Reading {
  readonly sensor: number
  readonly at: number
}

// More than fire in one turn.
const readings: readonly Reading[] = Array.from({ length: 3_000 }, (_, at) => ({ sensor: at % 700, at }))

/** Keeps all back until the end. */
function keptBack(env: Environment): Stream<Reading> {
  return env.fromCollection(readings, { watermarks: watermarks.monotonous<Reading>(({ at }) => at) }).process({
    emits: type<Reading>(),
    operatorState: { kept: splitList<Reading>() },
    onElement: (reading, ctx) => ctx.operatorState.kept.add(reading),
    finish: (ctx) => {
      for (const reading of ctx.operatorState.kept.get()) ctx.emit(reading)
    },
  })
}

const direct: KeyedProcessFunction<Reading, number, {}, Type<Reading>> = {
  emits: type<Reading>(),
  onElement: ({ at }, ctx) => ctx.eventTimers.at(at),
  onEventTimer: (at, ctx) => {
    // The handler sets one for a time that is past, too.
    if (at >= 0) ctx.eventTimers.at(-1 - at)
    else ctx.emit({ sensor: ctx.key, at: -1 - at })
  },
}

const asynchronous: KeyedProcessFunction<Reading, number, {}, Type<Reading>> = {
  emits: type<Reading>(),
  onElement: async ({ at }, ctx) => {
    await Promise.resolve()
    ctx.eventTimers.at(at)
  },
  onEventTimer: async (at, ctx) => {
    await Promise.resolve()
    ctx.emit({ sensor: ctx.key, at })
  },
}

for (const [name, once] of Object.entries({ direct, asynchronous })) {
  void describe(`timers for times past, that what finish has emitted sets, ${name}`, () => {
    for (const parallelism of [1, 2]) {
      void it(`fire at parallelism ${parallelism}, and what they emit sets others`, async () => {
        const build = (env: Environment): StreamView<Reading> => {
          const first = keptBack(env)
            .keyBy(({ sensor }) => sensor)
            .process(once)
          return first.keyBy(({ sensor }) => sensor).process(direct)
        }
        const results: Reading[] = []
        for await (const result of collect(build, { parallelism })) results.push(result)
        assert.deepEqual(
          results.toSorted((a, b) => a.at - b.at),
          readings,
        )
      })
    }
  })
}
