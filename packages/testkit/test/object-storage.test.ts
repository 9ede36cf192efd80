import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { MillraceError, nodeClock, nodeDisk, nodeRandom } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { FilesystemCheckpoints } from '../../engine/src/checkpoint/filesystem/filesystem.ts'
import type { KeyedStateFile } from '../../engine/src/checkpoint/handles.ts'
import { stateFilesOf } from '../../engine/src/checkpoint/metadata/metadata.ts'
import { formatCheckpointUrl, parseCheckpointUrl } from '../../engine/src/checkpoint/object-store/checkpoint-url.ts'
import { ObjectCheckpoints } from '../../engine/src/checkpoint/object-store/object-checkpoints.ts'
import { ObjectLock } from '../../engine/src/checkpoint/object-store/object-lock.ts'
import { ObjectStateFiles } from '../../engine/src/checkpoint/object-store/object-state-files.ts'
import {
  ObjectStoreError,
  PART_BYTES,
  type ObjectStore,
  type ObjectStoreReason,
} from '../../engine/src/checkpoint/object-store/object-store.ts'
import { RemotePlaces } from '../../engine/src/checkpoint/object-store/remote-places.ts'
import { RetryingStore } from '../../engine/src/checkpoint/object-store/retrying-store.ts'
import { RoutedCheckpoints } from '../../engine/src/checkpoint/object-store/routed-storage.ts'
import type { CheckpointStorage, StateFileStorage } from '../../engine/src/checkpoint/storage.ts'
import { metadataOf, unreadable } from './checkpoint-history.ts'
import { objectStoreConformance } from './object-store-conformance.ts'
import { emptyBucket, SimulatedStore, type Bucket, type SimulatedStoreOptions, type StoreCall } from './simulated-object-store.ts'

const PREFIX = 'prefix/job/'
const URL = 's3://bucket/prefix/job'

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && error.code === code

function simulated(bucket: Bucket, more: Partial<SimulatedStoreOptions> = {}): SimulatedStore {
  return new SimulatedStore({ bucket, random: new SeededRandom(1), ...more })
}

/** Removes one object after the other, in either order as stores do, and dies amid that. */
class DyingStore extends SimulatedStore {
  readonly died: PromiseWithResolvers<true> = Promise.withResolvers()
  readonly #isReversed: boolean
  #left: number

  constructor(options: SimulatedStoreOptions, left: number, isReversed: boolean) {
    super(options)
    this.#left = left
    this.#isReversed = isReversed
  }

  override async delete(keys: readonly string[]): Promise<void> {
    for (const key of this.#isReversed ? keys.toReversed() : keys) {
      if (this.#left-- === 0) {
        this.kill()
        this.died.resolve(true)
      }
      await super.delete([key])
    }
  }
}

function checkpointsOn(store: ObjectStore, fence?: () => Promise<void>): ObjectCheckpoints {
  return new ObjectCheckpoints({ place: { store, prefix: PREFIX, url: URL }, ...(fence === undefined ? {} : { fence }) })
}

async function writeState(storage: StateFileStorage, checkpointId: number, sizeBytes: number, attempt = 1): Promise<KeyedStateFile> {
  const writer = await storage.createStateFile({ attempt, task: 1, subtask: 0 }, checkpointId, 'state')
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 7 + checkpointId) & 0xff)
  for (let at = 0; at < sizeBytes; at += 1 << 20) await writer.write(bytes.subarray(at, at + (1 << 20)))
  const handle = await writer.finish()
  return { ...handle, segments: [{ keyGroup: 0, kind: 'full', offset: 0, length: sizeBytes, crc32: crc32(bytes), rows: 1 }] }
}

/** Takes a checkpoint with one state file. */
async function take(storage: CheckpointStorage, id: number, sizeBytes: number, attempt = 1): Promise<string | undefined> {
  const file = await writeState(storage, id, sizeBytes, attempt)
  return (await storage.persist(metadataOf(id, attempt, [[file]]))).path
}

