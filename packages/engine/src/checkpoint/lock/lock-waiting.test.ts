// A job that is to end while it looks on whether an instance elsewhere still holds its lock: real jobs, in real folders.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { nodeClock, nodeRandom } from '@millrace/core'
import { defineJob, discard, startJob, type Job, type JobResult } from '../../index.ts'
import { encodeClaim, type LockClaim } from './lock-claim.ts'
import { LEASE_MS } from './lock-lease.ts'
import { ObjectLock } from '../object-store/object-lock.ts'
import { ObjectStoreError, type ObjectStore } from '../object-store/object-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-lock-waiting-'))
after(() => rmSync(folder, { recursive: true }))

/** Of an instance that nobody here can see. */
const claim = (jobName: string): LockClaim => ({
  jobName,
  attempt: 1,
  sinceMs: 0,
  leaseMs: LEASE_MS,
  owner: { host: 'elsewhere.invalid', bootId: undefined, pidNamespace: undefined, pid: 1, startTicks: undefined },
})

const job = (name: string): Job => defineJob(name, (env) => void env.fromCollection([1], { uid: 'one' }).sinkTo(discard()))
const options = { stateDir: folder, checkpointing: { storage: 'filesystem', retainOnCancel: false } } as const

/** What has become of a job that was told to end as soon as it waited, and the files that are there then. */
async function endWhileWaiting(name: string, how: 'stop' | 'cancel'): Promise<readonly [JobResult, readonly string[], readonly string[]]> {
  const checkpoints = join(folder, name, 'checkpoints')
  mkdirSync(join(checkpoints, 'lock'), { recursive: true })
  writeFileSync(join(checkpoints, 'lock', 'attempt-1'), encodeClaim(claim(name)))
  mkdirSync(join(checkpoints, 'shared'))
  writeFileSync(join(checkpoints, 'shared', '1-1-of-the-other'), '')
  const waits = Promise.withResolvers<void>()
  const said: string[] = []
  const running = startJob(job(name), {
    restore: 'latest',
    options,
    onEvent: (event) => {
      if (event.kind !== 'log') return
      said.push(event.record.message)
      if (event.record.message.includes('taken over unless it renews')) waits.resolve()
    },
  })
  await waits.promise
  await running[how]()
  return [await running.done, readdirSync(checkpoints, { recursive: true }).map(String).toSorted(), said]
}

describe('a job that looks on whether its lock is held', () => {
  const untouched = ['lock', 'lock/attempt-1', 'shared', 'shared/1-1-of-the-other']

  it('ends when it is stopped or canceled, without the lock, and changes nothing', async () => {
    for (const [how, state] of [
      ['stop', 'stopped'],
      ['cancel', 'canceled'],
    ] as const) {
      const [result, files, said] = await endWhileWaiting(`told-to-${how}`, how)
      assert.equal(result.state, state)
      assert.deepEqual(files, untouched)
      assert.match(said.at(-1)!, /elsewhere\.invalid.*it has not been started/)
    }
  })

  it('ends so, too, where the lock is that of the job whose checkpoint it claims', async () => {
    const giver = startJob(job('giver'), { options })
    await giver.done
    const checkpoints = join(folder, 'giver', 'checkpoints')
    const checkpoint = readdirSync(checkpoints).find((name) => name.startsWith('chk-'))!
    const lock = join(checkpoints, 'lock')
    writeFileSync(join(lock, 'attempt-2'), encodeClaim({ ...claim('giver'), attempt: 2 }))
    const waits = Promise.withResolvers<void>()
    const taker = startJob(job('taker'), {
      restore: join(checkpoints, checkpoint),
      options: { ...options, checkpointing: { storage: 'filesystem', claimMode: 'claim' } },
      onEvent: (event) => event.kind === 'log' && event.record.message.includes('taken over unless it renews') && waits.resolve(),
    })
    await Promise.race([waits.promise, taker.done])
    await taker.stop()
    assert.equal((await taker.done).state, 'stopped')
    assert.deepEqual(readdirSync(lock), ['attempt-1', 'attempt-1.released', 'attempt-2'])
    assert.ok(!readdirSync(join(folder, 'taker', 'checkpoints')).includes('origin'))
  })

  it('ends so with a lock in a store of objects, too', async () => {
    const objects = new Map<string, Uint8Array<ArrayBuffer>>([['j/lock/attempt-1', encodeClaim(claim('j'))]])
    const store: Pick<ObjectStore, 'list' | 'get'> = {
      list: async (prefix) => [...objects].flatMap(([key, { length }]) => (key.startsWith(prefix) ? [{ key, sizeBytes: length }] : [])),
      get: async (key) => {
        const found = objects.get(key)
        if (found === undefined) throw new ObjectStoreError('not-found', key)
        return found
      },
    }
    const place = { store: store as ObjectStore, prefix: 'j/', url: 's3://b/j' }
    const lock = new ObjectLock({ place, clock: nodeClock, random: nodeRandom, jobName: 'j' })
    const stopping = new AbortController()
    const attempt = lock.nextAttempt(() => stopping.abort(), stopping.signal)
    await assert.rejects(attempt, { code: 'JOB_LOCK_GIVEN_UP' })
    assert.deepEqual([...objects.keys()], ['j/lock/attempt-1'])
  })
})
