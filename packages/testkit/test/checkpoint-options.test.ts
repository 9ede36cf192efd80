// What each option of checkpoints does to a running job.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, discard, generator, reducing, value, type Job } from '@millrace/engine'
import { STATE_DIR, VirtualMachine, type VirtualLayers, type VirtualRun } from './virtual-job.ts'

/** Counts by key, for as long as it is let. */
function counting(count?: number): Job {
  return defineJob('counts', (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000, ...(count === undefined ? {} : { count }) }), { uid: 'numbers' })
      .keyBy((n) => n % 7)
      .process({ state: { seen: reducing<number>((a, b) => a + b) }, onElement: (n, ctx) => ctx.state.seen.add(n) })
      .uid('count')
      .sinkTo(discard())
  })
}

const CHECKPOINTS = `${STATE_DIR}/counts/checkpoints`

interface Trial {
  readonly machine: VirtualMachine
  readonly run: VirtualRun
}

async function trial(
  checkpointing: object,
  durationMs: number,
  more: { readonly latencyMs?: number; readonly layers?: VirtualLayers } = {},
): Promise<Trial> {
  const machine = new VirtualMachine(more.latencyMs)
  const run = machine.start(counting(), { ...more.layers, options: { checkpointing, ...more.layers?.options } })
  await run.until(() => run.of('started').length > 0)
  await run.pass(durationMs)
  return { machine, run }
}

/** Paths of the files with keyed state that a checkpoint refers to. */
async function stateFilesOf(machine: VirtualMachine, path: string): Promise<readonly string[]> {
  const [, body] = Buffer.from(await machine.clock.run(machine.disk.readFile(`${path}/_metadata`)))
    .toString()
    .split('\n')
  const { operators } = JSON.parse(body!) as {
    readonly operators: readonly { readonly subtasks: readonly { readonly keyed: readonly { readonly path: string }[] }[] }[]
  }
  return operators.flatMap(({ subtasks }) => subtasks.flatMap(({ keyed }) => keyed.map((file) => file.path)))
}

const triggers = ({ running }: VirtualRun): number[] => running.checkpoints().history.map(({ triggeredMs }) => triggeredMs)
const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, index) => time - times[index]!)

