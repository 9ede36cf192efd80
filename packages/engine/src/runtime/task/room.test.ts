import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, it } from 'node:test'
import { nodeNetwork, resolveOptions } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { buildJob } from '../../api/build-job.ts'
import type { Environment } from '../../api/environment.ts'
import { defineJob } from '../../api/job.ts'
import type { Stream } from '../../api/stream.ts'
import { type } from '../../api/types.ts'
import { watermarks } from '../../api/watermarks.ts'
import { generator } from '../../connectors/generator/generator.ts'
import type { Sink } from '../../connectors/sink.ts'
import { engineOptionTable } from '../../config/options.ts'
import { execute } from '../execute.ts'
import { startLocalJob } from '../start-job.ts'

const KEYS = 5_000
const ROOM = 100
/** Timers that may fire before their output is looked at. */
const SLACK = 20

/** Each key once, all at the same time: with the end of the input. */
function manyTimers(env: Environment): Stream<number> {
  return env
    .fromCollection(
      Array.from({ length: KEYS }, (_, n) => n),
      { watermarks: watermarks.monotonous(() => 0) },
    )
    .keyBy((n) => n)
    .process({
      emits: type<number>(),
      onElement: (_n, ctx) => ctx.eventTimers.at(1_000),
      onEventTimer: (_time, ctx) => ctx.emit(ctx.key),
    })
}

/** Has room for so many records, and then none for a moment, or for ever. */
class SmallSink implements Sink<number> {
  readonly connector = 'small'
  readonly delivery = 'at-least-once'
  readonly #room: number
  readonly #waitMs: number
  waiting = 0
  waitingMax = 0
  written = 0
  asked = 0

  constructor(room: number, waitMs: number) {
    this.#room = room
    this.#waitMs = waitMs
  }

  createWriter: Sink<number>['createWriter'] = (context) => ({
    open() {},
    write: () => {
      this.written++
      this.waitingMax = Math.max(this.waitingMax, ++this.waiting)
      if (this.waiting !== this.#room || this.#waitMs === Infinity) return
      void sleep(this.#waitMs).then(() => {
        this.waiting = 0
        context.wake()
      })
    },
    ready: () => {
      this.asked++
      return this.waiting < this.#room
    },
    prepare: async () => [],
    close() {},
  })
}

describe('timers that a watermark makes due at once', () => {
  it('wait while the sink behind them has no room', async () => {
    const sink = new SmallSink(ROOM, 1)
    await execute(defineJob('timers', (env) => void manyTimers(env).sinkTo(sink)))
    assert.equal(sink.written, KEYS)
    assert.ok(sink.waitingMax <= ROOM + SLACK, `${sink.waitingMax}`)
  })

  it('wait while an asynchronous function behind them has as many calls as it may', async () => {
    const sink = new SmallSink(Infinity, 0)
    let emitted = 0
    let answered = 0
    let most = 0
    const build = (env: Environment): void => {
      manyTimers(env)
        .map((n) => {
          most = Math.max(most, ++emitted - answered)
          return n
        })
        .map(async (n) => {
          await Promise.resolve()
          answered++
          return n
        })
        .sinkTo(sink)
    }
    await execute(defineJob('timers', build))
    assert.equal(sink.written, KEYS)
    // The capacity of such a function is 100.
    assert.ok(most <= 100 + SLACK, `${most}`)
  })

  it('do not wait for an asynchronous function before them', async () => {
    const enough = new AbortController()
    let fired = 0
    const build = (env: Environment): void => {
      // The calls of the last of them never end, and leave no room for more; the watermark goes before them.
      const numbers = Array.from({ length: KEYS + 100 }, (_, n) => n)
      const time = watermarks.custom<number>({
        timestamp: () => 0,
        generator: () => ({ onRecord: (n) => (n === KEYS - 1 ? 2_000 : undefined) }),
      })
      env
        .fromCollection(numbers, { watermarks: time })
        .map((n) => (n < KEYS ? n : new Promise<number>(() => {})))
        .keyBy((n) => n)
        .process({
          onElement: (_n, ctx) => ctx.eventTimers.at(1_000),
          onEventTimer() {
            if (++fired === KEYS) enough.abort()
          },
        })
        .sinkTo(new SmallSink(Infinity, 0))
    }
    await execute(defineJob('timers', build), { signal: AbortSignal.any([enough.signal, AbortSignal.timeout(5_000)]) })
    assert.equal(fired, KEYS)
  })
})

it('a subtask that has stopped in the middle of a watermark, as its sink has no room, is back-pressured', async () => {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const job = defineJob('pressed', (env) => void manyTimers(env).sinkTo(new SmallSink(ROOM, Infinity)))
  const running = startLocalJob({
    first: buildJob(job),
    build: () => buildJob(job),
    settings: resolveOptions(engineOptionTable, { code: { stateDir: '/state', checkpointing: { storage: 'memory' } } }),
    restore: 'none',
    ports: { clock, random, disk: new SimulatedDisk({ random }), network: nodeNetwork },
    onEvent: () => {},
  })
  await clock.advance(2_000)
  const { subtasks } = running.metrics().tasks.at(-1)!
  assert.deepEqual(
    subtasks.map(({ busyRatio, backPressuredRatio, idleRatio }) => ({ busyRatio, backPressuredRatio, idleRatio })),
    [{ busyRatio: 0, backPressuredRatio: 1, idleRatio: 0 }],
  )
  await clock.run(running.cancel())
})

it('a subtask that waits for its sink does so asleep, though there is input', async () => {
  const sink = new SmallSink(1, 20)
  const build = (env: Environment): void => {
    env
      .fromSource(generator({ ratePerSecond: 1_000, count: 4, generate: (n) => n }))
      .keyBy(() => 'all')
      .process({ emits: type<number>(), onElement: (n, ctx) => ctx.emit(n) })
      .sinkTo(sink)
  }
  await execute(defineJob('asleep', build), { parallelism: 2 })
  assert.equal(sink.written, 4)
  // Else it asks a thousand times a millisecond.
  assert.ok(sink.asked < 500, `${sink.asked}`)
})