async function latest(storage: CheckpointStorage): Promise<[number | undefined, number[]]> {
  const { checkpoint, damaged } = await storage.resolveRestore('latest')
  return [checkpoint?.metadata.checkpointId, damaged.map(({ checkpointId }) => checkpointId)]
}

function names(bucket: Bucket): string[] {
  return [...bucket.objects.keys()].map((key) => key.slice(PREFIX.length)).toSorted()
}

describe('a store of objects in memory', () => {
  const bucket = emptyBucket()
  objectStoreConformance(() => ({ store: simulated(bucket), other: simulated(bucket), prefix: 'a/b/' }))
})

describe('a store of objects that retries', () => {
  const clock = new VirtualClock()
  const bucket = emptyBucket()
  const faults = { refused: 0.2, answerLost: 0.2 }
  const open = (): ObjectStore => {
    const random = new SeededRandom(11)
    const store = new RetryingStore(simulated(bucket, { clock, random, faults }), { clock, random, triesMax: 30, delayMs: 1 })
    // The clock runs by itself here: whoever waits for it moves it on.
    return new Proxy(store, {
      get: (target, name) => {
        const method = Reflect.get(target, name) as (...parameters: unknown[]) => Promise<unknown>
        return (...parameters: unknown[]) => clock.run(method.apply(target, parameters))
      },
    })
  }
  it('writes once what had to be tried again', async () => {
    const store = open()
    for (let index = 0; index < 40; index++) {
      assert.equal(await store.putIfAbsent(`key-${index}`, Buffer.from(`mine ${index}`)), true)
      assert.equal(await store.putIfAbsent(`key-${index}`, Buffer.from('another’s')), false)
      assert.equal(Buffer.from(await store.get(`key-${index}`)).toString(), `mine ${index}`)
    }
    assert.equal((await store.list('')).length, 40)
  })

  it('gives up in the end, and at once where trying again cannot help', async () => {
    const always = new RetryingStore(simulated(bucket, { clock, faults: { refused: 1 } }), {
      clock,
      random: new SeededRandom(1),
      triesMax: 3,
    })
    await assert.rejects(clock.run(always.list('')), ObjectStoreError)
    const inner = simulated(bucket)
    await assert.rejects(new RetryingStore(inner, { clock, random: nodeRandom }).get('missing'), ObjectStoreError)
    assert.equal(inner.calls.length, 1)
  })
})

