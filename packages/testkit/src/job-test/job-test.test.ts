import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { generator, openSavepoint, type, value, watermarks, type Environment, type Stream } from '@millrace/engine'
import { testJob, TestInput, TestOutput, type JobTestOptions } from '@millrace/testkit'

interface Click {
  readonly user: string
  readonly atMs: number
}

const click = (user: string, atMs = 0): Click => ({ user, atMs })
const timestamp = ({ atMs }: Click): number => atMs

/** A user's clicks, told after ten seconds of the machine's time without one. */
function sessions(clicks: Stream<Click>): Stream<string> {
  return clicks
    .keyBy(({ user }) => user)
    .process({
      emits: type<string>(),
      state: { count: value<number>(), until: value<number>() },
      onElement(_click, ctx) {
        const { count, until } = ctx.state
        count.set((count.get() ?? 0) + 1)
        const old = until.get()
        if (old !== undefined) ctx.processingTimers.deleteAt(old)
        until.set(ctx.processingTimers.after('10s'))
      },
      onProcessingTimer(_time, ctx) {
        ctx.emit(`${ctx.key}: ${ctx.state.count.get()}`)
        ctx.state.count.clear()
        ctx.state.until.clear()
      },
    })
    .uid('sessions')
}

/** A user's clicks of each minute of event time. */
function minutes(clicks: Stream<Click>): Stream<string> {
  return clicks
    .keyBy(({ user, atMs }) => `${user} ${Math.floor(atMs / 60_000)}`)
    .process({
      emits: type<string>(),
      state: { count: value<number>() },
      onElement({ atMs }, ctx) {
        ctx.state.count.set((ctx.state.count.get() ?? 0) + 1)
        ctx.eventTimers.at(Math.floor(atMs / 60_000) * 60_000 + 59_999)
      },
      onEventTimer(_time, ctx) {
        ctx.emit(`${ctx.key}: ${ctx.state.count.get()}`)
      },
    })
    .uid('minutes')
}

