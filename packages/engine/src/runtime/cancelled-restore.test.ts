// A job that is cancelled while its state is loaded on the heap: it ends there, and starts from the same checkpoint as if it had never been tried.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { defineJob, type Job } from '../api/job.ts'
import { value, type StateDeclaration, type ValueState } from '../api/state.ts'
import { discard } from '../connectors/discard.ts'
import { generator } from '../connectors/generator/generator.ts'
import { execute, type ExecuteOptions } from './execute.ts'

const KEYS = 500

/** Each key comes once. `opened`: the operator begins. */
function job(seen: StateDeclaration<ValueState<number>>, opened: () => void): Job {
  return defineJob('cancelled', (env) => {
    env
      .fromSource(generator({ count: KEYS, generate: (n) => n }), { uid: 'numbers' })
      .keyBy((n) => n)
      .process({
        state: { seen },
        open: opened,
        onElement: (n, ctx) => ctx.state.seen.set(n),
      })
      .uid('seen')
      .sinkTo(discard())
      .uid('out')
  })
}

it('a job that is cancelled while it restores a large key group ends at once, and loses nothing', async () => {
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
    await execute(
      job(value<number>(), () => {}),
      { options },
    )
    const kept = files()
    const controller = new AbortController()
    let migrated = 0
    const older = value<number>({
      version: 2,
      migrate: (old) => {
        if (migrated++ === 0) setImmediate(() => controller.abort())
        for (const until = performance.now() + 0.5; performance.now() < until;);
        return old as number
      },
    })
    const opened: string[] = []
    const { state } = await execute(
      job(older, () => void opened.push('cancelled')),
      { options, restore: 'latest', signal: controller.signal },
    )
    assert.equal(state, 'canceled')
    assert.ok(migrated < KEYS / 2, `${migrated} rows were loaded`)
    assert.deepEqual([opened, files()], [[], kept])
    migrated = 0
    const again = await execute(
      job(older, () => void opened.push('again')),
      { options, restore: 'latest' },
    )
    assert.deepEqual([again.state, migrated, opened], ['finished', KEYS, ['again']])
  } finally {
    rmSync(stateDir, { recursive: true })
  }
})
