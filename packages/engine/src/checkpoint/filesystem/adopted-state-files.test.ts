/** Files that become part of a checkpoint without being copied. */
import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { crc32 } from 'node:zlib'
import { createMemoryDisk, DiskError, nodeDisk, type Disk } from '@millrace/core'
import { ForgettingCheckpoints } from '../../replay/forgetting-checkpoints.ts'
import { FilesystemCheckpoints } from './filesystem.ts'
import { CopiedCheckpoints, LocalCopies } from '../local-copies.ts'
import { RootedCheckpoints, type OriginNote } from '../origins.ts'
import { FilesystemStateFiles, SHARED_FOLDER } from './state-files.ts'
import type { CheckpointStorage, StateFileWriter } from '../storage.ts'

const WRITER = { attempt: 1, task: 2, subtask: 3 }
const BYTES = Buffer.alloc(2_500_000, 'what a database has written ')

let dir: string
let source: string

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'millrace-adopted-'))
  source = join(dir, '000012.sst')
  await nodeDisk.makeDirectory(join(dir, SHARED_FOLDER))
  await writeFile(source, BYTES)
})

after(() => rm(dir, { recursive: true }))

let files = 0

async function begin(disk: Disk = nodeDisk): Promise<StateFileWriter & { adopt(path: string): Promise<boolean> }> {
  const writer = await new FilesystemStateFiles(disk, dir).createStateFile(WRITER, 5, `db-${++files}`)
  return writer as Awaited<ReturnType<typeof begin>>
}

test('it is another name of the same file, which is not read: there is no checksum', async () => {
  const writer = await begin()
  assert.equal(await writer.adopt(source), true)
  const handle = await writer.finish()
  assert.deepEqual([handle.length, 'crc32' in handle], [BYTES.length, false])
  const [kept, original] = await Promise.all([stat(join(dir, handle.path)), stat(source)])
  assert.equal(kept.ino, original.ino)
  const storage = new FilesystemStateFiles(nodeDisk, dir)
  await storage.verify(handle, { verify: 'full' })
})

test('without a checksum it is read as it is there', async () => {
  const writer = await begin()
  await writer.adopt(source)
  const handle = await writer.finish()
  const reader = await new FilesystemStateFiles(nodeDisk, dir).openStateFile(handle)
  assert.ok(BYTES.subarray(10, 1_000_010).equals(await reader.read(10, 1_000_000, handle.crc32)))
  await assert.rejects(reader.read(0, BYTES.length + 1, handle.crc32), { code: 'CHECKPOINT_DAMAGED' })
  await reader.close()
})

test('nothing can be written into what has another name', async () => {
  const writer = await begin()
  await writer.adopt(source)
  await assert.rejects(writer.write(Buffer.from('more')))
  await writer.abort()
  assert.ok((await readFile(source)).equals(BYTES))
})

test('it stays when the first name goes', async () => {
  const once = join(dir, '000013.sst')
  await writeFile(once, 'soon gone')
  const writer = await begin()
  await writer.adopt(once)
  const { path } = await writer.finish()
  await unlink(once)
  assert.equal(await readFile(join(dir, path), 'utf8'), 'soon gone')
})

test('where no second name can be given nothing is lost: it can be written', async () => {
  const refusing: Disk = { ...nodeDisk, link: (from) => Promise.reject(new DiskError('other', 'link', from)) }
  const writer = await begin(refusing)
  assert.equal(await writer.adopt(source), false)
  assert.equal(writer.length, 0)
  await writer.write(BYTES)
  const { path, crc32: sum } = await writer.finish()
  assert.equal(sum, crc32(BYTES))
  assert.ok((await readFile(join(dir, path))).equals(BYTES))
})

test('what reads it gets a third name, through every storage of a job; one of another length is damaged', async () => {
  const writer = await begin()
  await writer.adopt(source)
  const handle = await writer.finish()
  const own = new FilesystemCheckpoints({ disk: nodeDisk, dir })
  const note: OriginNote = { read: async () => undefined, write: async () => {}, remove: async () => {} }
  const place = { disk: nodeDisk, dir: join(dir, 'copies'), inlineBytesMax: 0 }
  const storages: Record<string, CheckpointStorage> = {
    own,
    rooted: new RootedCheckpoints({
      own,
      mode: 'no-claim',
      numRetained: 1,
      note,
      dispose: async () => {},
      lockBeside: async () => undefined,
    }),
    forgetting: new ForgettingCheckpoints(own),
    copied: new CopiedCheckpoints(own, place, new LocalCopies(place)),
  }
  for (const [name, storage] of Object.entries(storages)) {
    const to = join(dir, name)
    assert.equal(await storage.linkStateFile?.(handle, to), true, name)
    assert.equal((await stat(to)).ino, (await stat(source)).ino)
    await assert.rejects(async () => await storage.linkStateFile?.({ ...handle, length: 7 }, `${to}-7`), { code: 'CHECKPOINT_DAMAGED' })
    assert.equal(await storage.linkStateFile?.(handle, to), false, 'there is something under that name')
  }
})

test('a disk in memory has no second names', async () => {
  const disk = createMemoryDisk()
  await disk.makeDirectory(`/checkpoints/${SHARED_FOLDER}`)
  const writer = await new FilesystemStateFiles(disk, '/checkpoints').createStateFile(WRITER, 5, 'db')
  assert.equal(await writer.adopt?.('/elsewhere'), false)
})

test('what has been written is not replaced', async () => {
  const writer = await begin()
  await writer.write(Buffer.from('first'))
  assert.equal(await writer.adopt(source), false)
  assert.equal((await writer.finish()).length, 5)
})

test('given up at any moment it leaves nothing, and the first name stays', async () => {
  const before = await readdir(join(dir, SHARED_FOLDER))
  const steps: ((work: () => Promise<void>) => Disk)[] = [
    (abort) => ({ ...nodeDisk, remove: async (path) => (await nodeDisk.remove(path), abort()) }),
    (abort) => ({ ...nodeDisk, link: async (from, to) => (await abort(), nodeDisk.link(from, to)) }),
    (abort) => ({ ...nodeDisk, link: async (from, to) => (await nodeDisk.link(from, to), abort()) }),
    (abort) => ({
      ...nodeDisk,
      open: async (path, mode) => {
        const file = await nodeDisk.open(path, mode)
        if (mode === 'read') await abort()
        return file
      },
    }),
  ]
  for (const step of steps) {
    let writer: StateFileWriter | undefined
    let times = 0
    const given = await begin(
      step(async () => {
        if (writer !== undefined && times++ === 0) await writer.abort()
      }),
    )
    writer = given
    await assert.rejects(given.adopt(source), /was given up/)
    assert.equal(times > 0, true)
    assert.deepEqual(await readdir(join(dir, SHARED_FOLDER)), before)
  }
  const whole = await begin()
  await whole.adopt(source)
  await whole.abort()
  assert.deepEqual(await readdir(join(dir, SHARED_FOLDER)), before)
  assert.equal((await stat(source)).size, BYTES.length)
})
