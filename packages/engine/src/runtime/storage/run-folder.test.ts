// Folders of runs that nothing else keeps apart: real ones, on the disk.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { nodeClock, nodeDisk } from '@millrace/core'
import { encodeClaim } from '../../checkpoint/lock/lock-claim.ts'
import { LEASE_MS } from '../../checkpoint/lock/lock-lease.ts'
import { nodeProcesses } from '../../checkpoint/lock/node-processes.ts'
import type { ProcessIdentity } from '../../checkpoint/lock/process-identity.ts'
import { RunFolder } from './run-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-run-folder-'))
after(() => rmSync(folder, { recursive: true }))

const open = (dir: string): RunFolder => new RunFolder({ disk: nodeDisk, clock: nodeClock, dir: join(folder, dir), jobName: 'job' })

/** What a process has left that did not end in order. */
function leave(dir: string, run: number, owner: Partial<ProcessIdentity>): string {
  const path = join(folder, dir, `run-${run}`)
  mkdirSync(join(path, 'lock'), { recursive: true })
  mkdirSync(join(path, 'attempt-7-region-0-slot-0'))
  writeFileSync(join(path, 'attempt-7-region-0-slot-0', '000001.sst'), '')
  const claim = { jobName: 'job', attempt: 7, sinceMs: 0, leaseMs: LEASE_MS, owner: { ...nodeProcesses.self(), ...owner } }
  writeFileSync(join(path, 'lock', 'attempt-7'), encodeClaim(claim))
  return path
}

describe('the folder of a run', () => {
  it('is its own while the run lasts, and empty after it', async () => {
    const first = open('both')
    const second = open('both')
    assert.throws(() => first.path)
    await Promise.all([first.nextAttempt(), second.nextAttempt()])
    assert.notEqual(first.path, second.path)
    for (const run of [first, second]) mkdirSync(join(run.path, 'attempt-1'))
    await first.release()
    assert.deepEqual(readdirSync(first.path), ['lock'])
    assert.ok(existsSync(join(second.path, 'attempt-1')))
    const third = open('both')
    await third.nextAttempt()
    assert.equal(third.path, first.path)
    await second.release()
    await third.release()
  })

  it('is taken over from a process that is gone, and what others that are gone have left is removed', async () => {
    const dead = { startTicks: '1' }
    const left = [leave('killed', 1, dead), leave('killed', 2, {}), leave('killed', 3, dead)]
    const run = open('killed')
    const attempt = await run.nextAttempt()
    assert.equal(run.path, left[0])
    assert.ok(attempt > 7)
    assert.deepEqual(
      left.map((path) => readdirSync(path).length),
      // Of its own folder what an older attempt has left goes when a database is opened.
      [2, 2, 1],
    )
    await run.release()
  })

  it('is not waited for where it cannot be seen whether another lives, if that is not the first free one', async () => {
    const path = leave('unseen', 2, { host: 'elsewhere.invalid' })
    const run = open('unseen')
    await run.nextAttempt()
    assert.match(run.path, /run-1$/)
    assert.equal(readdirSync(path).length, 2)
    await run.release()
  })

  it('says of a disk what it says of that of the state', async () => {
    writeFileSync(join(folder, 'file'), '')
    await assert.rejects(open('file').nextAttempt(), { code: 'STATE_DISK_FAILED' })
  })
})
