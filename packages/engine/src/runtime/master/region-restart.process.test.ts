import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable } from '../../config/options.ts'
import type { JobEvent } from '../job-types.ts'
import { runJob } from '../run-job.ts'

const RECORDS = 1_200
const PARALLELISM = 2

function linesOf(path: string): readonly string[] {
  return readFileSync(path, 'utf8').trimEnd().split('\n')
}

/** Of each key every count once. */
function checkPart(dir: string): void {
  const rows = readdirSync(dir)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => linesOf(join(dir, name)).filter((line) => line !== ''))
    .map((line) => JSON.parse(line) as { readonly key: number; readonly count: number })
  const seen = new Set(rows.map(({ key, count }) => `${key}/${count}`))
  assert.equal(rows.length, RECORDS)
  assert.equal(seen.size, RECORDS)
  for (let key = 0; key < 7; key++) assert.ok(seen.has(`${key}/${Math.ceil((RECORDS - key) / 7)}`))
}

async function run(how: 'throw' | 'exit'): Promise<{ readonly folder: string; readonly events: readonly JobEvent[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-regions-'))
  const events: JobEvent[] = []
  const running = runJob({
    modulePath: join(import.meta.dirname, '../fixtures/two-part-job.ts'),
    restore: 'none',
    params: { dir: folder, records: String(RECORDS), how },
    settings: resolveOptions(engineOptionTable, {
      code: {
        parallelism: PARALLELISM,
        stateDir: join(folder, 'state'),
        checkpointing: { interval: 50 },
        restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 2, delay: 100 } },
        crashCapsules: { enabled: false },
      },
    }),
    onEvent: (event) => {
      events.push(event)
      // The other part waits for this with half of its records.
      if (event.kind === 'restarting') writeFileSync(join(folder, 'restarting'), '')
    },
  })
  const result = await running.done
  if (result.state === 'failed') throw result.failure.error
  assert.equal(result.restarts, 1)
  return { folder, events }
}

for (const [how, problem] of [
  ['throw', /three hundred is too much/],
  ['exit', /process\.exit\(3\)/],
] as const) {
  void test(`one part of a job starts again on new threads (${how}), the other goes on: each record once in both`, async () => {
    const { folder, events } = await run(how)
    try {
      for (const part of ['left', 'right']) checkPart(join(folder, part))
      const [restarting, restarted] = [events.find((event) => event.kind === 'restarting'), events.find(isRestarted)]
      assert.match(restarting?.failure.error.message ?? '', problem)
      assert.ok(restarting?.region?.tasks.some((task) => task.includes('left-map')))
      assert.ok(restarted?.restored !== undefined, 'from a checkpoint')
      assert.equal(events.filter(({ kind }) => kind === 'started').length, 1)

      const threads = { left: linesOf(join(folder, 'left-threads')), right: linesOf(join(folder, 'right-threads')) }
      assert.equal(threads.right.length, PARALLELISM)
      assert.ok(threads.left.length > PARALLELISM)
      assert.equal(new Set(threads.left).size, threads.left.length, 'none of the failed part’s threads is used again')
      const during = linesOf(join(folder, 'right-times')).filter((ms) => Number(ms) > restarting!.timeMs && Number(ms) < restarted.timeMs)
      assert.ok(during.length > 0, 'the other part worked while the failed one was down')
      assert.equal(linesOf(join(folder, 'right-times')).length, RECORDS / 10, 'and has done nothing again')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
}

function isRestarted(event: JobEvent): event is Extract<JobEvent, { kind: 'region-restarted' }> {
  return event.kind === 'region-restarted'
}
