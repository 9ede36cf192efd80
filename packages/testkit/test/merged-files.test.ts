// Small state files of a checkpoint merged into few objects: what it costs, what is kept, and what is given back.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { MillraceError, nodeClock, nodeDisk, nodeRandom } from '@millrace/core'
import { SeededRandom } from '@millrace/testkit'
import { restoreForeign } from '../../engine/src/checkpoint/foreign-checkpoint.ts'
import { withoutMergedBytes, type KeyedStateFile, type StateFileHandle } from '../../engine/src/checkpoint/handles.ts'
import { decodeMetadata, encodeMetadata } from '../../engine/src/checkpoint/metadata/metadata-format.ts'
import { stateFilesOf, type CheckpointMetadata } from '../../engine/src/checkpoint/metadata/metadata.ts'
import { ObjectCheckpoints } from '../../engine/src/checkpoint/object-store/object-checkpoints.ts'
import { RemotePlaces } from '../../engine/src/checkpoint/object-store/remote-places.ts'
import { RoutedStateFiles } from '../../engine/src/checkpoint/object-store/routed-storage.ts'
import { FilesystemStateFiles } from '../../engine/src/checkpoint/filesystem/state-files.ts'
import type { StateFileStorage } from '../../engine/src/checkpoint/storage.ts'
import { metadataOf } from './checkpoint-history.ts'
import { emptyBucket, SimulatedStore, type Bucket, type StoreCall } from './simulated-object-store.ts'

const PREFIX = 'prefix/job/'
const URL = 's3://bucket/prefix/job'
const SIZE = 30_000
const random = new SeededRandom(3)

interface Place {
  readonly bucket: Bucket
  readonly store: SimulatedStore
  readonly storage: ObjectCheckpoints
}

function place(bucket: Bucket = emptyBucket(), options: { readonly merging?: boolean; readonly objectBytesMax?: number } = {}): Place {
  const store = new SimulatedStore({ bucket, random })
  const { merging = true, objectBytesMax } = options
  const storage = new ObjectCheckpoints({
    place: { store, prefix: PREFIX, url: URL },
    limits: { mergeBytesMax: merging ? 100_000 : 0 },
    ...(objectBytesMax === undefined ? {} : { mergedObjectBytesMax: objectBytesMax }),
  })
  return { bucket, store, storage }
}

function contentOf(checkpointId: number, subtask: number): Uint8Array {
  return Uint8Array.from({ length: SIZE }, (_, index) => (index * 7 + checkpointId * 3 + subtask) & 0xff)
}

async function write(storage: StateFileStorage, checkpointId: number, subtask: number): Promise<KeyedStateFile> {
  const writer = await storage.createStateFile({ attempt: 1, task: 1, subtask }, checkpointId, 'state')
  const bytes = contentOf(checkpointId, subtask)
  await writer.write(bytes)
  const handle = await writer.finish()
  return { ...handle, segments: [{ keyGroup: subtask, kind: 'delta', offset: 0, length: SIZE, crc32: crc32(bytes), rows: 1 }] }
}

/** One new file a subtask over `base`; what the subtasks hold on to when it is complete. */
async function take(storage: ObjectCheckpoints, id: number, base: readonly (readonly KeyedStateFile[])[]): Promise<KeyedStateFile[][]> {
  const files = await Promise.all(base.map((_, subtask) => write(storage, id, subtask)))
  const chains = base.map((chain, subtask) => [...chain, files[subtask]!])
  await storage.persist(metadataOf(id, 1, chains))
  return chains.map((chain) => chain.map(withoutMergedBytes))
}

const empty = (subtasks: number): KeyedStateFile[][] => Array.from({ length: subtasks }, () => [])
const writes = (store: SimulatedStore): StoreCall[] =>
  store.calls.filter(({ operation }) => /^(put|beginUpload|part|complete)/.test(operation))
const shared = ({ bucket }: Place): string[] =>
  [...bucket.objects.keys()].flatMap((key) => (key.includes('/shared/') ? [key.slice(PREFIX.length)] : [])).toSorted()

async function readAll(storage: StateFileStorage, metadata: CheckpointMetadata): Promise<void> {
  for (const file of stateFilesOf(metadata)) {
    const [, id, subtask] = /-(\d+)-1-(\d+)-state$/.exec(file.path)!
    const reader = await storage.openStateFile(file)
    assert.deepEqual(Buffer.from(await reader.read(0, file.length, file.crc32)), Buffer.from(contentOf(Number(id), Number(subtask))))
    await reader.close()
  }
}

