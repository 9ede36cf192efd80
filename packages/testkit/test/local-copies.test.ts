// Copies of state files on this machine: what is read of them, what is not believed, and when they go.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { defineJob, discard, generator, reducing, value, type Job } from '@millrace/engine'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import { withoutMergedBytes, type KeyedStateFile } from '../../engine/src/checkpoint/handles.ts'
import { CopiedCheckpoints, LocalCopies, type LocalPlace } from '../../engine/src/checkpoint/local-copies.ts'
import { stateFilesOf } from '../../engine/src/checkpoint/metadata/metadata.ts'
import { ObjectCheckpoints } from '../../engine/src/checkpoint/object-store/object-checkpoints.ts'
import type { CheckpointStorage } from '../../engine/src/checkpoint/storage.ts'
import { metadataOf } from './checkpoint-history.ts'
import { emptyBucket, SimulatedStore, type Bucket } from './simulated-object-store.ts'
import { STATE_DIR, VirtualMachine } from './virtual-job.ts'

const DIR = '/local/job'

interface Machine {
  readonly disk: SimulatedDisk
  readonly bucket: Bucket
  readonly storage: CheckpointStorage
  readonly store: SimulatedStore
}

function newDisk(): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(1), shortReadProbability: 0 })
}

function machine(bucket: Bucket = emptyBucket(), disk: SimulatedDisk = newDisk(), merging = false): Machine {
  const store = new SimulatedStore({ bucket, random: new SeededRandom(2) })
  const local: LocalPlace = { disk: disk.attach(), dir: DIR, inlineBytesMax: 1_000 }
  const copies = new LocalCopies(local)
  const place = { store, prefix: 'job/', url: 's3://bucket/job' }
  const limits = { inlineBytesMax: 1_000, mergeBytesMax: merging ? 100_000 : 0 }
  return { disk, bucket, store, storage: new CopiedCheckpoints(new ObjectCheckpoints({ place, limits, copies }), local, copies) }
}

const contentOf = (id: number, size: number): Uint8Array => Uint8Array.from({ length: size }, (_, index) => (index * 7 + id) & 0xff)

async function write(storage: CheckpointStorage, id: number, size: number, name = 'state'): Promise<KeyedStateFile> {
  const writer = await storage.createStateFile({ attempt: 1, task: 1, subtask: 0 }, id, name)
  const bytes = contentOf(id, size)
  await writer.write(bytes.subarray(0, 700))
  await writer.write(bytes.subarray(700))
  return { ...(await writer.finish()), segments: [{ keyGroup: 0, kind: 'full', offset: 0, length: size, crc32: crc32(bytes), rows: 1 }] }
}

const copiesOn = async ({ disk }: Machine): Promise<readonly string[]> => await disk.attach().list(`${DIR}/shared`)

/** What a restore reads, as the slots do; how often the store was asked for the contents of a state file. */
async function restore(here: Machine): Promise<{ readonly asked: number; readonly counts: unknown; readonly id: number }> {
  await here.storage.open()
  here.store.calls.length = 0
  const { checkpoint, localCopies } = await here.storage.resolveRestore('latest')
  for (const file of stateFilesOf(checkpoint!.metadata)) {
    if (file.inline !== undefined) continue
    const reader = await here.storage.openStateFile(file)
    const id = Number(/^shared\/\d+-(\d+)-/.exec(file.path)![1])
    const bytes = contentOf(id, file.length)
    for (const at of [0, 1_000]) {
      const part = bytes.subarray(at, at + 500)
      assert.deepEqual(Buffer.from(await reader.read(at, 500, crc32(part))), Buffer.from(part))
    }
    await reader.close()
  }
  const asked = here.store.calls.filter(({ operation, key }) => operation === 'get' && key.includes('/shared/')).length
  return { asked, counts: localCopies, id: checkpoint!.metadata.checkpointId }
}

