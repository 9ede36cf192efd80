// A job that is cancelled, or stopped, while its state is loaded on the heap: it ends there, and starts from the same checkpoint as if it had never been tried.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { defineJob, type Job } from '../../api/job.ts'
import { value, type StateDeclaration, type ValueState } from '../../api/state.ts'
import { discard } from '../../connectors/discard.ts'
import { generator } from '../../connectors/generator/generator.ts'
import { execute, startJob, type ExecuteOptions } from '../execute.ts'
import type { RunningJob } from '../job-types.ts'

const KEYS = 500

/** Each key comes once. `lives`: what became of the operator. */
function job(seen: StateDeclaration<ValueState<number>>, lives: string[] = []): Job {
  return defineJob('cancelled', (env) => {
    env
      .fromSource(generator({ count: KEYS, generate: (n) => n }), { uid: 'numbers' })
      .keyBy((n) => n)
      .process({
        state: { seen },
        open: () => void lives.push('opened'),
        onElement: (n, ctx) => ctx.state.seen.set(n),
        close: () => void lives.push('closed'),
      })
      .uid('seen')
      .sinkTo(discard())
      .uid('out')
  })
}

for (const [how, state] of [
  ['cancel', 'canceled'],
  ['stop', 'stopped'],
] as const) {
  it(`a job that is told to ${how} while it restores a large key group ends at once, and loses nothing`, async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'millrace-cancelled-'))
    const options: ExecuteOptions['options'] = {
      stateDir,
      // All of it is one key group.
      maxParallelism: 1,
      checkpointing: { interval: '1h', storage: 'filesystem', retainOnCancel: true },
    }
    const files = (): readonly string[] =>
      readdirSync(stateDir, { recursive: true, encoding: 'utf8' }).filter((path) => !path.includes('lock'))
    try {
      await execute(job(value<number>()), { options })
      const kept = files()
      let running: RunningJob | undefined
      let migrated = 0
      const older = value<number>({
        version: 2,
        migrate: (old) => {
          if (migrated++ === 0) setImmediate(() => void running?.[how]())
          for (const until = performance.now() + 0.5; performance.now() < until;);
          return old as number
        },
      })
      const lives: string[] = []
      running = startJob(job(older, lives), { options, restore: 'latest' })
      assert.equal((await running.done).state, state)
      assert.ok(migrated < KEYS / 2, `${migrated} rows were loaded`)
      assert.deepEqual([lives, files()], [[], kept])
      running = undefined
      migrated = 0
      const again = await execute(job(older, lives), { options, restore: 'latest' })
      assert.deepEqual([again.state, migrated, lives], ['finished', KEYS, ['opened', 'closed']])
    } finally {
      rmSync(stateDir, { recursive: true })
    }
  })
}

it('a job that is cancelled, and does not keep its checkpoints, names none of them, nor the one that it had started from', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'millrace-cancelled-'))
  const checkpointing = { interval: '1h', storage: 'filesystem', retainOnCancel: false } as const
  const endless = defineJob('names-none', (env) => {
    env.fromSource(generator({ ratePerSecond: 100, generate: (n) => n }), { uid: 'numbers' }).sinkTo(discard())
  })
  try {
    const start = async (): Promise<RunningJob> => {
      const started = Promise.withResolvers<void>()
      const onEvent: ExecuteOptions['onEvent'] = ({ kind }) => kind === 'started' && started.resolve()
      const running = startJob(endless, { options: { stateDir, checkpointing }, restore: 'latest', onEvent })
      await started.promise
      return running
    }
    const first = await start()
    await first.stop()
    assert.equal((await first.done).lastCheckpoint?.id, 1)
    const second = await start()
    await second.cancel()
    assert.ok(!readdirSync(join(stateDir, 'names-none', 'checkpoints')).includes('chk-1'))
    assert.equal((await second.done).lastCheckpoint, undefined)
  } finally {
    rmSync(stateDir, { recursive: true })
  }
})
