// Enumerators that take longer to start than everything else: nothing is opened before, and no checkpoint is without what they have to say.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import type { MillraceError } from '@millrace/core'
import { defineJob, discard, startJob, type Job, type RunningJob, type Source, type Split, type SplitEnumerator } from '../../index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-slow-enumerators-'))
after(() => rmSync(folder, { recursive: true }))

interface Life {
  /** What its enumerator was given at the start. */
  restored?: unknown
  /** Ids of the splits that its reader was given. */
  readonly read: string[]
  /** Its enumerator is being started. */
  readonly starting: PromiseWithResolvers<void>
  /** Its reader is open. */
  isOpen: boolean
}

/** Two splits, for good; the enumerator starts when `starts` resolves. */
function source(life: Life, starts: Promise<void> | undefined): Source<string> {
  return {
    connector: 'slow',
    replayable: true,
    bounded: false,
    createEnumerator: (context) => {
      let unassigned: Split[] = []
      return {
        start: async (restored) => {
          life.restored = restored
          life.starting.resolve()
          await starts
          unassigned = [...((restored as Split[] | undefined) ?? [{ id: 'first' }, { id: 'second' }])]
        },
        addSplitsBack: (splits) => void unassigned.push(...splits),
        addReader: (subtask) => context.assign(subtask, unassigned.splice(0)),
        snapshot: () => [...unassigned],
        close() {},
      } satisfies SplitEnumerator
    },
    createReader: () => {
      const splits: Split[] = []
      return {
        open: () => {
          life.isOpen = true
        },
        addSplits: (added) => {
          splits.push(...added)
          life.read.push(...added.map(({ id }) => id))
        },
        noMoreSplits() {},
        poll: () => 'wait',
        snapshot: () => [...splits],
        close() {},
      }
    },
  }
}

function jobOf(slow: Source<string>): Job {
  return defineJob('slow-enumerators', (env) => void env.fromSource(slow, { uid: 'slow' }).sinkTo(discard()).uid('nothing'))
}

const turns = async (): Promise<void> => {
  for (let count = 0; count < 100; count++) await new Promise((resolve) => setImmediate(resolve))
}

const begun = (): Life => ({ read: [], starting: Promise.withResolvers(), isOpen: false })

/** The job as it is, with an enumerator that is being started. */
async function start(life: Life, starts?: Promise<void>): Promise<RunningJob> {
  const options = { stateDir: folder, checkpointing: { storage: 'filesystem', interval: '1ms' } } as const
  const running = startJob(jobOf(source(life, starts)), { options, restore: 'latest' })
  await life.starting.promise
  return running
}

async function runs(life: Life, running: RunningJob): Promise<void> {
  while (life.read.length < 2 || running.checkpoints().counts.completed === 0) await turns()
}

it('a job whose enumerators take their time opens nothing and takes no checkpoint before they have started; one that is stopped meanwhile has changed nothing', async () => {
  const first = begun()
  const running = await start(first)
  await runs(first, running)
  await running.stop()

  const stopped = begun()
  const { promise: never, resolve: end } = Promise.withResolvers<void>()
  const second = await start(stopped, never)
  const dir = join(folder, 'savepoints')
  const asked = second.savepoint({ dir }).catch((error: unknown) => (error as MillraceError).code)
  while (!existsSync(dir) || readdirSync(dir).length === 0) await turns()
  for (let count = 0; count < 10; count++) await turns()
  const result = second.stop()
  end()
  await result
  assert.equal((await second.done).state, 'stopped')
  assert.equal(await asked, 'SAVEPOINT_JOB_ENDED')
  assert.deepEqual([stopped.isOpen, second.checkpoints().counts.triggered, stopped.read], [false, 0, []])

  const slow = begun()
  const { promise: starts, resolve: go } = Promise.withResolvers<void>()
  const third = await start(slow, starts)
  await turns()
  assert.deepEqual([slow.isOpen, third.checkpoints().counts.triggered], [false, 0])
  go()
  await runs(slow, third)
  await third.stop()
  assert.deepEqual([first.restored, stopped.restored, slow.restored], [undefined, [], []])
  assert.deepEqual(slow.read, ['first', 'second'])
})

it('a job that ends while an enumerator waits for something outside keeps nobody waiting, and starts no other', async () => {
  const starting = Promise.withResolvers<void>()
  let began = 0
  const waits: Source<string> = {
    ...source(begun(), undefined),
    createEnumerator: ({ stopped }) => ({
      start: async () => {
        began++
        starting.resolve()
        await new Promise<void>((resolve) => stopped?.addEventListener('abort', () => resolve()))
      },
      addSplitsBack() {},
      addReader() {},
      snapshot() {},
      close() {},
    }),
  }
  const job = defineJob('waits', (env) => {
    const [one, other] = ['one', 'other'].map((uid) => env.fromSource(waits, { uid }))
    one!.union(other!).sinkTo(discard())
  })
  const running = startJob(job)
  await starting.promise
  await running.stop()
  assert.deepEqual([(await running.done).state, began], ['stopped', 1])
})

it('a job that is told to stop before there is anything to be told does not start', async () => {
  const life = begun()
  const running = startJob(jobOf(source(life, undefined)))
  await running.stop()
  assert.deepEqual([(await running.done).state, life.isOpen], ['stopped', false])
})
