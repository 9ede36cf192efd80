import assert from 'node:assert/strict'
import { crc32 } from 'node:zlib'
import { MillraceError, type Disk } from '@millrace/core'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import type { KeyedStateFile, StateFileHandle } from '../../engine/src/checkpoint/handles.ts'
import type { CheckpointStorage, Damage } from '../../engine/src/checkpoint/storage.ts'
import { stateFilesOf, type CheckpointMetadata } from '../../engine/src/checkpoint/metadata/metadata.ts'

export const DIR = '/var/state/job/checkpoints'
export const RETAINED = 2

/** What a job has been told of its checkpoints: what must hold after a crash is read off it. */
export interface History {
  /** Ids that `persist` was called for, and those for which it resolved. */
  readonly begun: Set<number>
  readonly completed: Set<number>
  /** Ids that `retire` was called for. */
  readonly retired: Set<number>
  /** Contents of every state file handed out. */
  readonly contents: Map<string, Uint8Array>
}

export function emptyHistory(): History {
  return { begun: new Set(), completed: new Set(), retired: new Set(), contents: new Map() }
}

/** A recognisable content, longer than a sector. */
function contentOf(attempt: number, checkpointId: number, subtask: number): Uint8Array {
  return Uint8Array.from(
    { length: 700 + 13 * checkpointId + subtask },
    (_, index) => (index * 31 + checkpointId * 7 + subtask + attempt) & 0xff,
  )
}

async function writeFile(
  storage: FilesystemCheckpoints,
  history: History,
  attempt: number,
  checkpointId: number,
  subtask: number,
): Promise<KeyedStateFile> {
  const writer = await storage.createStateFile({ attempt, task: 1, subtask }, checkpointId, 'state')
  const content = contentOf(attempt, checkpointId, subtask)
  await writer.write(content.subarray(0, 300))
  await writer.write(content.subarray(300))
  const handle = await writer.finish()
  history.contents.set(handle.path, content)
  const segment = { keyGroup: subtask, kind: 'delta' as const, offset: 0, length: handle.length, crc32: crc32(content), rows: 1 }
  return { ...handle, segments: [segment] }
}

/** A checkpoint of one operator with this state. */
export async function take(storage: CheckpointStorage, id: number, state: Uint8Array): Promise<void> {
  const writer = await storage.createStateFile({ attempt: 1, task: 0, subtask: 0 }, id, 'state')
  await writer.write(state)
  const segment = { keyGroup: 0, kind: 'full' as const, offset: 0, length: state.length, crc32: crc32(state), rows: 1 }
  await storage.persist(metadataOf(id, 1, [[{ ...(await writer.finish()), segments: [segment] }]]))
}

/** What a start goes on from, or the code of what it is refused with: sinks undo then what they have staged for anything newer. */
export async function start(storage: CheckpointStorage): Promise<string> {
  await storage.open()
  try {
    const { checkpoint } = await storage.resolveRestore('latest')
    await storage.goOnFrom(checkpoint)
    return checkpoint?.path ?? 'nothing'
  } catch (error) {
    if (error instanceof MillraceError) return error.code
    throw error
  }
}

/** Checkpoints whose state turned out to be damaged while it was read. */
export function unreadable(...ids: readonly number[]): ReadonlyMap<number, Damage> {
  return new Map(ids.map((id) => [id, { problem: `state of ${id} is damaged`, cause: new TypeError(`not as it was written: ${id}`) }]))
}

export function metadataOf(checkpointId: number, attempt: number, chains: readonly (readonly KeyedStateFile[])[]): CheckpointMetadata {
  return {
    jobName: 'job',
    fingerprint: 'f',
    params: {},
    checkpointId,
    kind: 'checkpoint',
    attempt,
    triggeredMs: 0,
    operators: [
      {
        stateId: 'count',
        kind: 'keyed-process',
        name: 'count',
        maxParallelism: chains.length,
        parallelism: chains.length,
        states: [],
        subtasks: chains.map((keyed) => ({ keyed })),
      },
    ],
  }
}

