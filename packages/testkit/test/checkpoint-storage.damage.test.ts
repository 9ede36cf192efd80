import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MillraceError } from '@millrace/core'
import { SeededRandom, SimulatedDisk } from '@millrace/testkit'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import { jobFolderName } from '../../engine/src/checkpoint/job-folder.ts'
import { stateFilesOf } from '../../engine/src/checkpoint/metadata/metadata.ts'
import type { StateFileWriter } from '../../engine/src/checkpoint/storage.ts'
import { checkAfterCrash, DIR, emptyHistory, metadataOf, run, unreadable, type History } from './checkpoint-history.ts'

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && error.code === code

/** A disk with checkpoints 4 and 5 on it, the newer one's files partly shared with the older one. */
async function prepared(): Promise<{ disk: SimulatedDisk; history: History; storage: FilesystemCheckpoints }> {
  const disk = new SimulatedDisk({ random: new SeededRandom(7) })
  const history = emptyHistory()
  await run(disk, 1, 5, history)
  const storage = new FilesystemCheckpoints({ disk, dir: DIR })
  await storage.open()
  return { disk, history, storage }
}

/** The state file that only this checkpoint refers to. */
async function ownFile(storage: FilesystemCheckpoints, checkpointId: number): Promise<string> {
  const { checkpoint } = await storage.resolveRestore(`${DIR}/chk-${checkpointId}`)
  return `${DIR}/${stateFilesOf(checkpoint!.metadata).at(-1)!.path}`
}

async function latest(storage: FilesystemCheckpoints, verify: 'full' | 'length' = 'full'): Promise<[number | undefined, number[]]> {
  const { checkpoint, damaged } = await storage.resolveRestore('latest', { verify })
  return [checkpoint?.metadata.checkpointId, damaged.map(({ checkpointId }) => checkpointId)]
}

