import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { nodeDisk } from '@millrace/core'
import type { KeyedStateFile } from '../checkpoint/handles.ts'
import type { OperatorState } from '../checkpoint/metadata/metadata.ts'
import { encodeMetadata } from '../checkpoint/metadata/metadata-format.ts'
import { copyNewestCheckpoint } from './copy-checkpoint.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-copy-'))
after(() => rmSync(folder, { recursive: true }))

let jobs = 0

function operatorsWith(keyed: readonly KeyedStateFile[]): readonly OperatorState[] {
  const operator = { stateId: 'count', kind: 'keyed-process', name: 'count', maxParallelism: 128, parallelism: 1, states: [] } as const
  return keyed.length === 0 ? [] : [{ ...operator, subtasks: [{ keyed }] }]
}

/** A job's folder of checkpoints, with one being written. */
class JobFolder {
  readonly path: string = join(folder, `job-${++jobs}`)
  readonly to: string = join(folder, `copy-${jobs}`)
  newest = 0

  begin(): void {
    mkdirSync(join(this.path, `chk-${this.newest + 1}`), { recursive: true })
  }

  /** The one being written is complete; the one before it goes. `files`: what it refers to. */
  complete(...files: readonly string[]): void {
    this.newest++
    const keyed = files.map((name) => ({ path: `shared/${name}`, length: 0, crc32: 0, segments: [] }))
    const metadata = { jobName: 'job', fingerprint: '', params: {}, checkpointId: this.newest, kind: 'checkpoint', attempt: 1 } as const
    writeFileSync(
      join(this.path, `chk-${this.newest}`, '_metadata'),
      encodeMetadata({ ...metadata, triggeredMs: 0, operators: operatorsWith(keyed) }),
    )
    rmSync(join(this.path, `chk-${this.newest - 1}`), { recursive: true, force: true })
  }
}

describe('the newest checkpoint of a job that runs', () => {
  it('is copied, also where it is completed and the one before it removed while they are looked at, again and again', async () => {
    const job = new JobFolder()
    job.begin()
    job.complete()
    job.begin()
    let changes = 0
    const list = async (path: string): Promise<readonly string[]> => {
      const names = await nodeDisk.list(path)
      // It was not complete when it was looked at, and now is.
      if (path.endsWith(`chk-${job.newest + 1}`) && ++changes <= 5) {
        job.complete()
        job.begin()
      }
      return names
    }
    assert.equal(await copyNewestCheckpoint(job.path, job.to, { list }), join(job.to, 'chk-6'))
    assert.deepEqual(await nodeDisk.list(join(job.to, 'chk-6')), ['_metadata'])
    assert.ok(changes > 5)
  })

  it('is all that stays of the tries to copy one', async () => {
    const job = new JobFolder()
    job.begin()
    mkdirSync(join(job.path, 'shared'))
    for (const name of ['kept', 'former', 'new']) writeFileSync(join(job.path, 'shared', name), name)
    job.complete('kept', 'former', 'removed-meanwhile')
    let looks = 0
    const list = async (path: string): Promise<readonly string[]> => {
      if (path === job.path && ++looks === 2) {
        job.begin()
        job.complete('kept', 'new')
      }
      return await nodeDisk.list(path)
    }
    assert.equal(await copyNewestCheckpoint(job.path, job.to, { list }), join(job.to, 'chk-2'))
    assert.deepEqual((await nodeDisk.list(job.to)).toSorted(), ['chk-2', 'shared'])
    assert.deepEqual((await nodeDisk.list(join(job.to, 'shared'))).toSorted(), ['kept', 'new'])
  })

  it('is there as soon as it is complete', async () => {
    const job = new JobFolder()
    job.begin()
    let looks = 0
    const list = async (path: string): Promise<readonly string[]> => {
      if (path.endsWith('chk-1') && ++looks === 3) job.complete()
      return await nodeDisk.list(path)
    }
    assert.equal(await copyNewestCheckpoint(job.path, job.to, { list }), join(job.to, 'chk-1'))
  })

  it('is none where nothing was ever completed, or there is no such folder', async () => {
    const job = new JobFolder()
    assert.equal(await copyNewestCheckpoint(job.path, job.to), undefined)
    job.begin()
    assert.equal(await copyNewestCheckpoint(job.path, job.to), undefined)
  })
})