describe('checkpoints in a store of objects', () => {
  it('remove with the next one what of a superfluous one could not be removed, and leave alone what is not theirs', async () => {
    const bucket = emptyBucket()
    let refused: ((key: string) => boolean) | undefined
    const before = ({ operation, key }: StoreCall): void => {
      if (operation === 'delete' && refused?.(key) === true) throw new ObjectStoreError('unavailable', 'not now')
    }
    const storage = checkpointsOn(simulated(bucket, { before }))
    bucket.objects.set(`${PREFIX}shared/notes.txt`, Buffer.from('mine'))
    await storage.open()
    const [goes, stays] = [await writeState(storage, 1, PART_BYTES + 1), await writeState(storage, 2, PART_BYTES + 1)]
    await storage.persist(metadataOf(1, 1, [[goes, stays]]))
    await storage.persist(metadataOf(2, 1, [[stays]]))
    const shared = (): readonly string[] => [...bucket.objects.keys()].filter((key) => key.includes('/shared/'))
    const many = shared().length
    refused = (key) => key.includes('/shared/')
    await assert.rejects(storage.retire(1), hasCode('CHECKPOINT_STORAGE_UNREACHABLE'))
    refused = undefined
    assert.equal(shared().length, many)
    await storage.persist(metadataOf(3, 1, [[stays]]))
    assert.equal(shared().length, many - 1)
    await storage.removeAll()
    assert.deepEqual([...bucket.objects.keys()], [`${PREFIX}shared/notes.txt`])
  })

  it('never restores again what was given up, and leaves nothing of it', async () => {
    const bucket = emptyBucket()
    const first = checkpointsOn(simulated(bucket))
    await first.open()
    for (const id of [1, 2]) await take(first, id, 50_000)
    const { checkpoint } = await first.resolveRestore('latest', { damaged: unreadable(2) })
    assert.deepEqual([await first.goOnFrom(checkpoint), await first.goOnFrom(checkpoint)], [[2], []])
    const second = checkpointsOn(simulated(bucket))
    for (const storage of [first, second]) {
      const { completed, givenUp, orphansRemoved } = await storage.open()
      assert.deepEqual({ completed, givenUp, orphansRemoved }, { completed: [1, 2], givenUp: [2], orphansRemoved: [] })
      assert.deepEqual(await latest(storage), [1, []])
      await assert.rejects(storage.resolveRestore(`${URL}/chk-2`), hasCode('CHECKPOINT_GIVEN_UP'))
    }
    await second.retire(2)
    assert.deepEqual(await latest(second), [1, []])
    assert.deepEqual(
      names(bucket).filter((name) => name.startsWith('chk-2') || name.includes('-2-')),
      [],
    )
  })

  it('gives back small, middle and large states, in few requests', async () => {
    const bucket = emptyBucket()
    const store = simulated(bucket)
    const storage = checkpointsOn(store)
    assert.deepEqual(await storage.open(), { completed: [], givenUp: [], nextCheckpointId: 1, orphansRemoved: [], damaged: [] })
    for (const [index, sizeBytes] of [100, 50_000, 2 * PART_BYTES + 5].entries()) {
      store.calls.length = 0
      assert.equal(await take(storage, index + 1, sizeBytes), `${URL}/chk-${index + 1}`)
      assert.equal(store.calls.length, [1, 2, 6][index], store.calls.map(({ operation }) => operation).join())
    }
    for (const id of [1, 2, 3]) {
      const { checkpoint } = await checkpointsOn(store).resolveRestore(`${URL}/chk-${id}`)
      // As a subtask on another thread has it.
      const [file] = structuredClone(stateFilesOf(checkpoint!.metadata))
      store.calls.length = 0
      const reader = await new ObjectStateFiles({ store, prefix: PREFIX, url: URL }).openStateFile(file!)
      assert.equal((await reader.read(0, file!.length, file!.crc32)).length, file!.length)
      for (let at = 0; at < 50; at++) await assert.rejects(reader.read(at, 1, -1), hasCode('CHECKPOINT_DAMAGED'))
      assert.ok(store.calls.length <= [0, 1, 3][id - 1]!, `${store.calls.length} requests for a restore`)
      await assert.rejects(reader.read(0, 2 ** 40, 0), hasCode('CHECKPOINT_DAMAGED'), 'no allocation by a claimed length')
      await reader.close()
    }
    await storage.retire(1)
    await storage.retire(3)
    assert.deepEqual(names(bucket), ['chk-2/_metadata', 'shared/1-2-1-0-state'])
    await storage.removeAll()
    assert.deepEqual(names(bucket), [])
  })

  it('removes all of them so that whoever starts after a crash in between goes on from the latest, or from nothing', async () => {
    for (const isReversed of [false, true]) {
      for (let left = 0, died = true; died; left++) {
        const bucket = emptyBucket()
        const store = new DyingStore({ bucket, random: new SeededRandom(1) }, left, isReversed)
        const storage = checkpointsOn(store)
        await storage.open()
        for (const id of [1, 2, 3]) await take(storage, id, 50_000)
        const { checkpoint } = await storage.resolveRestore('latest', { damaged: unreadable(3) })
        assert.deepEqual(await storage.goOnFrom(checkpoint), [3])
        died = await Promise.race([store.died.promise, storage.removeAll().then(() => false)])
        const next = checkpointsOn(simulated(bucket))
        await next.open()
        const [found] = await latest(next)
        assert.ok(found === 2 || found === undefined, `after ${left} removals the latest is ${found}`)
        if (found === undefined) assert.deepEqual(names(bucket), [])
      }
    }
  })

  it('falls back to the one before, and says so, whatever is damaged', async () => {
    const damages: ((objects: Bucket['objects'], key: (name: string) => string) => void)[] = [
      (objects, key) => objects.get(key('chk-5/_metadata'))!.set([1], 90),
      (objects, key) => void objects.set(key('chk-5/_metadata'), objects.get(key('chk-5/_metadata'))!.slice(0, -5)),
      (objects, key) => objects.get(key('chk-5/_metadata'))!.set([1], objects.get(key('chk-5/_metadata'))!.length - 3),
      (objects, key) => void objects.delete(key('shared/1-5-1-0-state')),
      (objects, key) => objects.get(key('shared/1-5-1-0-state'))!.set([1, 1], 600),
      (objects, key) => void objects.set(key('shared/1-5-1-0-state'), new Uint8Array(10)),
    ]
    for (const [index, damage] of damages.entries()) {
      const bucket = emptyBucket()
      const storage = checkpointsOn(simulated(bucket))
      await take(storage, 4, 50)
      const files = [await writeState(storage, 5, 30_000), { ...(await writeState(storage, 5, 10)), path: 'shared/1-5-1-0-small' }]
      await storage.persist(metadataOf(5, 1, [files]))
      assert.deepEqual(await latest(storage), [5, []])
      damage(bucket.objects, (name) => PREFIX + name)
      assert.deepEqual(await latest(storage), [4, [5]], `damage ${index}`)
      await assert.rejects(storage.resolveRestore(`${URL}/chk-5`), hasCode('CHECKPOINT_DAMAGED'))
      assert.deepEqual(await storage.resolveRestore('none'), { checkpoint: undefined, damaged: [] })
      const refused = await storage.resolveRestore('latest', { damaged: unreadable(4) }).catch((error: unknown) => error)
      assert.ok(refused instanceof MillraceError && refused.code === 'CHECKPOINT_ALL_DAMAGED' && refused.cause instanceof Error)
      assert.match(refused.message, new RegExp(`; ${URL}/chk-5: .*(_metadata|shared/1-5-1-0-state): `), `damage ${index}`)
      const before = names(bucket).filter((name) => name.startsWith('shared/'))
      await checkpointsOn(simulated(bucket)).open()
      if (index < 3)
        assert.deepEqual(
          names(bucket).filter((name) => name.startsWith('shared/')),
          before,
          'nothing goes while metadata cannot be read',
        )
    }
  })

  it('removes at the start what a crash left behind, and nothing else', async () => {
    const bucket = emptyBucket()
    const storage = checkpointsOn(simulated(bucket))
    await take(storage, 1, 30_000)
    await writeState(storage, 2, 30_000)
    const store = simulated(bucket)
    await (await store.beginUpload(`${PREFIX}shared/1-3-1-0-state`)).part(new Uint8Array(10))
    await store.put(`${PREFIX}chk-4/_metadata`, new Uint8Array(0))
    await store.put(`${PREFIX}chk-5/_metadata.pending-1`, new Uint8Array(7))
    await store.put('prefix/job-2/shared/1-1-1-0-state', new Uint8Array(7))
    const report = await checkpointsOn(simulated(bucket)).open()
    assert.deepEqual([report.completed, report.nextCheckpointId, report.damaged], [[1], 6, []])
    assert.deepEqual(report.orphansRemoved.toSorted(), [
      'chk-4/_metadata',
      'chk-5/_metadata.pending-1',
      'shared/1-2-1-0-state',
      'shared/1-3-1-0-state',
    ])
    assert.deepEqual([bucket.objects.size, bucket.uploads.size], [3, 0])
  })

  it('knows a checkpoint whose answer was lost as complete, and one that was given up as never to be', async () => {
    const bucket = emptyBucket()
    let lose: 'answer' | 'request' | undefined
    const store = simulated(bucket, {
      before: async ({ operation, key }) => {
        if (operation !== 'putIfAbsent' || lose === undefined) return
        const how = lose
        lose = undefined
        if (how === 'answer') bucket.objects.set(key, await encoded)
        throw new ObjectStoreError('unreachable', 'lost')
      },
    })
    const storage = checkpointsOn(store)
    const twin = emptyBucket()
    await checkpointsOn(simulated(twin)).persist(metadataOf(1, 1, [[]]))
    const encoded = Promise.resolve(twin.objects.get(`${PREFIX}chk-1/_metadata`)!)
    lose = 'answer'
    await storage.persist(metadataOf(1, 1, [[]]))
    lose = 'request'
    await assert.rejects(storage.persist(metadataOf(2, 1, [[]])), hasCode('CHECKPOINT_STORAGE_UNREACHABLE'))
    assert.equal(bucket.objects.get(`${PREFIX}chk-2/_metadata`)?.length, 0, 'what comes late finds the place taken')
    assert.deepEqual(await latest(storage), [1, []])
    await storage.persist(metadataOf(3, 1, [[]]))
    assert.deepEqual(names(bucket), ['chk-1/_metadata', 'chk-3/_metadata'])
  })

  it('goes on from what later attempts completed, whatever a former one completes too late', async () => {
    const bucket = emptyBucket()
    await take(checkpointsOn(simulated(bucket)), 10, 50, 1)
    const successor = checkpointsOn(simulated(bucket))
    await successor.open()
    let isFenced = false
    const former = checkpointsOn(simulated(bucket, { before: () => void (isFenced = true) }), async () => {
      if (isFenced) throw new Error('fenced')
    })
    await assert.rejects(take(former, 12, 50, 1), 'not announced, though it is there')
    await take(successor, 11, 50, 2)
    const third = checkpointsOn(simulated(bucket))
    await third.open()
    assert.deepEqual(await latest(third), [11, []])
    await assert.rejects(take(successor, 12, 50, 2), hasCode('CHECKPOINT_STORAGE_FAILED'), 'never over another')
  })

  it('completes and removes nothing once fenced', async () => {
    const bucket = emptyBucket()
    await take(checkpointsOn(simulated(bucket)), 1, 30_000)
    await simulated(bucket).put(`${PREFIX}shared/2-2-1-0-state`, new Uint8Array(3))
    const before = names(bucket)
    const fenced = checkpointsOn(simulated(bucket), () => Promise.reject(new Error('fenced')))
    await assert.rejects(fenced.open())
    await assert.rejects(fenced.persist(metadataOf(2, 1, [[]])))
    await assert.rejects(fenced.retire(1))
    await assert.rejects(fenced.removeAll())
    assert.deepEqual(names(bucket), before)
  })

  it('says what is wrong with the store, and leaves nothing of an upload that failed', async () => {
    const codes: readonly [ObjectStoreReason, string][] = [
      ['full', 'CHECKPOINT_STORAGE_FULL'],
      ['forbidden', 'CHECKPOINT_STORAGE_FORBIDDEN'],
      ['no-place', 'CHECKPOINT_STORAGE_MISSING'],
      ['unreachable', 'CHECKPOINT_STORAGE_UNREACHABLE'],
      ['throttled', 'CHECKPOINT_STORAGE_UNREACHABLE'],
      ['other', 'CHECKPOINT_STORAGE_FAILED'],
    ]
    for (const [reason, code] of codes) {
      const bucket = emptyBucket()
      let parts = 0
      const store = simulated(bucket, {
        before: ({ operation }) => {
          if (operation === 'putIfAbsent' || operation === 'list' || (operation === 'part' && ++parts === 2))
            throw new ObjectStoreError(reason, 'no')
        },
      })
      const storage = checkpointsOn(store)
      await assert.rejects(storage.open(), hasCode(code))
      await assert.rejects(storage.persist(metadataOf(1, 1, [[]])), hasCode(code))
      const writer = await storage.createStateFile({ attempt: 1, task: 1, subtask: 0 }, 1, 'state')
      await writer.write(new Uint8Array(PART_BYTES))
      await assert.rejects(writer.write(new Uint8Array(PART_BYTES)), hasCode(code))
      await writer.abort()
      await writer.abort()
      assert.deepEqual([bucket.uploads.size, bucket.objects.size], [0, 0])
    }
  })
})

