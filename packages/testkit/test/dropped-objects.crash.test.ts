// As dropped-checkpoints.crash.test.ts, in a store of objects: a job dies at any request while it goes back behind its newest checkpoints.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createMemoryDisk, nodeClock, nodeRandom } from '@millrace/core'
import { SeededRandom } from '@millrace/testkit'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import { ObjectCheckpoints } from '../../engine/src/checkpoint/object-store/object-checkpoints.ts'
import { RemotePlaces } from '../../engine/src/checkpoint/object-store/remote-places.ts'
import { RoutedCheckpoints } from '../../engine/src/checkpoint/object-store/routed-storage.ts'
import { ObjectOriginNote } from '../../engine/src/checkpoint/origin-note.ts'
import { RootedCheckpoints } from '../../engine/src/checkpoint/origins.ts'
import { dropCheckpointsFrom } from '../../engine/src/runtime/restore/restoration.ts'
import { metadataOf, start, take } from './checkpoint-history.ts'
import { never } from './crashing-disk.ts'
import { emptyBucket, SimulatedStore, type Bucket } from './simulated-object-store.ts'

const URL = 's3://bucket/job'
const PREFIX = 'job/'
const ORIGIN = '/savepoints/chk-1'
const [OLDER, NEWEST] = [4, 5]
const disk = createMemoryDisk(() => 0)

/** `dies`: asked before each request. */
function storageOn(bucket: Bucket, dies: () => boolean = () => false): RootedCheckpoints {
  const store = new SimulatedStore({ bucket, random: new SeededRandom(1), before: () => (dies() ? never : undefined) })
  const place = { store, prefix: PREFIX, url: URL }
  const s3 = { endpoint: undefined, region: undefined, pathStyle: false }
  const hdfs = { webPort: undefined, user: undefined }
  const places = new RemotePlaces({ s3, hdfs, requestTimeoutMs: 100 }, { clock: nodeClock, random: nodeRandom })
  return new RootedCheckpoints({
    own: new RoutedCheckpoints(new ObjectCheckpoints({ place }), URL, { places, disk }),
    mode: 'no-claim',
    numRetained: 3,
    note: new ObjectOriginNote(place),
    dispose: async () => {},
    lockBeside: async () => undefined,
  })
}

/** The state of the newest is damaged. */
async function prepare(): Promise<Bucket> {
  const savepoint = new FilesystemCheckpoints({ disk, dir: '/savepoints' })
  await savepoint.open()
  await savepoint.persist(metadataOf(1, 1, [[], []]))
  const bucket = emptyBucket()
  const storage = storageOn(bucket)
  await storage.open()
  await storage.goOnFrom((await storage.resolveRestore(ORIGIN)).checkpoint)
  for (const id of [OLDER, NEWEST]) await take(storage, id, Buffer.alloc(30_000, id))
  const key = [...bucket.objects.keys()].find((name) => name.startsWith(`${PREFIX}shared/1-${NEWEST}-`))!
  bucket.objects.set(key, new Uint8Array(30_000))
  return bucket
}

it('checkpoints in a store of objects that a job goes back behind leave the latest, and from some request on what is before them', async () => {
  const seen: string[] = []
  for (let dieAt = 0, died = true; died; dieAt++) {
    const bucket = await prepare()
    let requests = 0
    const death = Promise.withResolvers<boolean>()
    const storage = storageOn(bucket, () => {
      if (requests++ < dieAt) return false
      death.resolve(true)
      return true
    })
    const drop = async (): Promise<boolean> => {
      assert.ok(await dropCheckpointsFrom({ storage, clock: nodeClock }, OLDER, () => {}))
      return false
    }
    died = await Promise.race([death.promise, drop()])
    seen.push(await start(storageOn(bucket)))
    assert.equal(await start(storageOn(bucket)), seen.at(-1))
  }
  const at = seen.indexOf(ORIGIN)
  assert.deepEqual(seen, [...Array<string>(at).fill(`${URL}/chk-${OLDER}`), ...Array<string>(seen.length - at).fill(ORIGIN)])
})