describe('local copies of state files', () => {
  it('given up while their file is being opened leave nothing open, and no file', async () => {
    const clock = new VirtualClock()
    const here = machine(emptyBucket(), new SimulatedDisk({ random: new SeededRandom(1), clock, latencyMs: [5, 5] }))
    await clock.run(here.storage.open())
    const writer = await clock.run(here.storage.createStateFile({ attempt: 1, task: 1, subtask: 0 }, 1, 'state'))
    const writing = writer.write(contentOf(1, 5_000)).catch(() => {})
    await clock.run(writer.abort())
    await clock.run(writing)
    assert.equal(here.disk.openHandles, 0)
    assert.deepEqual(await clock.run(copiesOn(here)), [])
  })

  for (const merging of [false, true]) {
    it(`are read instead of the store, ${merging ? 'merged there or not' : 'file by file'}`, async () => {
      const first = machine(emptyBucket(), newDisk(), merging)
      await first.storage.open()
      const files = [
        await write(first.storage, 1, 5_000, 'a'),
        await write(first.storage, 1, 6_000, 'b'),
        await write(first.storage, 1, 500, 'small'),
      ]
      await first.storage.persist(
        metadataOf(
          1,
          1,
          files.map((file) => [file]),
        ),
      )
      assert.deepEqual(await copiesOn(first), ['1-1-1-0-a', '1-1-1-0-b'])
      const here = await restore(machine(first.bucket, first.disk, merging))
      assert.deepEqual(here, { asked: 0, counts: { read: 2, missed: 0 }, id: 1 })
      const elsewhere = await restore(machine(first.bucket, newDisk(), merging))
      assert.ok(elsewhere.asked >= 4)
      assert.deepEqual(elsewhere.counts, { read: 0, missed: 2 })
    })
  }

  it('that are damaged, cut off or gone are read from the store, and counted', async () => {
    for (const damage of ['changed', 'cut', 'gone'] as const) {
      const first = machine()
      await first.storage.open()
      const files = [await write(first.storage, 1, 5_000, 'a'), await write(first.storage, 1, 6_000, 'b')]
      await first.storage.persist(
        metadataOf(
          1,
          1,
          files.map((file) => [file]),
        ),
      )
      const disk = first.disk.attach()
      const path = `${DIR}/shared/1-1-1-0-a`
      if (damage === 'gone') await disk.remove(path)
      else {
        const bytes = await disk.readFile(path)
        bytes[1_200]! ^= 1
        const file = await disk.open(path, 'write')
        await file.write(damage === 'cut' ? bytes.subarray(0, 4_999) : bytes, 0)
        await file.close()
      }
      const { asked, counts, id } = await restore(machine(first.bucket, first.disk))
      assert.deepEqual({ counts, id }, { counts: { read: 1, missed: 1 }, id: 1 }, damage)
      assert.ok(asked > 0)
    }
  })

  it('do not hide that the store has lost a file', async () => {
    const first = machine()
    await first.storage.open()
    await first.storage.persist(metadataOf(1, 1, [[await write(first.storage, 1, 5_000)]]))
    await first.storage.persist(metadataOf(2, 1, [[await write(first.storage, 2, 5_000)]]))
    first.bucket.objects.delete('job/shared/1-2-1-0-state')
    assert.equal((await restore(machine(first.bucket, first.disk))).id, 1)
  })

  it('go when a newer checkpoint does not need them, when theirs is given up, and with the job', async () => {
    const here = machine()
    const { storage } = here
    await storage.open()
    const first = await write(storage, 1, 5_000)
    await storage.persist(metadataOf(1, 1, [[first]]))
    const second = await write(storage, 2, 5_000)
    const third = await write(storage, 3, 5_000)
    await storage.persist(metadataOf(2, 1, [[first, second]]))
    assert.deepEqual(await copiesOn(here), ['1-1-1-0-state', '1-2-1-0-state', '1-3-1-0-state'])
    await storage.discard([third.path])
    const fourth = await write(storage, 4, 5_000)
    await storage.persist(
      metadataOf(
        4,
        1,
        [[second, fourth]].map((chain) => chain.map(withoutMergedBytes)),
      ),
    )
    assert.deepEqual(await copiesOn(here), ['1-2-1-0-state', '1-4-1-0-state'])
    // Given up by who wrote it.
    const writer = await storage.createStateFile({ attempt: 1, task: 1, subtask: 0 }, 5, 'aborted')
    await writer.write(new Uint8Array(5_000))
    assert.equal((await copiesOn(here)).length, 3)
    await writer.abort()
    assert.equal((await copiesOn(here)).length, 2)
    await storage.removeAll()
    assert.deepEqual(await here.disk.attach().list('/local'), [])
  })

  it('cost no checkpoint when their disk fails', async () => {
    const here = machine()
    const { storage, disk } = here
    await storage.open()
    disk.fail({ operations: ['write'], path: /^\/local/, reason: 'no-space' })
    await storage.persist(metadataOf(1, 1, [[await write(storage, 1, 5_000)]]))
    assert.deepEqual(await copiesOn(here), [])
    disk.heal()
    assert.deepEqual((await restore(machine(here.bucket, disk))).counts, { read: 0, missed: 1 })
    disk.fail({ operations: ['open', 'list', 'remove', 'makeDirectory'], path: /^\/local/, reason: 'input-output' })
    await storage.persist(metadataOf(2, 1, [[await write(storage, 2, 5_000)]]))
    assert.equal((await restore(machine(here.bucket, disk))).id, 2)
  })

  it('of checkpoints in a folder are read as well', async () => {
    const disk = newDisk()
    const attached = disk.attach()
    const local: LocalPlace = { disk: attached, dir: DIR, inlineBytesMax: 0 }
    const copies = new LocalCopies(local)
    const storage = new CopiedCheckpoints(new FilesystemCheckpoints({ disk: attached, dir: '/shared-disk/job', copies }), local, copies)
    await storage.open()
    const file = await write(storage, 1, 5_000)
    await storage.persist(metadataOf(1, 1, [[file]]))
    const { checkpoint, localCopies } = await storage.resolveRestore('latest')
    assert.deepEqual([checkpoint?.metadata.checkpointId, localCopies], [1, { read: 1, missed: 0 }])
    // The content of the primary is not looked at, its length is.
    await attached.remove(`/shared-disk/job/${file.path}`)
    await assert.rejects(storage.resolveRestore('latest'))
  })
})