/**
 * A run of a job with two subtasks that takes `count` checkpoints, each a delta of one file over the last one; every third one is given up after its
 * files were written. Goes on from what it finds.
 */
export async function run(disk: Disk, attempt: number, count: number, history: History): Promise<FilesystemCheckpoints> {
  const storage = new FilesystemCheckpoints({ disk, dir: DIR })
  const report = await storage.open()
  const restored = (await storage.resolveRestore('latest')).checkpoint
  let chains = restored?.metadata.operators[0]?.subtasks.map(({ keyed }) => keyed) ?? [[], []]
  const kept = [...report.completed]
  for (let id = report.nextCheckpointId; id < report.nextCheckpointId + count; id++) {
    const files = await Promise.all([0, 1].map((subtask) => writeFile(storage, history, attempt, id, subtask)))
    if (id % 3 === 0) {
      await storage.discard(files.map(({ path }) => path))
      continue
    }
    chains = chains.map((chain, subtask) => [...chain.slice(-1), files[subtask]!])
    history.begun.add(id)
    await storage.persist(metadataOf(id, attempt, chains))
    history.completed.add(id)
    kept.push(id)
    while (kept.length > RETAINED) {
      const oldest = kept.shift()!
      history.retired.add(oldest)
      await storage.retire(oldest)
    }
  }
  return storage
}

/** What a start does. Answers the id of the checkpoint that it goes on from. */
export async function restoreLatest(disk: Disk): Promise<number | undefined> {
  const storage = new FilesystemCheckpoints({ disk, dir: DIR })
  await storage.open()
  const { checkpoint } = await storage.resolveRestore('latest')
  return checkpoint?.metadata.checkpointId
}

/** What must hold on a disk after a crash, whenever it came. Answers the id that a restore takes. */
export async function checkAfterCrash(disk: Disk, history: History): Promise<number | undefined> {
  const storage = new FilesystemCheckpoints({ disk, dir: DIR })
  const report = await storage.open()
  assert.deepEqual(report.damaged, [], 'nothing half-written is there')
  for (const id of history.completed) {
    if (!history.retired.has(id))
      assert.ok(report.completed.includes(id), `checkpoint ${id} was completed and is gone: ${report.completed.join()}`)
  }
  for (const id of report.completed) {
    assert.ok(history.begun.has(id), `checkpoint ${id} was never written`)
    const { checkpoint } = await storage.resolveRestore(`${DIR}/chk-${id}`)
    for (const file of stateFilesOf(checkpoint!.metadata)) await checkFile(storage, file, history)
  }
  const { checkpoint, damaged } = await storage.resolveRestore('latest')
  assert.deepEqual(damaged, [])
  const newest = checkpoint?.metadata.checkpointId
  assert.ok((newest ?? 0) >= Math.max(0, ...history.completed), 'a completed checkpoint is restored')
  await checkNoOrphans(disk, storage, report.completed)
  return newest
}

async function checkFile(storage: FilesystemCheckpoints, file: StateFileHandle, history: History): Promise<void> {
  const reader = await storage.openStateFile(file)
  assert.deepEqual(await reader.read(0, file.length, file.crc32), history.contents.get(file.path))
  await reader.close()
}

export async function checkNoOrphans(disk: Disk, storage: FilesystemCheckpoints, completed: readonly number[]): Promise<void> {
  const used = new Set<string>()
  for (const id of completed) {
    const { checkpoint } = await storage.resolveRestore(`${DIR}/chk-${id}`, { verify: 'length' })
    for (const { path } of stateFilesOf(checkpoint!.metadata)) used.add(path.slice('shared/'.length))
  }
  assert.deepEqual(new Set(await disk.list(`${DIR}/shared`)), used, 'exactly what is referred to is kept')
  assert.deepEqual((await disk.list(DIR)).filter((name) => name.startsWith('chk-')).length, completed.length)
}
