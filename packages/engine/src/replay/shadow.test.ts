import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable } from '../config/options.ts'
import { defineJob, discard, files, startJob, type, type Job, type Params } from '../index.ts'
import { shadowRun, type ShadowReport } from './shadow.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-shadow-'))
after(() => rmSync(folder, { recursive: true }))
const input = join(folder, 'lines.txt')
const lines = (from: number, count: number): string => Array.from({ length: count }, (_, n) => `line ${from + n}\n`).join('')

/** Two subtasks, and one file, which one of them reads: the other has ended at once. */
function copies(follow: boolean, openMs = 0): Job<Params> {
  return defineJob('copies', (env) => {
    env
      .fromSource(files({ path: input, follow, discoverEvery: '5ms' }), { uid: 'lines' })
      .parallelism(2)
      .process({
        emits: type<string>(),
        async open() {
          await sleep(openMs)
        },
        onElement: (line, ctx) => ctx.emit(line),
      })
      .uid('copy')
      .sinkTo(discard())
      .uid('out')
  })
}

const settings = resolveOptions(engineOptionTable, {})
let checkpoint = ''

before(async () => {
  writeFileSync(input, lines(0, 10))
  const running = startJob(copies(true), {
    options: { stateDir: join(folder, 'state'), checkpointing: { storage: 'filesystem', interval: '5ms' } },
  })
  while (running.metrics().checkpoints.completed === 0) await sleep(2)
  await running.stop()
  checkpoint = (await running.done).lastCheckpoint!.path!
  writeFileSync(input, lines(0, 1_010))
})

async function shadow(job: Job<Params>, until: number, idleMs: number): Promise<ShadowReport> {
  const version = { job, params: {} }
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
  it('ends where one subtask of a source has ended, and another has more', { timeout: 10_000 }, async () => {
    const { records, same } = await shadow(copies(false), 5, 60_000)
    assert.deepEqual([records, same], [5, true])
  })

  it('takes sources to give nothing only once they run', { timeout: 10_000 }, async () => {
    const { records, same } = await shadow(copies(true, 80), 1_000_000, 25)
    assert.deepEqual([records, same], [1_000, true])
  })
})
