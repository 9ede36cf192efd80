import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { DiskError, MillraceError, nodeDisk, type Disk } from '@millrace/core'
import { FilesystemCheckpoints } from './filesystem/filesystem.ts'
import type { KeyedStateFile } from './handles.ts'
import { MemoryCheckpoints, MemoryStateFiles } from './memory.ts'
import type { CheckpointMetadata } from './metadata/metadata.ts'
import { FilesystemStateFiles } from './filesystem/state-files.ts'
import type { CheckpointStorage, Damage, StateFileStorage } from './storage.ts'

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && error.code === code

const writer = { attempt: 1, task: 2, subtask: 3 }

/** Storage as the coordinator has it, and as a subtask on another thread does. */
interface Place {
  readonly coordinator: CheckpointStorage
  readonly subtask: StateFileStorage
  /** The same place, after the process was started anew. */
  readonly reopen: () => CheckpointStorage
}

async function inFolder(test: (place: Place) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'))
  const open = (): CheckpointStorage => new FilesystemCheckpoints({ disk: nodeDisk, dir: join(dir, 'a', 'b') })
  try {
    await test({ coordinator: open(), subtask: new FilesystemStateFiles(nodeDisk, join(dir, 'a', 'b')), reopen: open })
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function inMemory(test: (place: Place) => Promise<void>): Promise<void> {
  const coordinator = new MemoryCheckpoints()
  await test({ coordinator, subtask: new MemoryStateFiles(), reopen: () => coordinator })
}

async function writeState(storage: StateFileStorage, checkpointId: number, text: string): Promise<KeyedStateFile> {
  const file = await storage.createStateFile(writer, checkpointId, 'operator-0')
  const bytes = Buffer.from(text)
  await file.write(bytes.subarray(0, 2))
  assert.equal(file.length, 2)
  await file.write(bytes.subarray(2))
  const handle = await file.finish()
  const segment = { keyGroup: 0, kind: 'full' as const, offset: 1, length: bytes.length - 1, crc32: crc32(bytes.subarray(1)), rows: 1 }
  return { ...handle, segments: [segment] }
}

function unreadable(...ids: readonly number[]): ReadonlyMap<number, Damage> {
  return new Map(ids.map((id) => [id, { problem: `state of ${id} is damaged`, cause: new TypeError(`not as it was written: ${id}`) }]))
}

function metadataOf(checkpointId: number, keyed: readonly KeyedStateFile[]): CheckpointMetadata {
  const operator = {
    stateId: 'a',
    kind: 'keyed-process' as const,
    name: 'a',
    maxParallelism: 1,
    parallelism: 1,
    states: [],
    subtasks: [{ keyed }],
  }
  return { jobName: 'j', fingerprint: 'f', params: {}, checkpointId, kind: 'checkpoint', attempt: 1, triggeredMs: 0, operators: [operator] }
}

for (const [name, inPlace] of [
  ['file system', inFolder],
  ['memory', inMemory],
] as const) {
  describe(`checkpoint storage, ${name}`, () => {
    it('gives back state that a subtask wrote, over several checkpoints', () =>
      inPlace(async ({ coordinator, subtask, reopen }) => {
        assert.deepEqual(await coordinator.open(), { completed: [], givenUp: [], nextCheckpointId: 1, orphansRemoved: [], damaged: [] })
        assert.deepEqual(await coordinator.resolveRestore('latest'), { checkpoint: undefined, damaged: [] })
        const first = await writeState(subtask, 1, 'first')
        const { metadataBytes, path } = await coordinator.persist(metadataOf(1, [first]))
        assert.ok(metadataBytes > 100)
        const second = await writeState(subtask, 2, 'second')
        await coordinator.persist(metadataOf(2, [first, second]))
        await coordinator.retire(1)
        const again = reopen()
        const report = await again.open()
        assert.deepEqual([report.completed, report.nextCheckpointId], [[2], 3])
        const { checkpoint } = await again.resolveRestore('latest')
        assert.equal(checkpoint?.path === undefined, path === undefined)
        const files = checkpoint!.metadata.operators[0]!.subtasks[0]!.keyed
        // Handles travel to subtasks by structured clone.
        const texts = await Promise.all(structuredClone(files).map((file) => readSegment(subtask, file)))
        assert.deepEqual(texts, ['irst', 'econd'])
      }))

    it('checks what it reads', () =>
      inPlace(async ({ coordinator, subtask }) => {
        await coordinator.open()
        const file = await writeState(subtask, 1, 'state')
        const reader = await subtask.openStateFile(file)
        await assert.rejects(reader.read(0, 5, 1), hasCode('CHECKPOINT_DAMAGED'))
        await assert.rejects(reader.read(1, 5, 1), hasCode('CHECKPOINT_DAMAGED'))
        await reader.close()
        await assert.rejects(subtask.openStateFile({ ...file, length: 6 }), hasCode('CHECKPOINT_DAMAGED'))
      }))

    it('restores what it is asked for', () =>
      inPlace(async ({ coordinator, subtask }) => {
        await coordinator.open()
        for (const id of [1, 2]) await coordinator.persist(metadataOf(id, [await writeState(subtask, id, 'state')]))
        assert.deepEqual(await coordinator.resolveRestore('none'), { checkpoint: undefined, damaged: [] })
        const { checkpoint } = await coordinator.resolveRestore('latest', { damaged: unreadable(2) })
        assert.equal(checkpoint?.metadata.checkpointId, 1)
        await assert.rejects(coordinator.resolveRestore('latest', { damaged: unreadable(1, 2) }), {
          code: 'CHECKPOINT_ALL_DAMAGED',
          message: /None of the 2 checkpoints in .* can be read; .*2: state of 2 is damaged\./,
          cause: new TypeError('not as it was written: 2'),
        })
        assert.equal((await coordinator.resolveRestore('latest', { before: 2 })).checkpoint?.metadata.checkpointId, 1)
        assert.deepEqual(await coordinator.resolveRestore('latest', { before: 1 }), { checkpoint: undefined, damaged: [] })
        await assert.rejects(coordinator.resolveRestore('/nowhere/chk-1'), hasCode('CHECKPOINT_NOT_FOUND'))
        await coordinator.removeAll()
        assert.deepEqual(await coordinator.resolveRestore('latest'), { checkpoint: undefined, damaged: [] })
      }))

    it('never restores again what was given up, and removes its files when it is retired', () =>
      inPlace(async ({ coordinator, subtask, reopen }) => {
        await coordinator.open()
        const files = await Promise.all([1, 2].map((id) => writeState(subtask, id, 'state')))
        const paths: (string | undefined)[] = []
        for (const id of [1, 2]) paths.push((await coordinator.persist(metadataOf(id, [files[id - 1]!]))).path)
        const { checkpoint } = await coordinator.resolveRestore('latest', { damaged: unreadable(2) })
        assert.deepEqual([await coordinator.goOnFrom(checkpoint), await coordinator.goOnFrom(checkpoint)], [[2], []])
        for (const storage of [coordinator, reopen()]) {
          const report = await storage.open()
          assert.equal(report.nextCheckpointId > 1, true)
          assert.deepEqual(report.givenUp, paths[1] === undefined ? [] : [2])
          assert.equal((await storage.resolveRestore('latest')).checkpoint?.metadata.checkpointId, 1)
          const path = paths[1]
          if (path !== undefined) await assert.rejects(storage.resolveRestore(path), hasCode('CHECKPOINT_GIVEN_UP'))
        }
        const again = reopen()
        await again.open()
        await again.retire(1)
        if (paths[1] !== undefined) await assert.rejects(again.resolveRestore('latest'), hasCode('CHECKPOINT_ALL_DAMAGED'))
        await again.retire(2)
        const { orphansRemoved, damaged } = await reopen().open()
        assert.deepEqual([orphansRemoved, damaged], [[], []])
      }))
  })
}

async function readSegment(storage: StateFileStorage, file: KeyedStateFile): Promise<string> {
  const reader = await storage.openStateFile(file)
  const { offset, length, crc32 } = file.segments[0]!
  const bytes = await reader.read(offset, length, crc32)
  await reader.close()
  return Buffer.from(bytes).toString()
}

describe('checkpoint storage in a folder', () => {
  it('removes with the next checkpoint what of a superfluous one could not be removed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'))
    let refuses: (path: string) => boolean = () => false
    const remove = (path: string): Promise<void> =>
      refuses(path) ? Promise.reject(new DiskError('input-output', 'remove', path)) : nodeDisk.remove(path)
    const disk = Object.assign(Object.create(nodeDisk) as Disk, { remove })
    const storage = new FilesystemCheckpoints({ disk, dir })
    await storage.open()
    const stays = await writeState(storage, 1, 'stays')
    const files = [await writeState(storage, 2, 'goes'), await writeState(storage, 3, 'goes'), stays]
    for (const id of [1, 2]) await storage.persist(metadataOf(id, id === 1 ? files : [stays]))
    refuses = (path) => path.endsWith(files[1]!.path)
    await assert.rejects(storage.retire(1), hasCode('CHECKPOINT_STORAGE_FAILED'))
    refuses = () => false
    assert.deepEqual(readdirSync(join(dir, 'shared')).length, 2)
    await storage.persist(metadataOf(3, [stays]))
    assert.deepEqual(
      readdirSync(join(dir, 'shared')).map((name) => `shared/${name}`),
      [stays.path],
    )
    rmSync(dir, { recursive: true })
  })

  it('leaves alone what is not its own, at its start and where all are removed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-checkpoints-'))
    const foreign = ['.nfs0001', 'lost+found', 'notes.txt']
    mkdirSync(join(dir, 'shared', 'lost+found'), { recursive: true })
    for (const name of ['.nfs0001', 'notes.txt', '1-1-0-0-orphan']) writeFileSync(join(dir, 'shared', name), '')
    const storage = new FilesystemCheckpoints({ disk: nodeDisk, dir })
    assert.deepEqual((await storage.open()).orphansRemoved, ['shared/1-1-0-0-orphan'])
    await storage.persist(metadataOf(2, [await writeState(storage, 2, 'state')]))
    await storage.removeAll()
    assert.deepEqual(readdirSync(join(dir, 'shared')), foreign)
    rmSync(dir, { recursive: true })
  })
})

describe('checkpoint storage in memory', () => {
  it('refuses states and metadata above its limits', async () => {
    const storage = new MemoryCheckpoints({ stateBytesMax: 10, messageBytesMax: 400 })
    const file = await storage.createStateFile(writer, 1, 'operator-0')
    await file.write(new Uint8Array(6))
    await assert.rejects(file.write(new Uint8Array(5)), hasCode('CHECKPOINT_STATE_TOO_LARGE'))
    await file.abort()
    await storage.persist(metadataOf(1, []))
    const many = metadataOf(2, [])
    await assert.rejects(storage.persist({ ...many, params: { text: 'x'.repeat(400) } }), hasCode('CHECKPOINT_MESSAGE_TOO_LARGE'))
    assert.equal((await storage.resolveRestore('latest')).checkpoint?.metadata.checkpointId, 1)
  })
})