describe('checkpoint options', () => {
  it('option: checkpointing.interval: checkpoints begin so far apart; without it there are none', async () => {
    for (const interval of [50, 200]) {
      const { run } = await trial({ interval }, 1_000)
      assert.ok(
        gaps(triggers(run)).every((gap) => Math.abs(gap - interval) <= 1),
        triggers(run).join(' '),
      )
      assert.equal(run.of('checkpoint-completed').length, 1_000 / interval - 1)
      await run.cancel()
    }
    const { run } = await trial({}, 1_000)
    assert.equal(run.of('checkpoint-completed').length, 0)
    await run.cancel()
  })

  it('option: checkpointing.minPause: so long after the end of one, however late it was', async () => {
    const slow = { latencyMs: 12 }
    const pauses = async (minPause: number): Promise<number[]> => {
      const { run } = await trial({ interval: 20, minPause }, 3_000, slow)
      const history = run.running.checkpoints().history
      await run.cancel()
      assert.ok(history.length > 3)
      return history.slice(1).map(({ triggeredMs }, index) => triggeredMs - history[index]!.triggeredMs - history[index]!.durationMs)
    }
    assert.ok(
      (await pauses(0)).every((pause) => pause < 2),
      'each took longer than the interval: the next begins at once',
    )
    assert.ok((await pauses(150)).every((pause) => pause >= 149 && pause < 153))
  })

  it('option: checkpointing.timeout: what takes longer is given up, and the job goes on', async () => {
    const outcomes = async (timeout: number): Promise<string> => {
      const { run } = await trial({ interval: 500, timeout }, 2_000, { latencyMs: 15 })
      const last = run.running.checkpoints().history.at(-1)!
      assert.equal(run.result, undefined)
      assert.deepEqual(run.of('restarting'), [])
      await run.cancel()
      return last.outcome.kind === 'completed' ? 'completed' : last.outcome.reason
    }
    assert.equal(await outcomes(20), 'timeout')
    assert.equal(await outcomes(400), 'completed')
  })

  it('option: checkpointing.maxConcurrent: so many may be under way at once', async () => {
    const most = async (maxConcurrent: number): Promise<number> => {
      const { run } = await trial({ interval: 20, maxConcurrent, timeout: '10m' }, 0, { latencyMs: 25 })
      let underWay = 0
      for (let step = 0; step < 200; step++) {
        await run.pass(5)
        underWay = Math.max(underWay, run.running.metrics().checkpoints.inProgress)
      }
      await run.cancel()
      return underWay
    }
    assert.deepEqual([await most(1), await most(3)], [1, 3])
  })

  it('option: checkpointing.tolerableFailures: so many in a row do not fail the job', async () => {
    const restarts = async (tolerableFailures: number): Promise<number> => {
      const { machine, run } = await trial({ interval: 100, tolerableFailures }, 150)
      machine.disk.fail({ operations: ['write'], path: new RegExp(`^${CHECKPOINTS}`), reason: 'no-space' })
      await run.pass(350)
      machine.disk.heal()
      const restarting = run.of('restarting')
      for (const { failure } of restarting) assert.match(failure.error.message, /\[CHECKPOINT_FAILED\]$/)
      assert.ok(run.of('checkpoint-failed').length >= 1)
      await run.cancel()
      return restarting.length
    }
    assert.deepEqual([await restarts(0), await restarts(5)], [1, 0])
  })

  it('option: checkpointing.retainOnCancel: checkpoints stay when the job is cancelled', async () => {
    for (const retainOnCancel of [false, true]) {
      const { machine, run } = await trial({ interval: 50, retainOnCancel }, 200)
      await run.cancel()
      const left = (await machine.list(CHECKPOINTS)).some((name) => name.startsWith('chk-'))
      assert.equal(left, retainOnCancel)
      assert.equal(run.result?.lastCheckpoint !== undefined, retainOnCancel)
    }
  })

  it('option: checkpointing.numRetained: so many are kept', async () => {
    for (const numRetained of [1, 3]) {
      const { machine, run } = await trial({ interval: 50, numRetained, retainOnCancel: true }, 620)
      await run.cancel()
      const kept = (await machine.list(CHECKPOINTS)).filter((name) => name.startsWith('chk-'))
      assert.equal(kept.length, numRetained)
      assert.ok(kept.includes(`chk-${run.of('checkpoint-completed').at(-1)!.checkpoint.id}`))
    }
  })

  it('option: checkpointing.incremental: without it no checkpoint has a file of another', async () => {
    for (const incremental of [true, false]) {
      const { machine, run } = await trial({ interval: 20, incremental, numRetained: 20, retainOnCancel: true }, 300)
      await run.cancel()
      const kept = (await machine.list(CHECKPOINTS)).filter((name) => name.startsWith('chk-'))
      assert.ok(kept.length > 5)
      const files: string[] = []
      for (const name of kept) files.push(...(await stateFilesOf(machine, `${CHECKPOINTS}/${name}`)))
      assert.equal(new Set(files).size < files.length, incremental)
    }
  })

  it('option: checkpointing.storage: in memory nothing is left on the disk', async () => {
    for (const storage of ['filesystem', 'memory'] as const) {
      const { machine, run } = await trial({ interval: 50, storage, retainOnCancel: true }, 200)
      const { path } = run.of('checkpoint-completed').at(-1)!.checkpoint
      assert.equal(path !== undefined, storage === 'filesystem')
      await run.cancel()
      assert.equal((await machine.list(CHECKPOINTS)).length > 0, storage === 'filesystem')
    }
  })

  // option: checkpointing.memory.maxStateSize
  // option: checkpointing.memory.maxMessageSize
  it('in memory a state and the metadata may have so many bytes, and a checkpoint with more fails', async () => {
    const run = async (memory: object): Promise<VirtualRun> => {
      const { run: trialled } = await trial({ interval: 50, storage: 'memory', tolerableFailures: 1_000, memory }, 300)
      await trialled.cancel()
      return trialled
    }
    for (const memory of [
      { maxStateSize: '10B' },
      { maxStateSize: '10B', maxMessageSize: '20B' },
      { maxStateSize: 300, maxMessageSize: 300 },
    ])
      assert.equal((await run(memory)).of('checkpoint-completed').length, 0, JSON.stringify(memory))
    assert.ok((await run({ maxStateSize: '4KiB', maxMessageSize: '64KiB' })).of('checkpoint-completed').length > 0)
  })

  it('option: checkpointing.dir: checkpoints are kept in a folder of the job in it', async () => {
    const { machine, run } = await trial({ interval: 50, dir: '/data/elsewhere', retainOnCancel: true }, 200)
    await run.cancel()
    assert.ok((await machine.list('/data/elsewhere/counts')).some((name) => name.startsWith('chk-')))
    assert.deepEqual(await machine.list(CHECKPOINTS), [])
  })

  it('option: checkpointing.compression: keyed state takes less, and is restored with and without it', async () => {
    const text = defineJob('counts', (env) => {
      env
        .fromSource(generator({ generate: (n) => n % 200, ratePerSecond: 1_000 }), { uid: 'numbers' })
        .keyBy((n) => n)
        .process({
          state: { texts: value<string>() },
          onElement: (n, { state }) => state.texts.set(`${state.texts.get() ?? ''}, ${n} once more`.slice(-40)),
        })
        .uid('texts')
        .sinkTo(discard())
    })
    const machine = new VirtualMachine()
    const lengths: number[] = []
    for (const compression of ['none', 'zstd', 'none'] as const) {
      const run = machine.start(text, { options: { maxParallelism: 4, checkpointing: { compression } }, restore: 'latest' })
      await run.until(() => run.of('started').length > 0)
      await run.pass(1_000)
      const { path } = await machine.clock.run(run.running.savepoint())
      const [file] = await machine.list(`${path}/shared`)
      lengths.push((await machine.clock.run(machine.disk.readFile(`${path}/shared/${file}`))).length)
      await machine.clock.run(run.running.stop())
    }
    const [plain, compressed, again] = lengths as [number, number, number]
    assert.ok(compressed < plain / 2, lengths.join(' '))
    assert.equal(again, plain)
  })

  it('option: checkpointing.savepointDir: savepoints go there of which nobody says where', async () => {
    const { machine, run } = await trial({ savepointDir: '/data/saved' }, 50)
    const { path } = await machine.clock.run(run.running.savepoint())
    assert.match(path!, /^\/data\/saved\/savepoint-/)
    const { path: named } = await machine.clock.run(run.running.savepoint({ dir: '/data/other' }))
    assert.match(named!, /^\/data\/other\/savepoint-/)
    await run.cancel()
  })

  it('option: stateDir: everything that outlives a run is in it', async () => {
    const { machine, run } = await trial({ interval: 50, retainOnCancel: true }, 200, { layers: { options: { stateDir: '/data/mine' } } })
    await run.cancel()
    assert.ok((await machine.list('/data/mine/counts/checkpoints')).some((name) => name.startsWith('chk-')))
    assert.deepEqual(await machine.list(STATE_DIR), [])
  })

  it('option: maxParallelism: state is stored in so many key groups, and no more subtasks can share it', async () => {
    const layers = (parallelism: number, restore: 'none' | 'latest'): VirtualLayers => ({
      options: { parallelism, maxParallelism: 2, checkpointing: { interval: 50, retainOnCancel: true } },
      restore,
    })
    const machine = new VirtualMachine()
    const first = machine.start(counting(), layers(2, 'none'))
    await first.pass(200)
    await first.cancel()
    assert.ok(first.of('checkpoint-completed').length > 0)
    const { plan } = first.of('started')[0]!
    assert.ok(plan.tasks.every(({ maxParallelism }) => maxParallelism === 2))
    assert.throws(() => machine.start(counting(), layers(3, 'latest')), /parallelism/)
  })

  it('option: requireUids: a stateful operator without a uid is refused', async () => {
    const job = defineJob('nameless', (env) => {
      env
        .fromCollection([1, 2])
        .keyBy((n) => n)
        .process({ state: { seen: reducing<number>((a, b) => a + b) }, onElement: (n, ctx) => ctx.state.seen.add(n) })
        .sinkTo(discard())
    })
    for (const requireUids of [false, true]) {
      const run = new VirtualMachine().start(job, { options: { requireUids } })
      const result = await run.end()
      assert.equal(result.state, requireUids ? 'failed' : 'finished')
    }
  })
})