describe('a state file in a store of objects', () => {
  for (const [size, sizeBytes] of Object.entries({ small: 50_000, 'in parts': PART_BYTES + 1 })) {
    it(`leaves nothing where it is given up while it is written, or before: ${size}`, async () => {
      const bucket = emptyBucket()
      const { promise: released, resolve: release } = Promise.withResolvers<void>()
      const held = async ({ operation }: { readonly operation: string }): Promise<void> => {
        if (operation === 'put' || operation === 'part') await released
      }
      const files = new ObjectStateFiles({ store: simulated(bucket, { before: held }), prefix: PREFIX, url: URL })
      const begin = (name: string) => files.createStateFile({ attempt: 1, task: 1, subtask: 0 }, 1, name)
      const writing = await begin('while')
      const written = writing.write(new Uint8Array(sizeBytes)).then(() => writing.finish())
      written.catch(() => {})
      const aborted = writing.abort()
      release()
      await aborted
      const before = await begin('before')
      await before.write(new Uint8Array(50_000))
      await before.abort()
      await assert.rejects(before.finish(), /was given up/)
      assert.deepEqual([names(bucket), bucket.uploads.size], [[], 0])
    })
  }
})

describe('the lock in a store of objects', () => {
  const clock = new VirtualClock()
  const open = (bucket: Bucket, pid: number, alive: Set<number>, host = 'here'): ObjectLock => {
    alive.add(pid)
    const identity = { host, bootId: undefined, pidNamespace: undefined, pid, startTicks: undefined }
    const processes = { self: () => identity, observe: (other: number) => ({ running: alive.has(other), startTicks: undefined }) as never }
    const place = { store: simulated(bucket), prefix: PREFIX, url: URL }
    return new ObjectLock({ place, clock, random: nodeRandom, jobName: 'job', processes })
  }

  it('is held by one, numbers attempts, and is taken from the dead and the gone', async () => {
    const [bucket, alive] = [emptyBucket(), new Set<number>()]
    const [first, second] = [open(bucket, 1, alive), open(bucket, 2, alive)]
    const took = await Promise.allSettled([first.nextAttempt(), second.nextAttempt()])
    assert.deepEqual(took.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    const [holder, other] = took[0].status === 'fulfilled' ? [first, second] : [second, first]
    await assert.rejects(other.nextAttempt(), hasCode('JOB_LOCKED'))
    await assert.rejects(other.check(), hasCode('JOB_FENCED'))
    assert.equal(await holder.nextAttempt(), 2)
    await holder.check()
    alive.delete(holder === first ? 1 : 2)
    assert.equal(await other.nextAttempt(), 3)
    await assert.rejects(holder.check(), hasCode('JOB_FENCED'))
    await assert.rejects(holder.nextAttempt(), hasCode('JOB_FENCED'))
    await assert.rejects(holder.attemptAbove(57), hasCode('JOB_FENCED'))
    assert.equal(await other.attemptAbove(57), 58)
    await other.check()
    await holder.release()
    await assert.rejects(open(bucket, 4, alive).nextAttempt(), hasCode('JOB_LOCKED'), 'what is taken over releases nothing')
    await other.release()
    const elsewhere = open(bucket, 3, alive, 'there')
    assert.equal(await elsewhere.nextAttempt(), 59)
    await assert.rejects(clock.run(open(bucket, 5, alive).nextAttempt()), hasCode('JOB_LOCKED'), 'it is seen to be renewed')
    const waiting = open(bucket, 5, alive).nextAttempt()
    await simulated(bucket).put(`${PREFIX}lock/attempt-59.released`, new Uint8Array(0))
    assert.equal(await clock.run(waiting), 60)
    await assert.rejects(elsewhere.check(), hasCode('JOB_FENCED'))
  })

  it('is taken over from an instance that nobody sees and that renews nothing, after its lease', async () => {
    const bucket = emptyBucket()
    const [gone, next] = [open(bucket, 1, new Set(), 'there'), open(bucket, 2, new Set())]
    await gone.nextAttempt()
    await clock.advance(25_000)
    assert.ok(bucket.objects.has(`${PREFIX}lock/attempt-1.renewed`))
    const fenced: string[] = []
    gone.onFenced(({ code }) => fenced.push(code))
    // What it stores from now on does not arrive.
    const late = new Map<string, Uint8Array<ArrayBuffer>>()
    const arrives = bucket.objects.set.bind(bucket.objects)
    bucket.objects.set = (key, bytes) => (key.endsWith('.renewed') ? late.set(key, bytes) && bucket.objects : arrives(key, bytes))
    const before = clock.monotonic()
    const said: string[] = []
    assert.equal(await clock.run(next.nextAttempt((message) => said.push(message))), 2)
    assert.ok(clock.monotonic() - before >= 30_000)
    assert.match(said.join(), /process 1 on there.*attempt 1.*30 s/)
    await clock.advance(10_000)
    assert.deepEqual(fenced, ['JOB_FENCED'], 'it hears of it without being asked')
    bucket.objects.set = arrives
    assert.equal(await next.nextAttempt(), 3)
    assert.deepEqual([...bucket.objects.keys()], [`${PREFIX}lock/attempt-3`], 'nothing piles up')
    await next.release()
  })

  it('notices that the place was emptied', async () => {
    const bucket = emptyBucket()
    const lock = open(bucket, 1, new Set())
    await lock.nextAttempt()
    bucket.objects.clear()
    await assert.rejects(lock.check(), hasCode('CHECKPOINT_STORAGE_LOST'))
    await assert.rejects(lock.nextAttempt(), hasCode('CHECKPOINT_STORAGE_LOST'), 'no number is given twice')
  })
})

describe('restoring from another place', () => {
  const remote = { s3: { endpoint: undefined, region: undefined, pathStyle: false }, hdfs: { webPort: undefined, user: undefined } }

  it('reads a folder from a job that keeps its checkpoints in a store', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-routed-'))
    try {
      const folder = new FilesystemCheckpoints({ disk: nodeDisk, dir })
      await folder.open()
      const path = await take(folder, 7, 300)
      const places = new RemotePlaces({ ...remote, requestTimeoutMs: 100 }, { clock: nodeClock, random: nodeRandom })
      const routed = new RoutedCheckpoints(checkpointsOn(simulated(emptyBucket())), URL, { places, disk: nodeDisk })
      const { checkpoint } = await routed.resolveRestore(path!)
      assert.deepEqual([checkpoint?.metadata.checkpointId, checkpoint?.own], [7, false])
      const [file] = stateFilesOf(checkpoint!.metadata)
      const reader = await routed.openStateFile(file!)
      assert.equal((await reader.read(0, 300, file!.crc32)).length, 300)
      await reader.close()
      await assert.rejects(routed.persist({ ...checkpoint!.metadata, checkpointId: 9 }), hasCode('CHECKPOINT_UNENCODABLE'))
      await assert.rejects(routed.resolveRestore('ftp://somewhere/chk-1'), hasCode('CHECKPOINT_URL_INVALID'))
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('takes URLs as users write them', () => {
    const good = ['s3://bucket', 's3://my.bucket/a/b', 'hdfs://host:8020/a', 'webhdfs://host/a', 'swebhdfs://[::1]:9871/a']
    for (const url of good) assert.equal(formatCheckpointUrl(parseCheckpointUrl(`${url}/`)), url)
    assert.equal(formatCheckpointUrl(parseCheckpointUrl('s3a://bucket//a//b/')), 's3://bucket/a/b')
    for (const bad of ['s3://', 's3:///a', 'hdfs://host:99999/a', 'hdfs://user@host/a', 's3://bucket/../a', 'gs://bucket/a', 'nothing'])
      assert.throws(() => parseCheckpointUrl(bad), hasCode('CHECKPOINT_URL_INVALID'), bad)
  })
})