describe('checkpoint storage, damaged', () => {
  it('falls back to the one before, and says so', async () => {
    const damages: ((disk: SimulatedDisk, file: string) => void | Promise<void>)[] = [
      (disk) => disk.flip(`${DIR}/chk-5/_metadata`, 90),
      (disk, file) => disk.flip(file, 600),
      (disk, file) => disk.remove(file),
      async (disk, file) => {
        const opened = await disk.open(file, 'update')
        await opened.truncate(10)
        await opened.close()
      },
      (disk) => void disk.fail({ operations: ['readFile'], path: `${DIR}/chk-5/_metadata`, reason: 'input-output' }),
    ]
    for (const [index, damage] of damages.entries()) {
      const { disk, storage } = await prepared()
      await damage(disk, await ownFile(storage, 5))
      assert.deepEqual(await latest(storage), [4, [5]], `damage ${index}`)
      assert.equal(disk.openHandles, 0)
      await assert.rejects(storage.resolveRestore(`${DIR}/chk-5`), hasCode('CHECKPOINT_DAMAGED'))
    }
  })

  it('finds flipped bits of state when it is read, where the start looked at lengths alone', async () => {
    const { disk, storage } = await prepared()
    disk.flip(await ownFile(storage, 5), 600)
    assert.deepEqual(await latest(storage, 'length'), [5, []])
    const { checkpoint } = await storage.resolveRestore('latest', { verify: 'length' })
    const file = checkpoint!.metadata.operators[0]!.subtasks[1]!.keyed.at(-1)!
    const reader = await storage.openStateFile(file)
    const { offset, length, crc32 } = file.segments[0]!
    await assert.rejects(reader.read(offset, length, crc32), hasCode('CHECKPOINT_DAMAGED'))
    await assert.rejects(reader.read(offset, 2 ** 40, crc32), hasCode('CHECKPOINT_DAMAGED'), 'no allocation by a claimed length')
    await reader.close()
    const { checkpoint: before } = await storage.resolveRestore('latest', { damaged: unreadable(5) })
    assert.equal(before?.metadata.checkpointId, 4)
  })

  it('passes over a checkpoint under another one’s name', async () => {
    const { disk, storage } = await prepared()
    await disk.rename(`${DIR}/chk-5`, `${DIR}/chk-8`)
    assert.deepEqual(await latest(storage), [4, [8]])
  })

  it('gives ids above all that were ever begun, as far as can be seen', async () => {
    const { disk } = await prepared()
    const open = async (): Promise<number> => (await new FilesystemCheckpoints({ disk, dir: DIR }).open()).nextCheckpointId
    assert.equal(await open(), 6)
    await disk.makeDirectory(`${DIR}/chk-9`)
    const file = await disk.open(`${DIR}/shared/1-12-0-0-state`, 'create')
    await file.close()
    assert.equal(await open(), 13)
  })

  it('never starts from nothing because all are damaged', async () => {
    const { disk, storage } = await prepared()
    for (const id of [4, 5]) disk.flip(`${DIR}/chk-${id}/_metadata`, 3)
    await assert.rejects(storage.resolveRestore('latest'), hasCode('CHECKPOINT_ALL_DAMAGED'))
    await assert.rejects(
      (await prepared()).storage.resolveRestore('latest', { damaged: unreadable(4, 5) }),
      hasCode('CHECKPOINT_ALL_DAMAGED'),
    )
    assert.deepEqual(await storage.resolveRestore('none'), { checkpoint: undefined, damaged: [] })
  })

  it('says of the newest which file is damaged, and what is wrong with it, where all are', async () => {
    const { disk, storage } = await prepared()
    // The newest refers to it too.
    const file = await ownFile(storage, 4)
    disk.flip(file, 600)
    const refused = async (options = {}): Promise<MillraceError> => {
      const error = await storage.resolveRestore('latest', options).catch((thrown: unknown) => thrown)
      assert.ok(error instanceof MillraceError && error.code === 'CHECKPOINT_ALL_DAMAGED')
      return error
    }
    const read = await refused()
    assert.match(read.message, new RegExp(`None of the 2 checkpoints in ${DIR} can be read; ${DIR}/chk-5: .*${file}: its checksum`))
    assert.ok(read.cause instanceof MillraceError && read.cause.code === 'CHECKPOINT_DAMAGED' && read.cause.message.includes(file))
    // What whoever reads the state has found out, and this storage cannot know.
    const told = await refused({ damaged: unreadable(4, 5) })
    assert.match(told.message, new RegExp(`${DIR}/chk-5: state of 5 is damaged\\.`))
    assert.ok(told.cause instanceof TypeError && told.cause.message === 'not as it was written: 5')
    assert.match((await refused({ damaged: unreadable(4) })).message, /chk-5: .*its checksum/)
    disk.flip(`${DIR}/chk-5/_metadata`, 3)
    assert.match((await refused()).message, new RegExp(`${DIR}/chk-5: _metadata: `))
  })

  it('does not take a machine without handles or permission for damage', async () => {
    const { disk, storage } = await prepared()
    const heal = disk.fail({ operations: ['readFile'], reason: 'not-permitted' })
    await assert.rejects(storage.resolveRestore('latest'), hasCode('CHECKPOINT_STORAGE_NOT_WRITABLE'))
    heal()
    disk.fail({ operations: ['open'], reason: 'too-many-open' })
    await assert.rejects(storage.resolveRestore('latest'), hasCode('CHECKPOINT_STORAGE_FAILED'))
  })

  it('removes no state file at start while metadata cannot be read', async () => {
    const { disk } = await prepared()
    const files = await disk.list(`${DIR}/shared`)
    disk.flip(`${DIR}/chk-5/_metadata`, 90)
    const storage = new FilesystemCheckpoints({ disk, dir: DIR })
    const report = await storage.open()
    assert.deepEqual([report.completed, report.damaged.map(({ checkpointId }) => checkpointId), report.nextCheckpointId], [[4, 5], [5], 6])
    assert.deepEqual(await disk.list(`${DIR}/shared`), files)
    await storage.retire(5)
    await new FilesystemCheckpoints({ disk, dir: DIR }).open()
    assert.equal((await disk.list(`${DIR}/shared`)).length, files.length - 2, 'with the damaged one gone its own files go too')
  })

  it('reads what it is pointed to, also from the folder of another job', async () => {
    const { disk, history, storage } = await prepared()
    const other = new FilesystemCheckpoints({ disk, dir: '/elsewhere/other' })
    await other.open()
    for (const path of [`${DIR}/chk-4`, `${DIR}/chk-4/`, `${DIR}/chk-4/_metadata`]) {
      const { checkpoint } = await other.resolveRestore(path)
      assert.deepEqual([checkpoint?.metadata.checkpointId, checkpoint?.own], [4, false])
      const [file] = stateFilesOf(checkpoint!.metadata)
      const reader = await other.openStateFile(file!)
      assert.deepEqual(await reader.read(0, file!.length, file!.crc32), history.contents.get(file!.path.slice(DIR.length + 1)))
      await reader.close()
      await assert.rejects(
        other.persist({ ...checkpoint!.metadata, checkpointId: 9 }),
        hasCode('CHECKPOINT_UNENCODABLE'),
        'nothing builds on files it does not own',
      )
    }
    const { checkpoint: own } = await storage.resolveRestore(`${DIR}/chk-4`)
    assert.equal(own?.own, true)
    await assert.rejects(storage.resolveRestore(`${DIR}/chk-99`), hasCode('CHECKPOINT_NOT_FOUND'))
  })

  it('refuses a format of a newer release instead of falling back', async () => {
    const { disk, storage } = await prepared()
    const file = await disk.open(`${DIR}/chk-5/_metadata`, 'write')
    await file.write(Buffer.from('millrace-checkpoint 5 2 917e00f9\n{}'), 0)
    await file.close()
    await assert.rejects(storage.resolveRestore('latest'), hasCode('CHECKPOINT_FORMAT_UNKNOWN'))
    const other = new FilesystemCheckpoints({ disk, dir: DIR })
    assert.deepEqual(
      (await other.open()).damaged.map(({ checkpointId }) => checkpointId),
      [5],
    )
    assert.equal((await other.resolveRestore(`${DIR}/chk-4`)).checkpoint?.metadata.checkpointId, 4, 'the user may choose to')
  })
})