describe('the mode of checkpoints', () => {
  /** Two inputs of which one's barriers arrive late; fails once in the middle. Answers how many records the state has counted in the end. */
  async function counted(mode: 'exactly-once' | 'at-least-once'): Promise<number> {
    let failed = false
    let counts = 0
    const job = defineJob('modes', (env) => {
      const numbers = (uid: string) =>
        env.fromSource(generator({ generate: (n) => n, ratePerSecond: 4_000, count: 400 }), { uid, parallelism: 1 })
      let detour = numbers('far')
        .map((n) => n)
        .parallelism(2)
      for (let hop = 0; hop < 6; hop++) detour = detour.map((n) => n).parallelism(1 + (hop % 2))
      numbers('near')
        .union(detour)
        .keyBy(() => 'all')
        .process({
          state: { count: reducing<number>((a, b) => a + b) },
          onElement(n, ctx) {
            if (n === 300 && !failed) {
              failed = true
              throw new Error('once')
            }
            ctx.state.count.add(1)
            counts = ctx.state.count.get()!
          },
        })
        .uid('count')
        .sinkTo(discard())
    })
    const run = new VirtualMachine().start(job, {
      options: { bufferTimeout: 0, checkpointing: { mode, interval: 3 }, restart: { strategy: 'fixed-delay', fixedDelay: { delay: 1 } } },
    })
    const result = await run.end()
    assert.deepEqual([result.state, result.restarts, failed], ['finished', 1, true])
    return counts
  }

  it('option: checkpointing.mode: after a failure each input counts once, or at least once', async () => {
    assert.equal(await counted('exactly-once'), 800)
    assert.ok((await counted('at-least-once')) > 800)
  })
})
