// Enumerators that take longer to start than everything else: no checkpoint is without what they have to say.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { defineJob, discard, startJob, type Job, type Source, type Split, type SplitEnumerator } from '../index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-slow-enumerators-'))
after(() => rmSync(folder, { recursive: true }))

interface Life {
  /** What its enumerator was given at the start. */
  restored?: unknown
  /** Ids of the splits that its reader was given. */
  readonly read: string[]
  /** Its reader is open: all that its tasks wait for. */
  readonly opened: PromiseWithResolvers<void>
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
          await starts
          life.restored = restored
          unassigned = (restored as Split[] | undefined) ?? [{ id: 'first' }, { id: 'second' }]
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
        open: () => life.opened.resolve(),
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

it('a job that is stopped while they start has its last checkpoint after that, and goes on from there', async () => {
  const options = { stateDir: folder, checkpointing: { storage: 'filesystem', interval: '1h' } } as const
  const lives: Life[] = []
  for (const isSlow of [false, true, false]) {
    const life: Life = { read: [], opened: Promise.withResolvers() }
    lives.push(life)
    const { promise: starts, resolve: start } = Promise.withResolvers<void>()
    const running = startJob(jobOf(source(life, isSlow ? starts : undefined)), { options, restore: 'latest' })
    await life.opened.promise
    if (!isSlow) while (life.read.length < 2) await turns()
    const stopped = running.stop()
    await turns()
    start()
    await stopped
    assert.equal((await running.done).state, 'stopped')
  }
  assert.deepEqual(
    lives.map(({ restored }) => restored),
    [undefined, [], []],
  )
  assert.deepEqual(lives[2]!.read, ['first', 'second'])
})
