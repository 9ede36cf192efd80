import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable } from '../../config/options.ts'
import type { RunningJob } from '../job-types.ts'
import { runJob } from '../run-job.ts'

const RECORDS = 4_000

function start(folder: string, parallelism: number, recordMs: number): RunningJob {
  return runJob({
    modulePath: join(import.meta.dirname, '../fixtures/slow-job.ts'),
    restore: 'latest',
    params: { records: String(RECORDS), recordMs: String(recordMs), dir: join(folder, 'out') },
    settings: resolveOptions(engineOptionTable, {
      code: {
        parallelism,
        stateDir: join(folder, 'state'),
        checkpointing: { interval: 20, unaligned: true, retainOnCancel: true },
        restart: { strategy: 'none' },
      },
    }),
    onEvent: () => {},
  })
}

void test('what is in flight between threads is restored at another parallelism, each record once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-unaligned-'))
  try {
    const slow = start(folder, 2, 5)
    const inFlight = (): boolean =>
      slow
        .checkpoints()
        .history.some(
          ({ outcome, subtasks }) => outcome.kind === 'completed' && subtasks.some(({ inFlightBytes }) => inFlightBytes > 10_000),
        )
    while (!inFlight()) await sleep(5)
    await slow.cancel()
    const fast = await start(folder, 3, 0).done
    if (fast.state === 'failed') throw fast.failure.error
    const lines = readdirSync(join(folder, 'out'))
      .filter((name) => !name.startsWith('.'))
      .flatMap((name) =>
        readFileSync(join(folder, 'out', name), 'utf8')
          .trimEnd()
          .split('\n'),
      )
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { n: number }).n).toSorted((a, b) => a - b),
      Array.from({ length: RECORDS }, (_, n) => n),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
