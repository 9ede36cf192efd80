// Whose a snapshot is that a job was started from: real jobs, in real folders.
import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { MillraceError, type Duration } from '@millrace/core'
import { defineJob, discard, generator, reducing, startJob, type, type Job, type JobEvent, type RunningJob } from '../index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-claims-'))
after(() => rmSync(folder, { recursive: true }))

/** `seen`: what the first record of this run found in its state. */
function job(name: string, seen: number[] = [], uid = 'count'): Job {
  return defineJob(name, (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000 }), { uid: 'numbers' })
      .keyBy(() => 'all')
      .process({
        emits: type<number>(),
        state: { count: reducing<number>((a, b) => a + b) },
        onElement(n, ctx) {
          seen.push(n - (ctx.state.count.get() ?? 0))
          ctx.state.count.add(1)
        },
      })
      .uid(uid)
      .sinkTo(discard())
  })
}

interface Start {
  readonly restore?: string
  readonly claimMode?: 'claim' | 'no-claim' | 'legacy'
  readonly numRetained?: number
  readonly interval?: Duration
  readonly said?: string[]
}

function start(it: Job, { restore = 'latest', said = [], ...checkpointing }: Start = {}): RunningJob {
  const onEvent = (event: JobEvent): void => void (event.kind === 'log' && said.push(event.record.message))
  const options = { stateDir: join(folder, 'state'), checkpointing: { storage: 'filesystem', interval: '10ms', ...checkpointing } } as const
  return startJob(it, { restore, options, onEvent })
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    assert.ok(waited < 10_000)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const completed = (running: RunningJob): number => running.checkpoints().counts.completed

async function savepointOf(name: string): Promise<string> {
  const running = start(job(name))
  await until(() => completed(running) > 1)
  const savepoint = await running.stop({ savepoint: { dir: join(folder, 'savepoints') } })
  return savepoint!.path!
}

const jobFolder = (name: string): string => join(folder, 'state', name, 'checkpoints')
const rightly = (seen: readonly number[]): void => assert.deepEqual([...new Set(seen)], [0], 'each record found all before it counted')

void describe('a snapshot that a job was started from', () => {
  // option: checkpointing.claimMode
  it('no-claim: stays, and is not needed after the first checkpoint', async () => {
    const savepoint = await savepointOf('kept')
    const seen: number[] = []
    const running = start(job('kept-on', seen), { restore: savepoint })
    await until(() => completed(running) > 2)
    assert.ok(existsSync(savepoint))
    rmSync(savepoint, { recursive: true })
    await until(() => completed(running) > 4)
    await running.stop()
    const again = start(job('kept-on', seen))
    await until(() => completed(again) > 0)
    await again.stop()
    rightly(seen)
  })

  it('is said to be of another job, by whoever starts from it, and by the error where it does not fit', async () => {
    const savepoint = await savepointOf('writer')
    const written = "the savepoint was written by job 'writer'"
    const said: string[] = []
    const running = start(job('reader'), { restore: savepoint, said })
    await until(() => completed(running) > 0)
    await running.stop()
    assert.equal(said.filter((message) => message.startsWith(`${written} and is restored by job 'reader'`)).length, 1)
    said.length = 0
    for (const [name, restore] of [
      ['reader', 'latest'],
      ['writer', savepoint],
    ] as const) {
      const own = start(job(name), { restore, said })
      await until(() => completed(own) > 0)
      await own.stop()
    }
    assert.deepEqual(
      said.filter((message) => message.includes('written by job')),
      [],
    )
    const other = await start(job('unlike', [], 'counts'), { restore: savepoint }).done
    assert.equal(other.state, 'failed')
    const text = other.state === 'failed' ? String(other.failure.error) : ''
    assert.match(text, /Savepoint \d+ of job "writer" holds state of operator "[^"]*" \(count\), which job "unlike" does not have/)
  })

  it('claim: is removed once as many newer ones are complete as are retained', async () => {
    const savepoint = await savepointOf('claimed')
    const seen: number[] = []
    const running = start(job('claimed-on', seen), { restore: savepoint, claimMode: 'claim', numRetained: 3, interval: '60ms' })
    await until(() => completed(running) > 1)
    const isThere = existsSync(savepoint)
    // On a busy machine the third may be complete by now.
    if (completed(running) === 2) assert.ok(isThere, 'two newer ones are not three')
    await until(() => completed(running) > 2 && !existsSync(savepoint))
    await running.stop()
    assert.ok(!existsSync(join(jobFolder('claimed-on'), 'origin')))
    rightly(seen)
  })

  it('claim: of another job’s checkpoint goes what no other checkpoint there needs', async () => {
    const first = start(job('other'), { numRetained: 3 })
    await until(() => completed(first) > 5)
    await first.stop()
    const folders = readdirSync(jobFolder('other')).filter((name) => name.startsWith('chk-'))
    const newest = folders.toSorted((a, b) => Number(b.slice(4)) - Number(a.slice(4)))[0]!
    const files = readdirSync(join(jobFolder('other'), 'shared'))
    const seen: number[] = []
    const running = start(job('other-on', seen), { restore: join(jobFolder('other'), newest), claimMode: 'claim' })
    await until(() => completed(running) > 1)
    await running.stop()
    assert.ok(!existsSync(join(jobFolder('other'), newest)))
    assert.ok(readdirSync(join(jobFolder('other'), 'shared')).length < files.length)
    const others = start(job('other', seen))
    await until(() => completed(others) > 0)
    await others.stop()
    rightly(seen)
  })

  it('claim: a checkpoint of a job that runs is refused, by name, and nothing is changed', async () => {
    const seen: number[] = []
    const builder = start(job('builder', seen), { numRetained: 1_000 })
    await until(() => completed(builder) > 2)
    const checkpoint = join(jobFolder('builder'), 'chk-2')
    const result = await start(job('claimer'), { restore: checkpoint, claimMode: 'claim' }).done
    assert.ok(result.state === 'failed' && result.failure.error instanceof MillraceError)
    assert.equal(result.failure.error.code, 'CLAIM_OF_RUNNING_JOB')
    assert.match(
      result.failure.error.message,
      new RegExp(`chk-2 cannot be claimed.*: builder, process ${process.pid} on .*millrace stop builder`),
    )
    assert.ok(!existsSync(join(jobFolder('claimer'), 'origin')))
    assert.ok(existsSync(checkpoint))
    await builder.stop()
    assert.equal((await builder.done).state, 'stopped')
    rightly(seen)
  })

  it('claim: what was claimed stays where its job was started again meanwhile', async () => {
    const seen: number[] = []
    const former = start(job('former', seen), { numRetained: 1_000 })
    await until(() => completed(former) > 0)
    await former.stop()
    const checkpoint = join(jobFolder('former'), 'chk-1')
    const claiming: number[] = []
    const claimer = start(job('later', claiming), { restore: checkpoint, claimMode: 'claim', interval: '1h' })
    await until(() => claiming.length > 0)
    const again = start(job('former', seen), { numRetained: 1_000 })
    await until(() => completed(again) > 0)
    await claimer.stop()
    assert.equal((await claimer.done).state, 'stopped')
    assert.ok(existsSync(checkpoint))
    assert.ok(!existsSync(join(jobFolder('later'), 'origin')), 'it is not its own any more')
    await again.stop()
    assert.equal((await again.done).state, 'stopped')
    rightly([...seen, ...claiming])
  })

  it('claim: goes with the others when the job is cancelled', async () => {
    const savepoint = await savepointOf('cancelled')
    const seen: number[] = []
    const running = start(job('cancelled-on', seen), { restore: savepoint, claimMode: 'claim', interval: '1h' })
    await until(() => seen.length > 0)
    assert.ok(existsSync(join(jobFolder('cancelled-on'), 'origin')))
    await running.cancel()
    assert.ok(!existsSync(savepoint))
    rightly(seen)
  })

  it('claim: after a crash before the first checkpoint it is the latest; who starts from something else gives it back', async () => {
    const savepoint = await savepointOf('crash')
    const before = start(job('crash-on'))
    await until(() => completed(before) > 1)
    await before.stop()
    const seen: number[] = []
    const first = start(job('crash-on', seen), { restore: savepoint, claimMode: 'claim', interval: '1h' })
    await until(() => seen.length > 0)
    const dead = join(folder, 'dead')
    cpSync(jobFolder('crash-on'), join(dead, 'checkpoints'), { recursive: true })
    cpSync(savepoint, join(dead, 'savepoint'), { recursive: true })
    await first.cancel()
    const revive = (): void => {
      rmSync(jobFolder('crash-on'), { recursive: true })
      cpSync(join(dead, 'checkpoints'), jobFolder('crash-on'), { recursive: true })
      cpSync(join(dead, 'savepoint'), savepoint, { recursive: true })
      rmSync(join(jobFolder('crash-on'), 'lock'), { recursive: true })
    }
    revive()
    const second = start(job('crash-on', seen))
    await until(() => completed(second) > 0 && !existsSync(savepoint))
    await second.stop()
    rightly(seen)
    revive()
    const third = start(job('crash-on', seen), { restore: 'none' })
    await until(() => completed(third) > 2)
    await third.stop()
    assert.ok(existsSync(savepoint))
    assert.ok(!existsSync(join(jobFolder('crash-on'), 'origin')))
  })

  it('legacy: is refused by name', async () => {
    const { done } = start(job('legacy'), { claimMode: 'legacy' })
    const result = await done
    assert.ok(result.state === 'failed' && result.failure.error instanceof MillraceError)
    assert.equal(result.failure.error.code, 'CLAIM_MODE_LEGACY')
  })
})
