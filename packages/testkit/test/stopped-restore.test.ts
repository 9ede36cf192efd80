// A job that is to end while the files of what it would start from are being looked at: the rest is not read, and nothing is said of what was.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { createMemoryDisk, nodeClock, nodeRandom, type FileHandle } from '@millrace/core'
import { SeededRandom, SimulatedDisk } from '@millrace/testkit'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import type { KeyedStateFile } from '../../engine/src/checkpoint/handles.ts'
import { CopiedCheckpoints, LocalCopies } from '../../engine/src/checkpoint/local-copies.ts'
import { MemoryCheckpoints } from '../../engine/src/checkpoint/memory.ts'
import { ObjectCheckpoints } from '../../engine/src/checkpoint/object-store/object-checkpoints.ts'
import { RemotePlaces } from '../../engine/src/checkpoint/object-store/remote-places.ts'
import { RoutedCheckpoints } from '../../engine/src/checkpoint/object-store/routed-storage.ts'
import type { CheckpointStorage } from '../../engine/src/checkpoint/storage.ts'
import { metadataOf } from './checkpoint-history.ts'
import { emptyBucket, SimulatedStore, type Bucket } from './simulated-object-store.ts'

const DIR = '/checkpoints'
const COPIES = '/copies'
const URL = 's3://bucket/job'
const FILES = 32
/** A chunk, and a bit. */
const FILE_BYTES = (1 << 20) + 10
const content = new Uint8Array(FILE_BYTES)

/** Counts reads of state files. */
class Reads {
  count = 0
  onRead = (_count: number): void => {}

  note(path: string): void {
    if (path.includes('/shared/')) this.onRead(++this.count)
  }
}

class WatchedDisk extends SimulatedDisk {
  readonly #reads: Reads

  constructor(reads: Reads) {
    super({ random: new SeededRandom(1), shortReadProbability: 0 })
    this.#reads = reads
  }

  override async open(...[path, mode]: Parameters<SimulatedDisk['open']>): Promise<FileHandle> {
    const file = await super.open(path, mode)
    const read = file.read.bind(file)
    file.read = (into, position) => {
      this.#reads.note(path)
      return read(into, position)
    }
    return file
  }
}

function watchedStore(bucket: Bucket, reads: Reads): SimulatedStore {
  const before = ({ operation, key }: { operation: string; key: string }): void => {
    if (operation === 'get') reads.note(key)
  }
  return new SimulatedStore({ bucket, random: new SeededRandom(1), before })
}

/** Where a checkpoint is. */
interface Place {
  readonly storage: CheckpointStorage
  readonly disk: SimulatedDisk
  readonly reads: Reads
  readonly path: string
}

async function take(storage: CheckpointStorage): Promise<void> {
  await storage.open()
  const keyed: KeyedStateFile[] = []
  for (let n = 0; n < FILES; n++) {
    const writer = await storage.createStateFile({ attempt: 1, task: 1, subtask: 0 }, 7, `state-${n}`)
    await writer.write(content)
    const segment = { keyGroup: 0, kind: 'full' as const, offset: 0, length: FILE_BYTES, crc32: crc32(content), rows: 1 }
    keyed.push({ ...(await writer.finish()), segments: [segment] })
  }
  await storage.persist(metadataOf(7, 1, [keyed]))
}

async function inFolder(): Promise<Place> {
  const reads = new Reads()
  const disk = new WatchedDisk(reads)
  const storage = new FilesystemCheckpoints({ disk, dir: DIR })
  await take(storage)
  return { storage, disk, reads, path: `${DIR}/chk-7` }
}

async function inBucket(): Promise<Place & { readonly bucket: Bucket }> {
  const reads = new Reads()
  const bucket = emptyBucket()
  const storage = new ObjectCheckpoints({ place: { store: watchedStore(bucket, reads), prefix: 'job/', url: URL } })
  await take(storage)
  return { storage, disk: new WatchedDisk(reads), reads, path: `${URL}/chk-7`, bucket }
}

const places: { readonly [name: string]: () => Promise<Place> } = {
  'in a folder': inFolder,
  'of another job in a folder': async () => {
    const place = await inFolder()
    return { ...place, storage: new MemoryCheckpoints({ disk: place.disk }) }
  },
  'in a store of objects': inBucket,
  'of another job in a store of objects': async () => {
    const { bucket, ...place } = await inBucket()
    const remote = { s3: { endpoint: undefined, region: undefined, pathStyle: false }, hdfs: { webPort: undefined, user: undefined } }
    const openStore = (): SimulatedStore => watchedStore(bucket, place.reads)
    const remotes = new RemotePlaces({ ...remote, requestTimeoutMs: 100 }, { clock: nodeClock, random: nodeRandom, openStore })
    const own = new MemoryCheckpoints()
    return { ...place, storage: new RoutedCheckpoints(own, undefined, { places: remotes, disk: createMemoryDisk(() => 0) }) }
  },
  'in a store of objects, with copies on this machine': async () => {
    const reads = new Reads()
    const disk = new WatchedDisk(reads)
    const local = { disk, dir: COPIES, inlineBytesMax: 0 }
    const copies = new LocalCopies(local)
    const own = new ObjectCheckpoints({ place: { store: watchedStore(emptyBucket(), reads), prefix: 'job/', url: URL }, copies })
    const storage = new CopiedCheckpoints(own, local, copies)
    await take(storage)
    return { storage, disk, reads, path: `${URL}/chk-7` }
  },
}

/** So many reads may be under way when it is heard. */
const UNDER_WAY_MAX = 16
const givenUp = { code: 'JOB_START_GIVEN_UP', details: { jobName: 'job', checkpointId: 7 } }

describe('a job that is to end while it looks at the files of a checkpoint', () => {
  for (const [name, place] of Object.entries(places)) {
    it(`${name} reads no more of them`, async () => {
      const { storage, disk, reads, path } = await place()
      const requests = name.includes('another') ? [path] : [path, 'latest']
      for (const request of requests) {
        for (const at of [1, 2, 5]) {
          const stopping = new AbortController()
          reads.count = 0
          reads.onRead = (count) => {
            if (count === at) stopping.abort()
          }
          const reading = storage.resolveRestore(request, { stopped: stopping.signal })
          await assert.rejects(reading, givenUp, `${request} at ${at}`)
          assert.ok(reads.count < at + UNDER_WAY_MAX, `${reads.count} reads`)
          const { count } = reads
          await assert.rejects(storage.resolveRestore(request, { stopped: stopping.signal }), givenUp)
          await new Promise((resolve) => setImmediate(resolve))
          assert.deepEqual([reads.count, disk.openHandles], [count, 0], 'nothing goes on behind it')
        }
        reads.onRead = () => {}
        const { checkpoint } = await storage.resolveRestore(request, { stopped: new AbortController().signal })
        assert.equal(checkpoint?.metadata.checkpointId, 7)
      }
    })
  }

  it('takes none for damaged: what it has seen may come of its end', async () => {
    const { storage, disk, reads } = await inFolder()
    disk.flip(`${DIR}/shared/1-7-1-0-state-0`, 3)
    const stopping = new AbortController()
    reads.onRead = (count) => {
      if (count === 2) stopping.abort()
    }
    await assert.rejects(storage.resolveRestore('latest', { stopped: stopping.signal }), givenUp)
    await assert.rejects(storage.resolveRestore('latest'), { code: 'CHECKPOINT_ALL_DAMAGED' })
  })
})
