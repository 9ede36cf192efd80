// Whose checkpoint it is that another job claims: in folders and in stores of objects.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryDisk, nodeClock, nodeRandom } from '@millrace/core'
import { openJobLock, type JobLock } from './job-lock.ts'
import { lockBeside, type LockBesideOptions } from './lock-beside.ts'
import { ObjectLock } from '../object-store/object-lock.ts'
import { ObjectStoreError, type ObjectStore } from '../object-store/object-store.ts'
import { RemotePlaces } from '../object-store/remote-places.ts'
import { MemoryOriginNote } from '../origin-note.ts'
import { RootedCheckpoints } from '../origins.ts'
import type { ProcessInspector } from './process-identity.ts'
import type { CheckpointStorage, RestoredCheckpoint } from '../storage.ts'

/** A process as others see it that are on the same machine, or not. */
function processOn(host: string, pid: number): ProcessInspector {
  const identity = { host, bootId: undefined, pidNamespace: undefined, pid, startTicks: undefined }
  return { self: () => identity, observe: () => ({ running: true, startTicks: undefined }) }
}

function memoryStore(): ObjectStore {
  const objects = new Map<string, Uint8Array<ArrayBuffer>>()
  const store: Omit<ObjectStore, 'beginUpload' | 'abortUploads'> = {
    put: async (key, bytes) => void objects.set(key, Uint8Array.from(bytes)),
    putIfAbsent: async (key, bytes) => !objects.has(key) && objects.set(key, Uint8Array.from(bytes)).has(key),
    get: async (key) => {
      const found = objects.get(key)
      if (found === undefined) throw new ObjectStoreError('not-found', key)
      return found
    },
    delete: async (keys) => keys.forEach((key) => objects.delete(key)),
    list: async (prefix) => [...objects].flatMap(([key, { length }]) => (key.startsWith(prefix) ? [{ key, sizeBytes: length }] : [])),
  }
  return store as ObjectStore
}

/** A place where the job `builder` keeps its checkpoints, and the job `claimer` claims one. */
class Place {
  readonly disposed: string[] = []
  readonly note = new MemoryOriginNote()
  readonly checkpoint: string
  /** What the claimer sees of processes of its machine. */
  others: 'alive' | 'dead' = 'alive'
  readonly #options: Omit<LockBesideOptions, 'jobName' | 'processes'>

  constructor(kind: 'folder' | 'store') {
    const store = memoryStore()
    const ports = { clock: nodeClock, random: nodeRandom, openStore: () => store }
    const s3 = { endpoint: undefined, region: undefined, pathStyle: false }
    const places = new RemotePlaces({ s3, hdfs: { webPort: undefined, user: undefined }, requestTimeoutMs: 1_000 }, ports)
    this.#options = { disk: createMemoryDisk(() => 0), places, clock: nodeClock, random: nodeRandom }
    this.checkpoint = kind === 'folder' ? '/state/builder/chk-7' : 's3://bucket/state/builder/chk-7'
  }

  builder(processes: ProcessInspector): JobLock {
    const options = { ...this.#options, jobName: 'builder', processes }
    if (this.checkpoint.startsWith('/')) return openJobLock({ ...options, folder: '/state/builder' })
    return new ObjectLock({ ...options, place: this.#options.places.place('s3://bucket/state/builder') })
  }

  lockBeside(path: string): Promise<JobLock | undefined> {
    const processes =
      this.others === 'alive' ? processOn('here', 2) : { ...processOn('here', 2), observe: () => ({ running: false }) as const }
    return lockBeside(path, { ...this.#options, jobName: 'claimer', processes })
  }

  claimer(): RootedCheckpoints {
    const own: Partial<CheckpointStorage> = {
      resolveRestore: async () => ({ checkpoint: this.restored, damaged: [] }),
      goOnFrom: async () => [],
      removeAll: async () => {},
    }
    return new RootedCheckpoints({
      own: own as CheckpointStorage,
      mode: 'claim',
      numRetained: 1,
      note: this.note,
      dispose: async (path) => void this.disposed.push(path),
      lockBeside: (path) => this.lockBeside(path),
    })
  }

  get restored(): RestoredCheckpoint {
    return { metadata: {} as RestoredCheckpoint['metadata'], path: this.checkpoint, own: false }
  }
}

for (const kind of ['folder', 'store'] as const) {
  describe(`a checkpoint of another job, in a ${kind}`, () => {
    it('is not claimed while that job has its lock, wherever it runs', async () => {
      for (const [host, code] of [
        ['here', 'CLAIM_OF_RUNNING_JOB'],
        ['elsewhere', 'JOB_LOCK_GIVEN_UP'],
      ] as const) {
        const place = new Place(kind)
        const builder = place.builder(processOn(host, 1))
        await builder.nextAttempt()
        const said: string[] = []
        const claiming = place.claimer().goOnFrom(place.restored, { waiting: (text) => said.push(text), stopped: AbortSignal.abort() })
        await assert.rejects(claiming, { code, message: /builder/ })
        assert.equal(said.length, host === 'here' ? 0 : 1)
        assert.equal(await place.note.read(), undefined)
        await builder.check()
        await builder.release()
      }
    })

    it('is claimed and removed when nobody has it, and whoever had it is fenced', async () => {
      const place = new Place(kind)
      const taken = place.builder(processOn('here', 1))
      await taken.nextAttempt()
      place.others = 'dead'
      const claimer = place.claimer()
      await claimer.goOnFrom(place.restored)
      await assert.rejects(taken.check(), { code: 'JOB_FENCED' })
      assert.deepEqual(place.disposed, [])
      await claimer.removeAll()
      assert.deepEqual(place.disposed, [place.checkpoint])
      assert.equal(await place.note.read(), undefined)
      await taken.release()
    })

    it('is left to that job where it has been started again, wherever', async () => {
      for (const host of ['here', 'elsewhere']) {
        const place = new Place(kind)
        const former = place.builder(processOn(host, 1))
        await former.nextAttempt()
        await former.release()
        const claimer = place.claimer()
        await claimer.goOnFrom(place.restored)
        assert.equal((await place.note.read())?.claimed, true)
        const again = place.builder(processOn(host, 3))
        assert.equal(await again.nextAttempt(), 3, 'after the attempt that stands for the claim')
        await claimer.removeAll()
        assert.deepEqual(place.disposed, [])
        assert.equal(await place.note.read(), undefined)
        await again.check()
        await again.release()
      }
    })
  })
}

it('a savepoint, and a checkpoint of which nobody keeps a lock, have none', async () => {
  for (const kind of ['folder', 'store'] as const) {
    const place = new Place(kind)
    assert.equal(await place.lockBeside(place.checkpoint), undefined)
    const builder = place.builder(processOn('here', 1))
    await builder.nextAttempt()
    assert.ok(await place.lockBeside(`${place.checkpoint}/_metadata`))
    assert.equal(await place.lockBeside(place.checkpoint.replace('chk-7', 'savepoint-1')), undefined)
    await builder.release()
  }
})
