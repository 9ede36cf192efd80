import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable } from '../config/options.ts'
import { defineJob, discard, files, startJob, type } from '../index.ts'
import { replayJob } from './replay-job.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-partly-finished-'))
after(() => rmSync(folder, { recursive: true }))

/** One file, which one of the subtasks reads: the other finishes at once. */
const job = defineJob('partly', (env) => {
  env
    .fromSource(files({ path: join(folder, 'lines.txt') }), { uid: 'lines' })
    .process({ emits: type<string>(), onElement: (line, ctx) => ctx.emit(line), finish: (ctx) => ctx.emit('the end') })
    .uid('copy')
    .sinkTo(discard())
    .uid('out')
})

void test('a job of several subtasks of which some had finished is replayed as well', async () => {
  writeFileSync(join(folder, 'lines.txt'), 'line\n'.repeat(5_000))
  const running = startJob(job, {
    parallelism: 2,
    options: {
      stateDir: join(folder, 'state'),
      checkpointing: { storage: 'filesystem', interval: '5ms' },
      sources: { maxRecordsPerSecond: 1_000 },
    },
  })
  while (running.metrics().checkpoints.completed < 3) await sleep(2)
  await running.stop()
  const checkpoint = (await running.done).lastCheckpoint!.path!
  const seen: unknown[] = []
  const replayed = await replayJob({
    job,
    params: {},
    checkpoint,
    allowNonRestoredState: false,
    settings: resolveOptions(engineOptionTable, {}),
    until: 3,
    output: (_, value) => void seen.push(value),
    onEvent: () => {},
  })
  assert.equal((await replayed.done).state, 'stopped')
  assert.deepEqual(seen, ['line', 'line', 'line'])
})
