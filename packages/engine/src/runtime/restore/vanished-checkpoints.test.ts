// Checkpoints that somebody has removed while the job ran: at a restart it does not begin anew as if there had never been any.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { MillraceError } from '@millrace/core'
import { defineJob, discard, generator, startJob, value, type JobEvent, type JobResult } from '../../index.ts'

interface Life {
  readonly result: JobResult
  readonly warnings: readonly string[]
  /** Ids of what each attempt has started from. */
  readonly starts: readonly (number | undefined)[]
}

/** Runs a job until it has checkpoints, removes some of them, and has it fail once. `newestFirst`: the ids of what is there. */
async function live(lost: (newestFirst: readonly number[]) => readonly number[]): Promise<Life> {
  const stateDir = mkdtempSync(join(tmpdir(), 'millrace-vanished-'))
  const checkpoints = join(stateDir, 'vanished', 'checkpoints')
  let fails = false
  const job = defineJob('vanished', (env) => {
    env
      .fromSource(generator({ ratePerSecond: 1_000, generate: (n) => n }), { uid: 'numbers' })
      .keyBy((n) => n % 5)
      .process({
        state: { last: value<number>() },
        onElement(n, ctx) {
          if (fails) {
            fails = false
            for (const id of lost(idsIn(checkpoints))) rmSync(join(checkpoints, `chk-${id}`), { recursive: true, force: true })
            throw new Error('once')
          }
          ctx.state.last.set(n)
        },
      })
      .uid('last')
      .sinkTo(discard())
  })
  const warnings: string[] = []
  const starts: (number | undefined)[] = []
  const restarted = Promise.withResolvers<void>()
  try {
    const running = startJob(job, {
      options: {
        stateDir,
        // None is under way as it fails.
        checkpointing: { storage: 'filesystem', interval: '10ms', minPause: '200ms', numRetained: 3, retainOnCancel: true },
        restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 1, delay: '1ms' } },
      },
      onEvent(event: JobEvent) {
        if (event.kind === 'log' && event.record.level === 'warn') warnings.push(event.record.message)
        if (event.kind === 'checkpoint-completed' && event.checkpoint.id === 3) fails = true
        if (event.kind === 'started' && starts.push(event.restored?.id) === 2) restarted.resolve()
      },
    })
    await Promise.race([restarted.promise, running.done])
    await running.cancel()
    return { result: await running.done, warnings, starts }
  } finally {
    rmSync(stateDir, { recursive: true })
  }
}

function idsIn(folder: string): readonly number[] {
  const folders = readdirSync(folder).filter((name) => name.startsWith('chk-'))
  return folders.map((name) => Number(name.slice('chk-'.length))).toSorted((a, b) => b - a)
}

void describe('checkpoints that are removed while the job runs', () => {
  void it('all of them: the job fails, and does not start without state', async () => {
    const { result, starts } = await live((ids) => ids)
    assert.deepEqual(starts, [undefined])
    assert.ok(result.state === 'failed')
    assert.equal((result.failure.error as MillraceError).code, 'CHECKPOINT_STORAGE_LOST')
  })

  void it('the newest one: the job goes back to the one before, and says so', async () => {
    let ids: readonly number[] = []
    const { result, starts, warnings } = await live((newestFirst) => {
      ids = newestFirst
      return newestFirst.slice(0, 1)
    })
    assert.equal(result.state, 'canceled')
    assert.deepEqual([...starts, result.lastCheckpoint?.id], [undefined, ids[1], ids[1]])
    assert.ok(
      warnings.includes(`checkpoint ${ids[0]} was there and is gone: the job goes back to checkpoint ${ids[1]}`),
      warnings.join('\n'),
    )
  })

  void it('an older one: nothing is said', async () => {
    const { result, warnings } = await live((ids) => ids.slice(-1))
    assert.equal(result.state, 'canceled')
    assert.deepEqual(
      warnings.filter((message) => message.includes('is gone')),
      [],
    )
  })
})
