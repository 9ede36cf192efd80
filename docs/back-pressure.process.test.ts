// The job of `guide/back-pressure.md`, as it stands there.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable, runJob } from '@millrace/engine'
import { fencesOf } from './snippets.ts'

const root = join(import.meta.dirname, '..')

test('the job of the guide completes unaligned checkpoints with what is in flight', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-pressure-'))
  try {
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
    const fences = fencesOf(readFileSync(join(root, 'docs/guide/back-pressure.md'), 'utf8'))
    const modulePath = join(folder, 'slow.ts')
    writeFileSync(modulePath, fences.find(({ words }) => words.includes('file=slow.ts'))!.text)
    const code = { parallelism: 2, stateDir: join(folder, 'state'), restart: { strategy: 'none' } } as const
    const settings = resolveOptions(engineOptionTable, { code })
    const running = runJob({ modulePath, restore: 'none', params: {}, settings, onEvent: () => {} })
    const completed = (): boolean =>
      running
        .checkpoints()
        .history.some(
          ({ outcome, subtasks }) => outcome.kind === 'completed' && subtasks.some(({ inFlightBytes }) => inFlightBytes > 10_000),
        )
    for (let waitedMs = 0; !completed(); waitedMs += 20) {
      assert.ok(waitedMs < 60_000)
      await sleep(20)
    }
    await running.cancel()
    assert.equal((await running.done).state, 'canceled')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