describe('files merged on a store of objects', () => {
  it('take two requests a checkpoint, where each file would take one', async () => {
    const counts: number[] = []
    for (const merging of [false, true]) {
      const { storage, store } = place(emptyBucket(), { merging })
      await storage.open()
      const chains = await take(storage, 1, empty(40))
      store.calls.length = 0
      await take(storage, 2, chains)
      counts.push(writes(store).length)
    }
    assert.deepEqual(counts, [41, 2])
  })

  it('are split over objects that are no larger than they may be', async () => {
    const { storage, bucket } = place(emptyBucket(), { objectBytesMax: 4 * SIZE })
    await storage.open()
    await take(storage, 1, empty(10))
    const sizes = [...bucket.objects].filter(([key]) => key.includes('merged')).map(([, { length }]) => length / SIZE)
    assert.deepEqual(sizes, [4, 4, 2])
  })

  it('are found again, over restarts, by whoever merges and whoever does not', async () => {
    const here = place()
    await here.storage.open()
    let chains = await take(here.storage, 1, empty(3))
    chains = await take(here.storage, 2, chains)
    for (const merging of [true, false]) {
      const { storage } = place(here.bucket, { merging })
      assert.deepEqual(await storage.open(), { completed: [1, 2], givenUp: [], nextCheckpointId: 3, orphansRemoved: [], damaged: [] })
      const { checkpoint } = await storage.resolveRestore('latest')
      assert.equal(stateFilesOf(checkpoint!.metadata).length, 6)
      await readAll(storage, checkpoint!.metadata)
    }
    // The next one builds on what was restored, and takes it over where it is.
    const { storage, store } = place(here.bucket, { merging: false })
    await storage.open()
    const { checkpoint } = await storage.resolveRestore('latest')
    store.calls.length = 0
    await take(
      storage,
      3,
      checkpoint!.metadata.operators[0]!.subtasks.map(({ keyed }) => [...keyed]),
    )
    assert.equal(writes(store).length, 4)
    const third = await storage.resolveRestore('latest')
    assert.equal(stateFilesOf(third.checkpoint!.metadata).filter(({ within }) => within !== undefined).length, 6)
    await readAll(storage, third.checkpoint!.metadata)
  })

  it('stay while any checkpoint has one of them, and go with the last', async () => {
    const here = place()
    const { storage } = here
    await storage.open()
    const first = await take(storage, 1, empty(4))
    const second = await take(storage, 2, first)
    await storage.retire(1)
    assert.deepEqual(shared(here), ['shared/1-1-merged-0', 'shared/1-2-merged-0'])
    // Nothing of the first is left in the third.
    await take(
      storage,
      3,
      second.map((chain) => chain.slice(1)),
    )
    assert.deepEqual(shared(here), ['shared/1-1-merged-0', 'shared/1-2-merged-0', 'shared/1-3-merged-0'])
    await storage.retire(2)
    assert.deepEqual(shared(here), ['shared/1-2-merged-0', 'shared/1-3-merged-0'])
    await readAll(storage, (await storage.resolveRestore('latest')).checkpoint!.metadata)
  })

  it('are merged anew where less than half of an object is needed', async () => {
    const here = place()
    const { storage } = here
    await storage.open()
    const first = await take(storage, 1, empty(5))
    // Of five files the next needs two.
    const second = await take(
      storage,
      2,
      first.map((chain, subtask) => (subtask < 2 ? chain : [])),
    )
    await storage.retire(1)
    assert.deepEqual(shared(here), ['shared/1-2-merged-0'])
    await readAll(storage, (await storage.resolveRestore('latest')).checkpoint!.metadata)
    // Those that hold on to where they were find them where they are.
    const before = here.store.calls.length
    await take(storage, 3, second)
    assert.equal(here.store.calls.slice(before).filter(({ operation }) => operation === 'get').length, 0)
    await readAll(storage, (await storage.resolveRestore('latest')).checkpoint!.metadata)
  })

  it('are where the restored checkpoint has them, not where one has that was damaged and given up', async () => {
    const here = place()
    await here.storage.open()
    const first = await take(here.storage, 1, empty(5))
    // It needs two of the five, and has them merged anew, behind its own.
    await take(
      here.storage,
      2,
      first.map((chain, subtask) => (subtask < 2 ? chain : [])),
    )
    const merged = here.bucket.objects.get(`${PREFIX}shared/1-2-merged-0`)!
    merged[merged.length - 1]! ^= 1
    let { storage } = place(here.bucket)
    await storage.open()
    const { checkpoint, damaged } = await storage.resolveRestore('latest')
    assert.deepEqual([checkpoint?.metadata.checkpointId, damaged.map(({ checkpointId }) => checkpointId)], [1, [2]])
    assert.deepEqual(await storage.goOnFrom(checkpoint), [2])
    // Also where another process had given it up.
    for (const checkpointId of [3, 4]) {
      const { checkpoint: latest } = await storage.resolveRestore('latest')
      await take(
        storage,
        checkpointId,
        latest!.metadata.operators[0]!.subtasks.map(({ keyed }) => [...keyed]),
      )
      const next = await storage.resolveRestore('latest')
      assert.deepEqual([next.checkpoint?.metadata.checkpointId, next.damaged], [checkpointId, []])
      await readAll(storage, next.checkpoint!.metadata)
      await storage.retire(checkpointId)
      storage = place(here.bucket).storage
      await storage.open()
    }
  })

  it('leave nothing behind when the checkpoint comes to nothing, nor when the process dies', async () => {
    for (const at of ['merged', '_metadata'] as const) {
      const bucket = emptyBucket()
      const here = place(bucket)
      await here.storage.open()
      const chains = await take(here.storage, 1, empty(3))
      const files = await Promise.all(chains.map((_, subtask) => write(here.storage, 2, subtask)))
      // It dies before what it was about to write, and after.
      for (const kill of ['before', 'after'] as const) {
        const store = new SimulatedStore({
          bucket,
          random,
          before: ({ key, operation }) => {
            if (!key.includes(at) || !operation.startsWith('put')) return undefined
            if (kill === 'before') return new Promise(() => {})
            queueMicrotask(() => store.kill())
            return undefined
          },
        })
        const dying = new ObjectCheckpoints({ place: { store, prefix: PREFIX, url: URL }, limits: { mergeBytesMax: 100_000 } })
        await dying.open()
        void dying.persist(
          metadataOf(
            2,
            1,
            chains.map((chain, subtask) => [...chain, files[subtask]!]),
          ),
        )
        await new Promise((resolve) => setTimeout(resolve, 5))
        const next = place(bucket)
        const report = await next.storage.open()
        const complete = at === '_metadata' && kill === 'after'
        assert.deepEqual(report.completed, complete ? [1, 2] : [1], `${at} ${kill}`)
        assert.deepEqual(report.damaged, [])
        const left = complete ? ['shared/1-1-merged-0', 'shared/1-2-merged-0'] : ['shared/1-1-merged-0']
        assert.deepEqual(shared(next), left, `${at} ${kill}`)
        await readAll(next.storage, (await next.storage.resolveRestore('latest')).checkpoint!.metadata)
      }
    }
    // What fails without a crash is taken back at once.
    const refused = place()
    await refused.storage.open()
    const file = await write(refused.storage, 1, 0)
    refused.bucket.objects.set(`${PREFIX}chk-1/_metadata`, new Uint8Array(1))
    await assert.rejects(refused.storage.persist(metadataOf(1, 1, [[file]])), (error) => error instanceof MillraceError)
    assert.deepEqual(shared(refused), [])
  })

  it('damaged or cut off are noticed', async () => {
    for (const damage of ['cut', 'changed', 'missing'] as const) {
      const here = place()
      await here.storage.open()
      await take(here.storage, 1, empty(3))
      const [key, bytes] = [...here.bucket.objects].find(([name]) => name.includes('merged'))!
      if (damage === 'cut') here.bucket.objects.set(key, bytes.slice(0, -1))
      else if (damage === 'missing') here.bucket.objects.delete(key)
      else bytes[SIZE + 5]! ^= 1
      await assert.rejects(
        here.storage.resolveRestore('latest'),
        (error) => error instanceof MillraceError && error.code === 'CHECKPOINT_ALL_DAMAGED',
      )
    }
  })

  it('copied to a folder are restored there', async () => {
    const here = place()
    await here.storage.open()
    await take(here.storage, 1, empty(3))
    const folder = mkdtempSync(join(tmpdir(), 'millrace-merged-'))
    try {
      for (const [key, bytes] of here.bucket.objects) {
        const path = join(folder, key.slice(PREFIX.length))
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, bytes)
      }
      const { metadata } = await restoreForeign(nodeDisk, join(folder, 'chk-1'), { verify: 'full' })
      const remote = { s3: { endpoint: undefined, region: undefined, pathStyle: false }, hdfs: { webPort: undefined, user: undefined } }
      const places = new RemotePlaces({ ...remote, requestTimeoutMs: 1_000 }, { clock: nodeClock, random: nodeRandom })
      await readAll(new RoutedStateFiles(new FilesystemStateFiles(nodeDisk, '/nowhere'), { places, disk: nodeDisk }), metadata)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('metadata that refer to merged files', () => {
  const file: KeyedStateFile = {
    path: 'shared/1-2-3-0-a',
    length: 5,
    crc32: 9,
    within: { path: 'shared/1-2-merged-0', offset: 77 },
    segments: [],
  }

  it('are of version 2, and others are as they always were', () => {
    const encoded = encodeMetadata(metadataOf(2, 1, [[file]]))
    assert.match(Buffer.from(encoded).toString(), /^millrace-checkpoint 2 /)
    assert.deepEqual(decodeMetadata(encoded), metadataOf(2, 1, [[file]]))
    const { within: _, ...plain } = file
    assert.match(Buffer.from(encodeMetadata(metadataOf(2, 1, [[plain]]))).toString(), /^millrace-checkpoint 1 /)
  })

  it('are damaged where a place makes no sense', () => {
    const wrong: readonly unknown[] = [
      { path: '../up', offset: 0 },
      { path: 'shared/x', offset: -1 },
      { path: 'shared/x', offset: 0.5 },
    ]
    for (const within of wrong) {
      assert.throws(() =>
        decodeMetadata(encodeMetadata(metadataOf(2, 1, [[{ ...file, within: within as NonNullable<StateFileHandle['within']> }]]))),
      )
    }
  })
})
