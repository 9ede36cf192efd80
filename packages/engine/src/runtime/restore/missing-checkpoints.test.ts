// A supervisor starts a job again where its checkpoints are not: that is no new job, unless the user says so.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { MillraceError } from '@millrace/core'
import { defineJob, discard, generator, startJob, type JobEvent, type JobResult, type RunningJob } from '../../index.ts'

const root = mkdtempSync(join(tmpdir(), 'millrace-missing-'))
after(() => rmSync(root, { recursive: true }))

const job = defineJob('moved', (env) => {
  env.fromSource(generator({ ratePerSecond: 1_000, generate: (n) => n }), { uid: 'numbers' }).sinkTo(discard())
})

interface Start {
  readonly stateDir: string
  /** `checkpointing.dir`. */
  readonly dir?: string
  readonly restore?: string
  readonly interval?: '10ms' | '1h'
  readonly retainOnCancel?: boolean
}

interface Life {
  readonly running: RunningJob
  /** Id of what it has started from; none if it never started. */
  readonly started: Promise<{ readonly id: number | undefined } | undefined>
}

function start({ stateDir, dir, restore = 'latest', interval = '10ms', retainOnCancel = true }: Start): Life {
  const started = Promise.withResolvers<{ readonly id: number | undefined } | undefined>()
  const running = startJob(job, {
    restore,
    options: { stateDir, checkpointing: { storage: 'filesystem', interval, retainOnCancel, ...(dir === undefined ? {} : { dir }) } },
    onEvent(event: JobEvent) {
      if (event.kind === 'started') started.resolve({ id: event.restored?.id })
      if (event.kind === 'ended') started.resolve(undefined)
    },
  })
  return { running, started: started.promise }
}

/** Runs it until it has a checkpoint of its own, and stops it. */
async function live(options: Start): Promise<JobResult> {
  const { running } = start(options)
  while (running.metrics().checkpoints.completed === 0 && running.metrics().state !== 'ended') await new Promise((r) => setTimeout(r, 5))
  await running.stop()
  return await running.done
}

function codeOf(result: JobResult): string | undefined {
  return result.state === 'failed' ? (result.failure.error as MillraceError).code : undefined
}

function folders(): { readonly stateDir: string; readonly dir: string; readonly other: string } {
  const folder = mkdtempSync(join(root, 'job-'))
  return { stateDir: join(folder, 'state'), dir: join(folder, 'checkpoints'), other: join(folder, 'other') }
}

void describe('checkpoints that are not where the job looks for them', () => {
  void it('a folder that was emptied, or is not mounted, is not taken for that of a new job', async () => {
    const { stateDir, dir } = folders()
    assert.equal((await live({ stateDir, dir })).state, 'stopped')
    rmSync(dir, { recursive: true })
    const { running, started } = start({ stateDir, dir })
    assert.equal(await started, undefined, 'nothing has run')
    const refused = await running.done
    assert.equal(codeOf(refused), 'CHECKPOINTS_MISSING')
    assert.match(refused.state === 'failed' ? refused.failure.error.message : '', new RegExp(`last in ${dir}/moved`))
    assert.equal(codeOf(await live({ stateDir, dir })), 'CHECKPOINTS_MISSING', 'not at the next start either')
  })

  void it('whoever says so begins without state, and goes on from there', async () => {
    const { stateDir, dir } = folders()
    await live({ stateDir, dir })
    rmSync(dir, { recursive: true })
    const anew = start({ stateDir, dir, restore: 'none', interval: '1h' })
    assert.deepEqual(await anew.started, { id: undefined })
    await anew.running.cancel()
    const again = start({ stateDir, dir })
    assert.deepEqual(await again.started, { id: undefined }, 'it has been said, and there is no checkpoint since then')
    await again.running.cancel()
    const { lastCheckpoint } = await live({ stateDir, dir })
    const later = start({ stateDir, dir })
    assert.deepEqual(await later.started, { id: lastCheckpoint?.id })
    await later.running.cancel()
    rmSync(dir, { recursive: true })
    assert.equal(codeOf(await live({ stateDir, dir })), 'CHECKPOINTS_MISSING', 'of the new ones, too')
  })

  void it('another place in the options takes the state along only where it is named', async () => {
    const { stateDir, dir, other } = folders()
    const { lastCheckpoint } = await live({ stateDir })
    assert.equal(codeOf(await live({ stateDir, dir })), 'CHECKPOINTS_MISSING')
    const named = start({ stateDir, dir, restore: lastCheckpoint!.path!, interval: '1h' })
    assert.deepEqual(await named.started, { id: lastCheckpoint!.id })
    await named.running.cancel()
    rmSync(dir, { recursive: true })
    const lost = await live({ stateDir, dir })
    assert.equal(codeOf(lost), 'CHECKPOINTS_MISSING', 'where it begins is noted there, and gone as well')
    assert.match(lost.state === 'failed' ? lost.failure.error.message : '', new RegExp(`last in ${dir}/moved`))
    assert.equal((await live({ stateDir, dir: other, restore: lastCheckpoint!.path! })).state, 'stopped')
    assert.equal((await live({ stateDir, dir: other })).state, 'stopped')
  })

  void it('a job that was cancelled, or has had no checkpoint yet, begins without being asked', async () => {
    const { stateDir, dir } = folders()
    await live({ stateDir, dir })
    const { running } = start({ stateDir, dir, retainOnCancel: false })
    await running.cancel()
    const anew = start({ stateDir, dir, interval: '1h' })
    assert.deepEqual(await anew.started, { id: undefined })
    await anew.running.cancel()
    rmSync(dir, { recursive: true })
    const again = start({ stateDir, dir })
    assert.deepEqual(await again.started, { id: undefined })
    await again.running.cancel()
  })

  void it('a state folder that cannot be written costs no checkpoint', async () => {
    const { stateDir, dir } = folders()
    const pending = join(stateDir, 'moved', 'checkpoints-at.pending')
    mkdirSync(pending, { recursive: true }) // in the way of a file
    assert.equal((await live({ stateDir, dir })).state, 'stopped')
    rmSync(pending, { recursive: true })
    assert.equal((await live({ stateDir, dir })).state, 'stopped')
    rmSync(dir, { recursive: true })
    assert.equal(codeOf(await live({ stateDir, dir })), 'CHECKPOINTS_MISSING', 'noted when it could be')
  })
})