describe('a job with local copies', () => {
  function job(): Job {
    return defineJob('counts', (env) => {
      env
        .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000 }), { uid: 'numbers' })
        .keyBy((n) => n % 7)
        .process({
          state: { seen: reducing<number>((a, b) => a + b), ballast: value<string>() },
          onElement(n, ctx) {
            ctx.state.seen.add(n)
            ctx.state.ballast.set('x'.repeat(200))
          },
        })
        .uid('count')
        .sinkTo(discard())
    })
  }

  // option: checkpointing.localCopies, option: checkpointing.localDir
  it('restarts and starts from them', async () => {
    const machineOfJob = new VirtualMachine()
    for (const localDir of [undefined, '/fast/disk']) {
      const dir = localDir === undefined ? `${STATE_DIR}/counts/local-copies` : `${localDir}/counts`
      const options = { checkpointing: { interval: 50, localCopies: true, ...(localDir === undefined ? {} : { localDir }) } }
      const run = machineOfJob.start(job(), { options })
      await run.until(() => run.of('checkpoint-completed').length > 3)
      assert.ok((await machineOfJob.list(`${dir}/shared`)).length > 0)
      assert.deepEqual(run.running.metrics().checkpoints.localCopies, { read: 0, missed: 0 })
      run.running.stop().catch(() => {})
      await run.until(() => run.result !== undefined)
      const again = machineOfJob.start(job(), { options, restore: 'latest' })
      await again.until(() => again.of('started').length > 0)
      const counts = again.running.metrics().checkpoints.localCopies
      assert.ok(counts !== undefined && counts.read > 0 && counts.missed === 0, JSON.stringify(counts))
      await again.cancel()
      assert.deepEqual(await machineOfJob.list(`${dir}/shared`), [])
    }
    const without = machineOfJob.start(job(), { options: { checkpointing: { interval: 50 } } })
    await without.until(() => without.of('checkpoint-completed').length > 1)
    assert.equal(without.running.metrics().checkpoints.localCopies, undefined)
    await without.cancel()
  })
})
