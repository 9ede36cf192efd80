import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { LogRecord } from '@millrace/core'
import { defineJob, generator, startJob, type RunningJob, type Sink } from '../../index.ts'
import { execute } from '../execute.ts'

it('a commit of the last checkpoint that fails is a failure of the job', async () => {
  const sink: Sink<number> = {
    connector: 'none',
    delivery: 'exactly-once',
    createWriter: () => ({
      open() {},
      write() {},
      prepare: async () => ['handle'],
      commit: async () => {
        throw new Error('the handle is refused')
      },
      close() {},
    }),
  }
  const job = defineJob('ends', (env) => void env.fromCollection([1]).sinkTo(sink))
  await assert.rejects(execute(job, { options: { restart: { strategy: 'none' } } }), /the handle is refused/)
})

/** Stages the records of each checkpoint; `commit` says how long it takes to make them visible. */
class StagingSink implements Sink<number> {
  readonly connector = 'staging'
  readonly delivery = 'exactly-once'
  readonly #commit: () => Promise<void>
  #written: number[] = []
  readonly visible: number[] = []
  /** Batches, and how many there were at most. */
  staged = 0
  stagedMax = 0

  constructor(commit: () => Promise<void>) {
    this.#commit = commit
  }

  createWriter(): ReturnType<Sink<number>['createWriter']> {
    return {
      open() {},
      write: (value) => void this.#written.push(value),
      prepare: async () => {
        this.staged++
        this.stagedMax = Math.max(this.stagedMax, this.staged)
        return [this.#written.splice(0)]
      },
      commit: async (handles) => {
        await this.#commit()
        this.staged--
        this.visible.push(...(handles as readonly (readonly number[])[]).flat())
      },
      close() {},
    }
  }
}

function start(sink: Sink<number>, log: (record: LogRecord) => void, count?: number): RunningJob {
  const numbers = generator({ generate: (n) => n, ratePerSecond: 2_000, ...(count === undefined ? {} : { count }) })
  const job = defineJob(
    'commits-slowly',
    (env) => void env.fromSource(numbers, { uid: 'numbers' }).sinkTo(sink).name('slow output').uid('out'),
  )
  return startJob(job, { log, options: { checkpointing: { interval: '5ms' } } })
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    assert.ok(waited < 10_000, 'it does not come to it')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

describe('commits that take longer than the interval', () => {
  it('hold checkpoints back: as few are staged as can be committed, all is visible in order, and it is said once', async () => {
    const sink = new StagingSink(() => new Promise((resolve) => setTimeout(resolve, 50)))
    const warnings: string[] = []
    const job = start(sink, ({ message }) => void warnings.push(message), 1_000)
    assert.equal((await job.done).state, 'finished')
    assert.ok(sink.stagedMax <= 3, `${sink.stagedMax} were staged: two that wait for their commits, and the last one of the job`)
    assert.deepEqual([sink.staged, job.metrics().checkpoints.committing], [0, 0])
    assert.deepEqual(
      sink.visible,
      Array.from({ length: 1_000 }, (_, n) => n),
    )
    assert.deepEqual(
      warnings.map((message) => message.split(':')[0]),
      ['slow output takes longer to commit a checkpoint than checkpointing.interval'],
    )
  })

  it('keep no savepoint waiting, and a stop waits for them', async () => {
    const hanging = Promise.withResolvers<void>()
    const sink = new StagingSink(() => hanging.promise)
    const folder = mkdtempSync(join(tmpdir(), 'millrace-commits-'))
    const job = start(sink, () => {})
    try {
      await until(() => job.metrics().checkpoints.completed === 2)
      assert.equal(job.metrics().checkpoints.committing, 2)
      await job.savepoint({ dir: folder })
      assert.deepEqual([job.metrics().checkpoints.completed, sink.visible], [4, []], 'the savepoint, and one more for it')
      const stopped = job.stop()
      await until(() => job.metrics().checkpoints.completed === 5)
      assert.deepEqual(sink.visible, [])
      hanging.resolve()
      await stopped
      assert.equal((await job.done).state, 'stopped')
      assert.deepEqual([sink.staged, sink.visible.length > 0], [0, true])
      assert.equal(job.metrics().checkpoints.committing, 0)
      assert.ok(sink.visible.every((value, at) => value === at))
    } finally {
      hanging.resolve()
      await job.cancel()
      rmSync(folder, { recursive: true })
    }
  })
})
