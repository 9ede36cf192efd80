// A job that was told to go back to an older state, and then its process dies; and one that cannot read its newest checkpoint for a moment.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MillraceError } from '@millrace/core'
import { defineJob, discard, generator, reducing, type Job, type Sink } from '@millrace/engine'
import { STATE_DIR, VirtualMachine, type VirtualRun } from './virtual-job.ts'

const CHECKPOINTS = `${STATE_DIR}/counts/checkpoints`

function counting(): Job {
  return defineJob('counts', (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000 }), { uid: 'numbers' })
      .keyBy((n) => n % 7)
      .process({ state: { seen: reducing<number>((a, b) => a + b) }, onElement: (n, ctx) => ctx.state.seen.add(n) })
      .uid('count')
      .sinkTo(discard())
  })
}

const often = { checkpointing: { interval: 50, numRetained: 4 } }
const seldom = { checkpointing: { interval: 1_000_000, numRetained: 4 } }

/** Starts the job, and answers what it has restored. */
async function started(machine: VirtualMachine, restore: string, options: object): Promise<{ run: VirtualRun; from: string | undefined }> {
  const run = machine.start(counting(), { restore, options })
  await run.until(() => run.of('started').length > 0)
  return { run, from: run.of('started')[0]!.restored?.path }
}

/** A machine on which the job has run, with the paths of its last checkpoint and of one before. */
async function prepared(): Promise<{ machine: VirtualMachine; newest: string; older: string }> {
  const machine = new VirtualMachine()
  const { run } = await started(machine, 'none', often)
  await run.until(() => run.of('checkpoint-completed').length > 5)
  await run.stop()
  const paths = run.of('checkpoint-completed').map(({ checkpoint }) => checkpoint.path!)
  return { machine, newest: paths.at(-1)!, older: paths.at(-3)! }
}

const warnings = (run: VirtualRun): string[] => run.of('log').flatMap(({ record }) => (record.level === 'warn' ? [record.message] : []))

describe('a job that was told to go back', () => {
  it('goes on from there after a crash, and never from what came after', async () => {
    const { machine, newest, older } = await prepared()
    const { run, from } = await started(machine, older, seldom)
    assert.equal(from, older)
    assert.ok(
      warnings(run).some((message) => message.startsWith(`the job goes back to ${older}: its checkpoints`)),
      warnings(run).join('\n'),
    )
    await run.pass(500)
    machine.disk.kill()
    const again = await started(machine, 'latest', often)
    assert.equal(again.from, older)
    assert.deepEqual(warnings(again.run), [])
    await again.run.until(() => again.run.of('checkpoint-completed').length > 0)
    machine.disk.kill()
    const own = again.run.of('checkpoint-completed')[0]!.checkpoint.path!
    machine.disk.flip(`${own}/_metadata`, 3)
    assert.equal((await started(machine, 'latest', seldom)).from, older, 'not what was abandoned')
    machine.disk.kill()
    const refused = await machine.start(counting(), { restore: newest, options: seldom }).end()
    assert.ok(refused.state === 'failed')
    assert.equal((refused.failure.error as MillraceError).code, 'CHECKPOINT_GIVEN_UP')
  })

  it('goes on from the savepoint after a crash', async () => {
    const { machine } = await prepared()
    const { run } = await started(machine, 'latest', often)
    const savepoint = await machine.clock.run(run.running.savepoint({ dir: '/data/savepoints' }))
    await run.pass(300)
    machine.disk.kill()
    const back = await started(machine, savepoint.path!, seldom)
    assert.equal(back.from, savepoint.path)
    await back.run.pass(300)
    machine.disk.kill()
    assert.equal((await started(machine, 'latest', seldom)).from, savepoint.path)
  })

  it('starts empty again after a crash where it was told to start so', async () => {
    const { machine } = await prepared()
    const { run } = await started(machine, 'none', seldom)
    await run.pass(300)
    machine.disk.kill()
    assert.equal((await started(machine, 'latest', seldom)).from, undefined)
  })
})

describe('a checkpoint that cannot be read', () => {
  it('is read again, and taken if the trouble is over; else it is passed over, loudly', async () => {
    for (const [times, isTaken] of [
      [2, true],
      [Infinity, false],
    ] as const) {
      for (const path of [/\/_metadata$/, /\/shared\/\d/]) {
        const { machine, newest } = await prepared()
        const files = (await machine.list(`${CHECKPOINTS}/shared`)).length
        assert.ok(files > 0)
        const newestOnly = path.source.includes('shared') ? path : new RegExp(`^${newest}/_metadata$`)
        machine.disk.fail({ operations: ['readFile', 'open', 'read'], path: newestOnly, reason: 'input-output', times })
        const run = machine.start(counting(), { restore: 'latest', options: seldom })
        await run.until(() => run.of('started').length > 0 || run.result !== undefined)
        const from = run.of('started')[0]?.restored?.path
        if (isTaken) assert.deepEqual([from, warnings(run)], [newest, []])
        else {
          assert.notEqual(from, newest)
          const told = `${warnings(run).join('\n')} ${run.result?.state === 'failed' ? run.result.failure.error.message : ''}`
          assert.match(told, /passed over|CHECKPOINT_ALL_DAMAGED|can be read/)
        }
      }
    }
  })
})

describe('a sink that wants to go back behind a checkpoint', () => {
  it('does so when the checkpoints can be got at again, where they cannot be for a while', async () => {
    const machine = new VirtualMachine()
    const lostId = 4
    const lose = (): never => {
      throw new MillraceError('LOST', { who: 'operator', retry: false, message: 'what was staged is lost' }, { restoreBefore: lostId })
    }
    const sink: Sink<number> = {
      connector: 'losing',
      delivery: 'exactly-once',
      createWriter: () => ({
        open: (restored) => void (restored.includes(lostId) && lose()),
        write: () => {},
        prepare: async (checkpointId) => [checkpointId],
        commit: async (handles) => {
          if (!handles.includes(lostId)) return
          machine.disk.fail({ operations: ['open'], path: /\/checkpoints\//, reason: 'not-permitted' })
          lose()
        },
        close: () => {},
      }),
    }
    const job = defineJob('counts', (env) => {
      env
        .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000 }), { uid: 'numbers' })
        .sinkTo(sink)
        .uid('sink')
    })
    const restart = { strategy: 'fixed-delay', fixedDelay: { attempts: 9, delay: 100 } }
    const run = machine.start(job, { options: { checkpointing: { storage: 'filesystem', interval: 50, numRetained: 4 }, restart } })
    await run.until(() => run.of('restarting').length > 1 || run.result !== undefined)
    machine.disk.heal()
    await run.until(() => run.of('started').length > 1 || run.result !== undefined)
    assert.equal(run.result, undefined)
    assert.equal(run.of('started')[1]?.restored?.id, lostId - 1)
    await run.cancel()
  })
})