describe('checkpoint storage, the disk failing', () => {
  const metadata = (id: number): ReturnType<typeof metadataOf> => metadataOf(id, 1, [[], []])

  it('leaves a checkpoint whole or absent, whatever fails, and goes on', async () => {
    for (const reason of ['no-space', 'input-output'] as const) {
      for (let skip = 0; ; skip++) {
        const disk = new SimulatedDisk({ random: new SeededRandom(skip + 1) })
        const history = emptyHistory()
        await run(disk, 1, 2, history)
        const storage = new FilesystemCheckpoints({ disk, dir: DIR })
        await storage.open()
        let failed = false
        const heal = disk.fail({
          operations: ['open', 'write', 'sync', 'rename', 'syncDirectory', 'remove', 'makeDirectory', 'stat'],
          reason,
          skip,
          times: 1 + (skip % 3),
        })
        history.begun.add(3)
        await storage.persist(metadata(3)).catch(() => (failed = true))
        if (!failed) history.completed.add(3)
        heal()
        history.begun.add(4)
        await storage.persist(metadata(4))
        history.completed.add(4)
        disk.crash()
        await checkAfterCrash(disk.attach(), history)
        assert.equal(disk.openHandles, 0)
        if (!failed) break
        assert.ok(skip < 50)
      }
    }
  })

  it('keeps the files of a checkpoint that may or may not be complete, until a newer one is', async () => {
    const { disk, history, storage } = await prepared()
    const writer = await storage.createStateFile({ attempt: 1, task: 1, subtask: 0 }, 6, 'state')
    await writer.write(new Uint8Array([1, 2, 3]))
    const handle = await writer.finish()
    history.contents.set(handle.path, new Uint8Array([1, 2, 3]))
    disk.fail({ operations: ['syncDirectory', 'remove'], path: /chk-6/, reason: 'input-output' })
    const segment = { keyGroup: 0, kind: 'full' as const, offset: 0, length: 3, crc32: handle.crc32!, rows: 1 }
    await assert.rejects(
      storage.persist(metadataOf(6, 1, [[{ ...handle, segments: [segment] }], []])),
      hasCode('CHECKPOINT_STORAGE_FAILED'),
    )
    await storage.discard([handle.path])
    assert.ok((await disk.list(`${DIR}/shared`)).includes(handle.path.slice('shared/'.length)))
    disk.heal()
    await storage.persist(metadata(7))
    assert.deepEqual(
      (await disk.list(DIR)).filter((name) => name === 'chk-6'),
      [],
    )
    assert.ok(!(await disk.list(`${DIR}/shared`)).includes(handle.path.slice('shared/'.length)))
  })

  it('says that the folder is full, forbidden, or gone', async () => {
    const { disk, storage } = await prepared()
    disk.setCapacity(disk.usedBytes + 100)
    const writer = await storage.createStateFile({ attempt: 1, task: 0, subtask: 0 }, 9, 'state')
    await assert.rejects(writer.write(new Uint8Array(1_000)), hasCode('CHECKPOINT_STORAGE_FULL'))
    await writer.abort()
    await assert.rejects(storage.persist(metadata(9)), hasCode('CHECKPOINT_STORAGE_FULL'))
    disk.setCapacity(Infinity)
    assert.deepEqual(await disk.list(`${DIR}/chk-9`), [], 'no half of anything stays')
    const heal = disk.fail({ operations: ['open'], reason: 'not-permitted' })
    await assert.rejects(
      storage.createStateFile({ attempt: 1, task: 0, subtask: 0 }, 9, 'other'),
      hasCode('CHECKPOINT_STORAGE_NOT_WRITABLE'),
    )
    await assert.rejects(new FilesystemCheckpoints({ disk, dir: DIR }).open(), hasCode('CHECKPOINT_STORAGE_NOT_WRITABLE'))
    heal()
    await disk.removeTree(DIR)
    await assert.rejects(storage.createStateFile({ attempt: 1, task: 0, subtask: 0 }, 9, 'third'), hasCode('CHECKPOINT_STORAGE_LOST'))
    await assert.rejects(storage.persist(metadata(9)), hasCode('CHECKPOINT_STORAGE_LOST'))
    await disk.makeDirectory(`${DIR}/shared`)
    await assert.rejects(
      storage.persist(metadata(9)),
      hasCode('CHECKPOINT_STORAGE_LOST'),
      'another folder under the same name is not the one that was there',
    )
  })

  it('removes nothing in a folder that has come into the place of its own, also under the same names', async () => {
    const { disk, storage } = await prepared()
    const write = async (name: string): Promise<StateFileWriter> => {
      const writer = await storage.createStateFile({ attempt: 1, task: 0, subtask: 0 }, 9, name)
      await writer.write(new Uint8Array(10))
      return writer
    }
    const writing = await write('writing')
    const finished = await write('finished')
    const { path } = await finished.finish()
    await disk.rename(DIR, `${DIR}-unmounted`)
    const other = emptyHistory()
    await run(disk, 1, 5, other)
    for (const name of ['writing', 'finished']) await (await write(name)).finish()
    const before = [await disk.list(`${DIR}/shared`), await disk.list(DIR)]
    await writing.abort()
    await finished.abort()
    await assert.rejects(storage.discard([path]), hasCode('CHECKPOINT_STORAGE_LOST'))
    await assert.rejects(storage.retire(4), hasCode('CHECKPOINT_STORAGE_LOST'))
    await assert.rejects(storage.removeAll(), hasCode('CHECKPOINT_STORAGE_LOST'))
    assert.deepEqual([await disk.list(`${DIR}/shared`), await disk.list(DIR)], before)
    assert.equal(disk.openHandles, 0)
  })

  it('completes and removes nothing once fenced', async () => {
    const { disk } = await prepared()
    let fenced = false
    const storage = new FilesystemCheckpoints({
      disk,
      dir: DIR,
      fence: () => (fenced ? Promise.reject(new Error('fenced')) : Promise.resolve()),
    })
    await storage.open()
    fenced = true
    await assert.rejects(storage.persist(metadata(6)))
    await assert.rejects(storage.retire(5))
    await assert.rejects(storage.removeAll())
    assert.deepEqual(await latest(new FilesystemCheckpoints({ disk, dir: DIR })), [5, []])
  })

  it('removes an aborted file, also twice', async () => {
    const { disk, storage } = await prepared()
    const files = await disk.list(`${DIR}/shared`)
    const writer = await storage.createStateFile({ attempt: 1, task: 0, subtask: 0 }, 9, 'state')
    await writer.write(new Uint8Array(10))
    await writer.abort()
    await writer.abort()
    assert.deepEqual(await disk.list(`${DIR}/shared`), files)
    assert.equal(disk.openHandles, 0)
  })

  it('removes everything on request', async () => {
    const { disk, storage } = await prepared()
    await storage.removeAll()
    assert.deepEqual(await disk.list(DIR), [])
    assert.deepEqual(await latest(storage), [undefined, []])
  })

  it('names the folder of a job so that no two share one', () => {
    const names = ['count', 'Count', 'a/b', 'a%2Fb', '..', '.', 'ü', 'a b', '', '%', '~x', "it's"]
    assert.equal(new Set(names.map(jobFolderName)).size, names.length)
    for (const name of names) assert.match(jobFolderName(name), /^(?!\.+$)[A-Za-z0-9._%-]+$/)
    assert.equal(jobFolderName('order-alerts_2.1'), 'order-alerts_2.1')
  })
})
