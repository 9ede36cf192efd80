import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable } from '../config/options.ts'
import { defineJob, discard, files, generator, startJob, type, type Job, type Params } from '../index.ts'
import { shadowRun, type ShadowReport } from './shadow.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-shadow-'))
after(() => rmSync(folder, { recursive: true }))
const input = join(folder, 'lines.txt')
const lines = (from: number, count: number): string => Array.from({ length: count }, (_, n) => `line ${from + n}\n`).join('')

/** Two subtasks, and one file, which one of them reads: the other has ended at once. */
const copies = (follow: boolean): Job<Params> =>
  defineJob('copies', (env) => {
    env
      .fromSource(files({ path: input, follow, discoverEvery: '5ms' }), { uid: 'lines' })
      .parallelism(2)
      .sinkTo(discard())
      .uid('out')
  })

const NUMBERS = 1_000

/** All of it is read as soon as it is open. */
const slowToOpen = (openMs: number): Job<Params> =>
  defineJob('numbers', (env) => {
    env
      .fromSource(generator({ count: NUMBERS, generate: (n) => n }), { uid: 'numbers' })
      .process({
        emits: type<number>(),
        async open() {
          await sleep(openMs)
        },
        onElement: (n, ctx) => ctx.emit(n),
      })
      .uid('copy')
      .sinkTo(discard())
      .uid('out')
  })

/** Of a job that has only begun. */
async function checkpointOf(job: Job<Params>): Promise<string> {
  const running = startJob(job, {
    options: {
      stateDir: join(folder, 'state'),
      checkpointing: { storage: 'filesystem', interval: '5ms' },
      sources: { maxRecordsPerSecond: 100 },
    },
  })
  while (running.metrics().checkpoints.completed === 0) await sleep(2)
  await running.stop()
  return (await running.done).lastCheckpoint!.path!
}

async function shadow(job: Job<Params>, checkpoint: string, until: number, idleMs: number): Promise<ShadowReport> {
  const version = { job, params: {} }
  const settings = resolveOptions(engineOptionTable, {})
  const report = await shadowRun({
    old: version,
    recent: version,
    checkpoint,
    allowNonRestoredState: false,
    settings,
    until,
    idleMs,
    onEvent: () => {},
  })
  assert.ok(!('failed' in report))
  return report
}

describe('a shadow run', () => {
  it('ends where one subtask of a source has ended, and another has more', { timeout: 60_000 }, async () => {
    writeFileSync(input, lines(0, 10))
    const checkpoint = await checkpointOf(copies(true))
    writeFileSync(input, lines(0, 1_010))
    const { records, same } = await shadow(copies(false), checkpoint, 5, 30 * 86_400_000)
    assert.deepEqual([records, same], [5, true])
  })

  it('takes sources to give nothing only once they run', { timeout: 60_000 }, async () => {
    const checkpoint = await checkpointOf(slowToOpen(0))
    const { records, same } = await shadow(slowToOpen(80), checkpoint, 1_000_000, 25)
    assert.ok(records > NUMBERS / 2)
    assert.ok(same)
  })
})
