import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable, type EngineOptionInput } from '../../config/options.ts'
import type { JobEvent, JobResult } from '../job-types.ts'
import { runJob } from '../run-job.ts'

const modulePath = join(import.meta.dirname, '../fixtures/misbehaving-job.ts')
const blockingImport = join(import.meta.dirname, '../fixtures/blocking-import-job.ts')

async function run(
  how: string,
  inspectFolder?: (stateDir: string) => void,
  options: EngineOptionInput = {},
  onEvent: (event: JobEvent) => void = () => {},
): Promise<JobResult> {
  const stateDir = mkdtempSync(join(tmpdir(), 'millrace-misbehaving-'))
  try {
    const settings = resolveOptions(engineOptionTable, { code: { stateDir, ...options } })
    const result = await runJob({ modulePath, restore: 'none', params: { how }, settings, onEvent }).done
    inspectFolder?.(stateDir)
    return result
  } finally {
    rmSync(stateDir, { recursive: true, force: true })
  }
}

function code(result: JobResult): string | undefined {
  return result.state === 'failed' ? (result.failure.error as { code?: string }).code : undefined
}

describe('a crash capsule', () => {
  it('is written for its owner alone and fails again in the same place', async () => {
    let replayed: ReturnType<typeof spawnSync> | undefined
    let mode = 0
    const result = await run('throw', (stateDir) => {
      const dir = join(stateDir, 'misbehaving/crashes')
      const file = join(dir, readdirSync(dir)[0]!)
      mode = statSync(file).mode & 0o777
      replayed = spawnSync(process.execPath, ['--conditions=@millrace/source', file], { encoding: 'utf8' })
    })
    assert.ok(result.state === 'failed' && result.failure.capsule !== undefined)
    assert.equal(mode, 0o600)
    assert.notEqual(replayed?.status, 0)
    assert.match(String(replayed?.stderr), /ten is too much/)
  })
  it('is not written where crashCapsules.enabled is false', async () => {
    let left: readonly string[] = []
    const result = await run('throw', (stateDir) => (left = readdirSync(join(stateDir, 'misbehaving'))), {
      crashCapsules: { enabled: false },
    })
    assert.ok(result.state === 'failed' && result.failure.operator === 'culprit' && result.failure.capsule === undefined)
    assert.ok(!left.includes('crashes'), left.join(' '))
  })
  it('that cannot be written is told', async () => {
    const logged: string[] = []
    const result = await run('throw on an instance', undefined, {}, (event) => {
      if (event.kind === 'log') logged.push(event.record.message)
    })
    assert.ok(result.state === 'failed' && result.failure.capsule === undefined)
    assert.match(logged.join('\n'), /^no crash capsule is written about this failure: .*Instance/m)
  })
})

describe('user code that misbehaves on a worker', () => {
  it('that throws is named with its operator and its own stack', async () => {
    const result = await run('throw')
    assert.equal(result.state, 'failed')
    assert.equal(result.failure.operator, 'culprit')
    assert.match(String(result.failure.error.stack), /misbehaving-job\.ts/)
  })
  it('that calls process.exit', async () => assert.equal(code(await run('exit')), 'WORKER_EXITED'))
  it('that leaves a rejection unhandled', async () => assert.equal(code(await run('reject')), 'UNHANDLED_REJECTION'))
  it('that throws in a callback', async () => assert.equal(code(await run('callback')), 'UNCAUGHT_EXCEPTION'))
  it('that uses up all memory', () => {
    // In a process with a small heap, so that it does not take long. Now and then V8 gives up the whole process before Node can stop the thread: that says nothing about us.
    const program = join(import.meta.dirname, '../fixtures/run-misbehaving.ts')
    const flags = ['--conditions=@millrace/source', '--max-old-space-size=160', program, 'memory']
    for (let tries = 1; ; tries++) {
      const stateDir = mkdtempSync(join(tmpdir(), 'millrace-misbehaving-'))
      const { stdout, signal } = spawnSync(process.execPath, [...flags, stateDir], { encoding: 'utf8' })
      rmSync(stateDir, { recursive: true, force: true })
      if (signal === 'SIGABRT' && tries < 5) continue
      assert.match(stdout, /WORKER_OUT_OF_MEMORY/)
      return
    }
  })
  it('that never returns', async () => assert.equal(code(await run('loop', undefined, { stuckTimeout: '2s' })), 'WORKER_STUCK'))
  it('whose module never comes to its end when a thread imports it', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'millrace-misbehaving-'))
    const settings = resolveOptions(engineOptionTable, { code: { stateDir, stuckTimeout: '1s' } })
    const result = await runJob({ modulePath: blockingImport, restore: 'none', params: {}, settings, onEvent: () => {} }).done
    rmSync(stateDir, { recursive: true, force: true })
    assert.equal(code(result), 'WORKER_NOT_STARTED')
  })
  it('but not that which only waits for long, though it is asked nothing meanwhile', async () =>
    assert.equal((await run('open slowly', undefined, { stuckTimeout: '4s' })).state, 'finished'))
})