describe('a job under the hand of a test', () => {
  it("fires timers of the machine's time as the test lets it pass", async () => {
    const clicks = new TestInput<Click>('clicks')
    const found = new TestOutput<string>()
    await using test = await testJob((env) => void sessions(clicks.stream(env)).sinkTo(found), { startMs: 5_000 })
    await test.send(clicks, click('ann'), click('bob'))
    await test.advance('9s')
    await test.send(clicks, click('ann'))
    assert.deepEqual(found.take(), [])
    await test.advance('999ms')
    assert.deepEqual(found.take(), [])
    await test.advance(1)
    assert.deepEqual(found.take(), ['bob: 1'])
    assert.equal(test.nowMs, 15_000)
    await test.advance('1h')
    assert.deepEqual(found.take(), ['ann: 2'])
    assert.equal(test.result, undefined)
  })

  it('moves event time as the test says, and to its end when the input ends', async () => {
    const clicks = new TestInput<Click>('clicks', { timestamp })
    const found = new TestOutput<string>()
    await using test = await testJob((env) => void minutes(clicks.stream(env)).sinkTo(found), { parallelism: 3 })
    await test.send(clicks, click('ann', 1_000), click('ann', 59_000), click('bob', 61_000))
    await test.watermark(clicks, 59_998)
    assert.deepEqual(found.take(), [])
    await test.watermark(clicks, 59_999)
    assert.deepEqual(found.takeTimed(), [{ value: 'ann 0: 2', timestampMs: 59_999 }])
    await test.watermark(clicks, 7)
    await test.end()
    assert.deepEqual(found.take(), ['bob 1: 1'])
    assert.equal(test.result?.state, 'stopped')
  })

  it('takes watermarks from a strategy of production', async () => {
    const clicks = new TestInput<Click>('clicks', { watermarks: watermarks.boundedOutOfOrderness('5s', timestamp) })
    const found = new TestOutput<string>()
    await using test = await testJob((env) => void minutes(clicks.stream(env)).sinkTo(found))
    await test.send(clicks, click('ann', 30_000), click('bob', 64_000))
    await test.advance('1s')
    assert.deepEqual(found.take(), [])
    await test.send(clicks, click('bob', 65_000))
    await test.advance('50ms')
    assert.deepEqual(found.take(), ['ann 0: 1'])
    await assert.rejects(test.watermark(clicks, 70_000), /clicks has a watermark strategy of its own/)
  })

  it('goes on in another version, and with more subtasks, from a savepoint', async () => {
    const clicks = new TestInput<Click>('clicks')
    const found = new TestOutput<string>()
    const build = (env: Environment): void => void sessions(clicks.stream(env)).sinkTo(found)
    await using before = await testJob(build)
    await before.send(clicks, click('ann'), click('bob'))
    await before.advance('4s')
    const savepoint = await before.savepoint()
    assert.equal(before.nowMs, savepoint.atMs)
    await before.send(clicks, click('ann'))

    const { path, disk } = savepoint
    const opened = await openSavepoint(path, { disk })
    const kept = new Map<unknown, unknown>()
    for await (const entry of opened.entries({ operator: 'sessions', state: 'count' }))
      if (entry.kind === 'value') kept.set(entry.key, entry.value)
    assert.deepEqual(
      kept,
      new Map([
        ['ann', 1],
        ['bob', 1],
      ]),
    )

    await using again = await testJob(build, { restore: savepoint, parallelism: 2 })
    await again.advance('10s')
    assert.deepEqual(found.take().toSorted(), ['ann: 2', 'bob: 1'], 'with the click after the savepoint')

    const fresh = new TestInput<Click>('clicks')
    await using next = await testJob(
      (env) =>
        void sessions(fresh.stream(env))
          .map((text) => `now ${text}`)
          .sinkTo(found),
      { restore: savepoint },
    )
    await next.send(fresh, click('eve'))
    await next.advance('6s')
    assert.deepEqual(found.take().toSorted(), ['now ann: 1', 'now bob: 1'])
    await next.advance('4s')
    assert.deepEqual(found.take(), ['now eve: 1'])
  })

  it('restarts from its checkpoint, and reads again what came after it', async () => {
    const clicks = new TestInput<Click>('clicks')
    const counts = new TestOutput<number>()
    let throws = false
    await using test = await testJob((env) => {
      env.checkpointing.interval = '1s'
      env.restart.strategy = { kind: 'fixed-delay', attempts: 1, delay: '5s' }
      clicks
        .stream(env)
        .map((given) => {
          if (throws) throw new Error('the machine goes away')
          return given
        })
        .keyBy(({ user }) => user)
        .count()
        .uid('counts')
        .map(({ count }) => count)
        .sinkTo(counts)
    })
    await test.send(clicks, click('ann'), click('ann'))
    await test.advance('1s')
    await test.send(clicks, click('ann'))
    assert.deepEqual(counts.take(), [1, 2, 3])
    throws = true
    await test.send(clicks, click('ann'))
    throws = false
    await test.advance('4s')
    assert.deepEqual(counts.take(), [])
    await test.advance('1s')
    assert.deepEqual(counts.take(), [3, 4])
    assert.equal(test.events.filter(({ kind }) => kind === 'restarting').length, 1)
    throws = true
    await assert.rejects(test.send(clicks, click('ann')), /the machine goes away/)
    await assert.rejects(test.advance('1s'), /the machine goes away/)
    assert.equal(test.result?.state, 'failed')
  })

  it('waits for what functions do outside', async () => {
    const clicks = new TestInput<Click>('clicks')
    const found = new TestOutput<string>()
    await using test = await testJob((env) => {
      clicks
        .stream(env)
        .map(async ({ user }) => {
          await sleep(5)
          return user
        })
        .sinkTo(found)
    })
    await test.send(clicks, click('ann'))
    const all: string[] = []
    await test.until(() => all.push(...found.take()) > 0)
    assert.deepEqual(all, ['ann'])
  })

  it('ends when the calls that are under way have come back, without time passing', async () => {
    const clicks = new TestInput<Click>('clicks')
    const found = new TestOutput<string>()
    await using test = await testJob((env) => {
      clicks
        .stream(env)
        .map(async ({ user }) => (await sleep(20), user))
        .sinkTo(found)
    })
    const { nowMs } = test
    await test.send(clicks, click('ann'), click('bob'))
    await test.end()
    assert.deepEqual(found.take(), ['ann', 'bob'])
    assert.equal(test.result?.state, 'stopped')
    assert.equal(test.nowMs, nowMs)
  })

  it('runs where the test fakes the timers of Node', async ({ mock }) => {
    mock.timers.enable()
    const clicks = new TestInput<Click>('clicks')
    const found = new TestOutput<string>()
    await using test = await testJob((env) => void sessions(clicks.stream(env)).sinkTo(found))
    await test.send(clicks, click('ann'))
    await test.advance('10s')
    assert.deepEqual(found.take(), ['ann: 1'])
  })

  it('has several inputs, whose event time is that of the slowest', async () => {
    const clicks = new TestInput<Click>('clicks', { timestamp })
    const others = new TestInput<Click>('others', { timestamp })
    const found = new TestOutput<string>()
    await using test = await testJob((env) => void minutes(clicks.stream(env).union(others.stream(env)) as Stream<Click>).sinkTo(found))
    await test.send(clicks, click('ann', 1_000))
    await test.watermark(clicks, 60_000)
    assert.deepEqual(found.take(), [])
    await test.watermark(others, 60_000)
    assert.deepEqual(found.take(), ['ann 0: 1'])
  })

  it('gives what is sent to every job that reads the input, and to no other', async () => {
    const clicks = new TestInput<Click>('clicks')
    const build =
      (found: TestOutput<string>) =>
      (env: Environment): void =>
        void sessions(clicks.stream(env)).sinkTo(found)
    const ofFirst = new TestOutput<string>()
    const ofSecond = new TestOutput<string>()
    await using first = await testJob(build(ofFirst))
    await using second = await testJob(build(ofSecond))
    await first.send(clicks, click('ann'))
    await first.advance('10s')
    assert.deepEqual(ofFirst.take(), ['ann: 1'])
    await second.advance('10s')
    await second.advance('10s')
    assert.deepEqual(ofSecond.take(), ['ann: 1'])
    await second.close()
    await first.send(clicks, click('bob'))
    await first.advance('10s')
    assert.deepEqual(ofFirst.take(), ['bob: 1'])

    const fresh = new TestInput<Click>('clicks')
    await using third = await testJob((env) => void sessions(fresh.stream(env)).sinkTo(ofFirst))
    await assert.rejects(third.send(clicks, click('eve')), /the job does not read clicks, or another TestInput of that name/)
    await assert.rejects(third.watermark(clicks, 7), /the job does not read clicks/)
  })

  it('reads an input once, wherever the jobs that share it start', async () => {
    const clicks = new TestInput<Click>('clicks')
    const found = new TestOutput<Click>()
    const build =
      (input: TestInput<Click>) =>
      (env: Environment): void =>
        void input.stream(env).sinkTo(found)
    await using before = await testJob(build(clicks))
    await before.send(clicks, click('ann'), click('bob'), click('eve'))
    const savepoint = await before.savepoint()
    found.take()

    const fresh = new TestInput<Click>('clicks')
    await using next = await testJob(build(fresh), { restore: savepoint })
    await next.send(fresh, click('joe'), click('sue'))
    found.take()
    await using anew = await testJob(build(fresh))
    assert.deepEqual(found.take(), [click('joe'), click('sue')])
    await anew.send(fresh, click('zoe'))
    assert.deepEqual(found.take(), [click('zoe')])

    const short = new TestInput<Click>('clicks')
    await using other = await testJob(build(short))
    await other.send(short, click('joe'))
    await assert.rejects(testJob(build(short), { restore: savepoint }), /3 entries of clicks had been read .* this one has 1/)
  })

  it('says what is wrong with the test', async () => {
    const clicks = new TestInput<Click>('clicks')
    const unread = new TestInput<Click>('unread')
    const found = new TestOutput<Click>()
    await using test = await testJob((env) => void clicks.stream(env).sinkTo(found))
    await assert.rejects(test.send(unread, click('ann')), /the job does not read unread/)
    await assert.rejects(test.advance('soon' as '1s'), /not a duration: 'soon'/)
    await assert.rejects(test.watermark(clicks, NaN), /not NaN/)
    await assert.rejects(
      testJob((env) => void clicks.stream(env).sinkTo(found), { startMs: Date.parse('soon') }),
      /startMs .* not NaN/,
    )
    await test.end()
    await assert.rejects(test.send(clicks, click('ann')), /the job is over/)
    assert.throws(() => new TestInput('clicks', { timestmap: timestamp } as object), /timestmap; did you mean timestamp/)
    assert.throws(() => new TestInput('clicks', { timestamp, watermarks: watermarks.monotonous(timestamp) }), /not both/)
    await assert.rejects(
      testJob(() => {}, { paralelism: 2 } as JobTestOptions),
      /paralelism.*parallelism/,
    )
    await assert.rejects(
      testJob((env) => void clicks.stream(env)),
      { code: 'JOB_EMPTY' },
    )
    await assert.rejects(
      testJob((env) => {
        clicks
          .stream(env)
          .process({ emits: type<Click>(), open: () => Promise.reject(new Error('no such table')), onElement: () => {} })
          .sinkTo(found)
      }),
      /no such table/,
    )
  })

  it('throws what has failed the job as it ended, or as it took a savepoint', async () => {
    const clicks = new TestInput<Click>('clicks')
    const found = new TestOutput<Click>()
    await using ending = await testJob((env) => {
      const finish = (): never => {
        throw new Error('nothing is left of it')
      }
      clicks
        .stream(env)
        .process({ emits: type<Click>(), onElement: (given, ctx) => ctx.emit(given), finish })
        .sinkTo(found)
    })
    await assert.rejects(ending.end(), /nothing is left of it/)
    await using saving = await testJob((env) => {
      const prepare = (): never => {
        throw new Error('the disk is full')
      }
      clicks.stream(env).sinkTo({
        connector: 'full',
        delivery: 'none',
        createWriter: () => ({ open: () => {}, write: () => {}, prepare, close: () => {} }),
      })
    })
    await assert.rejects(saving.savepoint(), /the disk is full/)
    assert.equal(saving.result?.state, 'failed')
  })

  it('says so of a job that always has something to do, and ends it', { timeout: 60_000 }, async () => {
    const clicks = new TestInput<Click>('clicks')
    const found = new TestOutput<Click>()
    let closed = 0
    const endless = (env: Environment): void => {
      env
        .fromSource(generator({ generate: (n) => click(`user ${n}`) }), { uid: 'endless' })
        .union(clicks.stream(env))
        .process({ emits: type<Click>(), onElement: () => {}, close: () => void closed++ })
        .sinkTo(found)
    }
    await assert.rejects(testJob(endless), /the job always has something to do, .* needs a rate, .* and a timer a later time/)
    assert.equal(closed, 1)
  })

  it('lets an hour pass in which nothing happens, at once', async () => {
    const clicks = new TestInput<Click>('clicks', { watermarks: watermarks.monotonous(timestamp) })
    const found = new TestOutput<string>()
    await using test = await testJob((env) => void minutes(clicks.stream(env)).sinkTo(found), { parallelism: 2 })
    await test.send(clicks, click('ann', 1_000), click('ann', 90_000))
    await test.advance('1h')
    assert.deepEqual(found.take(), ['ann 0: 1'])
  })
  it('lets a month pass in which nothing happens, at once too', { timeout: 20_000 }, async () => {
    const clicks = new TestInput<Click>('clicks')
    const found = new TestOutput<string>()
    await using test = await testJob((env) => {
      clicks
        .stream(env)
        .keyBy(({ user }) => user)
        .process({
          emits: type<string>(),
          state: { seen: value<boolean>({ ttl: '30d' }) },
          onElement(_click, ctx) {
            if (ctx.state.seen.get() === undefined) ctx.emit(ctx.key)
            ctx.state.seen.set(true)
          },
        })
        .uid('first')
        .sinkTo(found)
    })
    await test.send(clicks, click('ann'))
    await test.advance(30 * 86_400_000 - 1)
    await test.send(clicks, click('ann'))
    assert.deepEqual(found.take(), ['ann'])
    await test.advance('30d')
    await test.send(clicks, click('ann'))
    assert.deepEqual(found.take(), ['ann'])
  })

  it('names the lines of the test where two inputs have one name', async () => {
    const twice = testJob((env) => {
      const orders = new TestInput<string>('orders').stream(env)
      const others = new TestInput<string>('orders').stream(env)
      orders.union(others).sinkTo(new TestOutput())
    })
    await assert.rejects(twice, ({ message }: Error) => {
      assert.match(message, /uid "orders" is used twice/)
      const files = [...message.matchAll(/\((file:.*?):\d+:\d+\)/g)].map(([, file]) => file)
      assert.deepEqual(files, [import.meta.url, import.meta.url])
      return true
    })
  })
})
