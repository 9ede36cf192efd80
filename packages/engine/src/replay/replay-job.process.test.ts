// A checkpoint of a job that runs on RocksDB, replayed beside it with the very same options.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable } from '../config/options.ts'
import { defineJob, discard, generator, startJob, type, value, type JobEvent } from '../index.ts'
import { rocksdbPackage } from '../state/rocksdb/rocksdb-binding.ts'
import { replayJob } from './replay-job.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-replay-job-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const KEYS = 5_000

/** More state than the cache holds. */
const job = defineJob('counts', (env) => {
  env
    .fromSource(generator({ generate: (n) => n, ratePerSecond: 3_000 }), { uid: 'numbers' })
    .keyBy((n) => n % KEYS)
    .process({
      emits: type<{ n: number; count: number }>(),
      state: { seen: value<{ count: number; text: string }>() },
      onElement(n, ctx) {
        const count = (ctx.state.seen.get()?.count ?? 0) + 1
        ctx.state.seen.set({ count, text: `the text of ${n}`.padEnd(500) })
        ctx.emit({ n, count })
      },
    })
    .uid('count')
    .sinkTo(discard())
    .uid('out')
})

const options = {
  stateDir: join(folder, 'state'),
  state: { backend: 'rocksdb', cacheSize: '1MiB' },
  checkpointing: { storage: 'filesystem', interval: '100ms', numRetained: 50 },
  restart: { strategy: 'none' },
} as const

/** The one that the repository installs. */
const skip = rocksdbPackage() === '@harperfast/rocksdb-js-linux-x64-glibc' ? false : `no binding is installed for ${rocksdbPackage()}`

describe('a replay beside the job', { skip }, () => {
  it('leaves the databases of the job alone, and nothing behind', async () => {
    const databases = (): string[] => readdirSync(join(options.stateDir, 'counts', 'rocksdb')).toSorted()
    const replays = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('millrace-replay-') && !folder.endsWith(name))
    let newest: string | undefined
    const onEvent = (event: JobEvent): void => {
      if (event.kind === 'checkpoint-completed') newest = event.checkpoint.path
    }
    const running = startJob(job, { options, onEvent })
    const checkpoints = (): number => running.checkpoints().counts.completed
    const until = async (count: number): Promise<void> => {
      while (checkpoints() < count && running.metrics().state !== 'ended') await sleep(10)
    }
    await until(10)
    const before = databases()
    assert.ok(before.length > 0)
    const replaysBefore = replays()
    const settings = resolveOptions(engineOptionTable, { code: options })
    let outputs = 0
    const replay = await replayJob({
      job,
      params: {},
      checkpoint: newest!,
      allowNonRestoredState: false,
      settings,
      until: 1_000,
      output: (_, row) => {
        const { n, count } = row as { n: number; count: number }
        assert.equal(count, Math.floor(n / KEYS) + 1)
        outputs++
      },
      onEvent: () => {},
    })
    assert.equal((await replay.done).state, 'stopped')
    assert.equal(outputs, 1_000)
    assert.deepEqual(databases(), before)
    assert.deepEqual(replays(), replaysBefore)
    await until(checkpoints() + 10)
    await running.stop()
    const result = await running.done
    assert.equal(result.state, 'stopped', result.state === 'failed' ? String(result.failure.error) : '')
  })
})
