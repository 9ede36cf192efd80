// What is the latest checkpoint of a job that has gone back to an older one, to a snapshot elsewhere, or to nothing.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryDisk, MillraceError, type Disk } from '@millrace/core'
import { FilesystemCheckpoints } from './filesystem/filesystem.ts'
import type { CheckpointMetadata } from './metadata/metadata.ts'
import { FileOriginNote } from './origin-note.ts'
import { RootedCheckpoints, type ClaimMode } from './origins.ts'
import type { CheckpointStorage, Damage, ResolveOptions, RestoreRequest } from './storage.ts'

const DIR = '/state/job/checkpoints'
const ELSEWHERE = '/savepoints'

const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && error.code === code

function metadataOf(checkpointId: number): CheckpointMetadata {
  return { jobName: 'j', fingerprint: 'f', params: {}, checkpointId, kind: 'checkpoint', attempt: 1, triggeredMs: 0, operators: [] }
}

function unreadable(...ids: readonly number[]): ReadonlyMap<number, Damage> {
  return new Map(ids.map((id) => [id, { problem: `state of ${id} is damaged`, cause: new TypeError(`not as it was written: ${id}`) }]))
}

/** A job with checkpoints 1 to 3, and a snapshot elsewhere that is checkpoint 2 of another. */
class Place {
  readonly disk: Disk = createMemoryDisk(() => 0)
  readonly disposed: string[] = []

  static async prepare(): Promise<Place> {
    const place = new Place()
    const other = new FilesystemCheckpoints({ disk: place.disk, dir: ELSEWHERE })
    await other.open()
    await other.persist(metadataOf(2))
    const own = place.process()
    await own.open()
    for (const id of [1, 2, 3]) await own.persist(metadataOf(id))
    return place
  }

  /** The storage as a new process finds it. */
  process(mode: ClaimMode = 'no-claim', disk = this.disk, fence?: () => Promise<void>): CheckpointStorage {
    return new RootedCheckpoints({
      own: new FilesystemCheckpoints({ disk, dir: DIR }),
      mode,
      numRetained: 3,
      note: new FileOriginNote(disk, DIR),
      dispose: async (path) => void this.disposed.push(path),
      lockBeside: async () => undefined,
      ...(fence === undefined ? {} : { fence }),
    })
  }

  /** A process that begins to run, and dies. Answers what it has gone on from, and what it has given up for that. */
  async begin(restore: RestoreRequest, mode?: ClaimMode): Promise<readonly [string | undefined, readonly number[]]> {
    const storage = this.process(mode)
    await storage.open()
    const { checkpoint } = await storage.resolveRestore(restore)
    const givenUp = await storage.goOnFrom(checkpoint)
    return [checkpoint?.path, givenUp]
  }

  /** A process that goes on from the latest checkpoint, completes one, and dies. */
  async complete(mode?: ClaimMode): Promise<number> {
    const storage = this.process(mode)
    const { nextCheckpointId } = await storage.open()
    await storage.goOnFrom((await storage.resolveRestore('latest')).checkpoint)
    await storage.persist(metadataOf(nextCheckpointId))
    return nextCheckpointId
  }

  async damage(checkpointId: number): Promise<void> {
    const file = await this.disk.open(`${DIR}/chk-${checkpointId}/_metadata`, 'write')
    await file.close()
  }

  /** What a checkpoint that never came to be complete has left behind. */
  async abandon(checkpointId: number): Promise<void> {
    const file = await this.process().createStateFile({ attempt: 1, task: 0, subtask: 0 }, checkpointId, 'operator-0')
    await file.write(new Uint8Array([1]))
    await file.finish()
  }

  async isNoted(): Promise<boolean> {
    return (await this.disk.list(DIR)).includes('origin')
  }
}

/** Fails with everything from the moment on at which `changesLeft` is 0. */
function mortal(disk: Disk, life: { changesLeft: number }): Disk {
  const change = <T>(work: () => Promise<T>): Promise<T> => {
    if (life.changesLeft === 0) return Promise.reject(new Error('dead'))
    life.changesLeft--
    return work()
  }
  return {
    open: (path, mode) => change(() => disk.open(path, mode)),
    rename: (from, to) => change(() => disk.rename(from, to)),
    link: (from, to) => change(() => disk.link(from, to)),
    remove: (path) => change(() => disk.remove(path)),
    syncDirectory: (path) => change(() => disk.syncDirectory(path)),
    readFile: (path) => disk.readFile(path),
    list: (path) => disk.list(path),
    stat: (path) => disk.stat(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    removeTree: (path) => disk.removeTree(path),
  }
}

const own = (id: number): string => `${DIR}/chk-${id}`
const SNAPSHOT = `${ELSEWHERE}/chk-2`

describe('the latest checkpoint', () => {
  it('is the older one that the job has gone back to, and never again a newer one of before', async () => {
    const place = await Place.prepare()
    assert.deepEqual(await place.begin(own(1)), [own(1), [2, 3]])
    assert.deepEqual(await place.begin('latest'), [own(1), []])
    for (const id of [2, 3]) await assert.rejects(place.begin(own(id)), hasCode('CHECKPOINT_GIVEN_UP'))
    assert.equal(await place.complete(), 4)
    assert.deepEqual(await place.begin('latest'), [own(4), []])
    await place.damage(4)
    assert.deepEqual(await place.begin('latest'), [own(1), [4]], 'not 3')
  })

  it('stays what it is where the job could not start from what it was told to', async () => {
    const place = await Place.prepare()
    for (const restore of [own(1), SNAPSHOT, 'none']) {
      const storage = place.process('claim')
      await storage.open()
      await storage.resolveRestore(restore)
    }
    assert.deepEqual(await place.begin('latest'), [own(3), []])
  })

  it('is not a snapshot that was gone when it was to be claimed: nothing is given up for it', async () => {
    const place = await Place.prepare()
    const storage = place.process('claim')
    await storage.open()
    const { checkpoint } = await storage.resolveRestore(SNAPSHOT)
    await place.disk.removeTree(SNAPSHOT)
    await assert.rejects(storage.goOnFrom(checkpoint), hasCode('CHECKPOINT_NOT_FOUND'))
    assert.deepEqual(await place.begin('latest'), [own(3), []])
  })

  it('is the snapshot elsewhere, until there is a newer one', async () => {
    for (const mode of ['no-claim', 'claim'] as const) {
      const place = await Place.prepare()
      assert.deepEqual(await place.begin(SNAPSHOT, mode), [SNAPSHOT, [1, 2, 3]])
      assert.deepEqual(await place.begin('latest'), [SNAPSHOT, []])
      for (const id of [4, 5]) assert.equal(await place.complete(), id)
      assert.deepEqual(await place.begin('latest'), [own(5), []])
      assert.ok(await place.isNoted(), 'two newer ones are not three')
      await place.complete()
      assert.ok(!(await place.isNoted()))
      assert.deepEqual(place.disposed, mode === 'claim' ? [SNAPSHOT] : [])
    }
  })

  it('is one that was taken after the job had gone back, also where nothing is left of those with larger ids before', async () => {
    for (const restore of [SNAPSHOT, 'none']) {
      const place = await Place.prepare()
      await place.abandon(9)
      await place.begin(restore)
      await place.abandon(4)
      const id = await place.complete()
      assert.deepEqual(await place.begin('latest'), [own(id), []], `not ${restore} again`)
      assert.ok(id >= 10, `${id} is not among those that go back to it`)
    }
  })

  it('leaves what is claimed to as many newer ones as are kept by then', async () => {
    for (const [kept, until] of [
      [1, 4],
      [5, 8],
    ] as const) {
      const place = await Place.prepare()
      await place.begin(SNAPSHOT, 'claim')
      let numRetained = 3
      const storage = place.process('claim')
      storage.followRetention?.(() => numRetained)
      await storage.open()
      await storage.goOnFrom((await storage.resolveRestore('latest')).checkpoint)
      numRetained = kept
      for (let id = 4; id < until; id++) await storage.persist(metadataOf(id))
      assert.deepEqual(place.disposed, [])
      await storage.persist(metadataOf(until))
      assert.deepEqual(place.disposed, [SNAPSHOT])
    }
  })

  it('is the snapshot elsewhere again where that is asked for again', async () => {
    const place = await Place.prepare()
    await place.begin(SNAPSHOT, 'claim')
    await place.complete()
    assert.deepEqual(await place.begin(SNAPSHOT, 'claim'), [SNAPSHOT, [4]])
    assert.deepEqual(await place.begin('latest'), [SNAPSHOT, []])
  })

  it('is none where the job has begun without state', async () => {
    const place = await Place.prepare()
    assert.deepEqual(await place.begin('none'), [undefined, [1, 2, 3]])
    assert.deepEqual(await place.begin('latest'), [undefined, []])
    await place.complete()
    assert.deepEqual(await place.begin('latest'), [own(4), []])
    await place.damage(4)
    await assert.rejects(place.begin('latest'), hasCode('CHECKPOINT_ALL_DAMAGED'))
  })

  it('is not again what the job has begun from because the state of all newer ones cannot be read', async () => {
    for (const restore of [SNAPSHOT, 'none']) {
      const place = await Place.prepare()
      const [begun] = await place.begin(restore)
      for (const id of [4, 5]) assert.equal(await place.complete(), id)
      const storage = place.process()
      await storage.open()
      const latest = async (options: ResolveOptions): Promise<string | undefined> =>
        (await storage.resolveRestore('latest', options)).checkpoint?.path
      assert.equal(await latest({ damaged: unreadable(5) }), own(4))
      await assert.rejects(latest({ damaged: unreadable(4, 5) }), hasCode('CHECKPOINT_ALL_DAMAGED'))
      assert.equal(await latest({ before: 5 }), own(4))
      assert.equal(await latest({ before: 4 }), begun, 'but where they are to be removed it is')
      assert.deepEqual(await place.begin('latest'), [own(5), []], 'nothing was given up')
    }
  })

  it('is what the job has begun from once it goes back behind all newer ones: ids go on behind theirs', async () => {
    const place = await Place.prepare()
    await place.begin(SNAPSHOT)
    for (const id of [4, 5]) assert.equal(await place.complete(), id)
    const storage = place.process()
    await storage.open()
    assert.deepEqual(await storage.goOnFrom((await storage.resolveRestore('latest', { before: 4 })).checkpoint), [4, 5])
    assert.deepEqual(await place.begin('latest'), [SNAPSHOT, []])
    for (const id of [4, 5]) await place.disk.removeTree(own(id))
    assert.equal(await place.complete(), 6)
  })

  it('is not changed by an instance that another one has taken over', async () => {
    const place = await Place.prepare()
    await place.begin(SNAPSHOT)
    assert.equal(await place.complete(), 4)
    const fence = async (): Promise<never> => await Promise.reject(new Error('taken over'))
    for (const [restore, options] of [
      ['latest', { before: 4 }],
      ['none', {}],
    ] as const) {
      const storage = place.process('no-claim', place.disk, fence)
      await storage.open()
      const { checkpoint } = await storage.resolveRestore(restore, options)
      await assert.rejects(storage.goOnFrom(checkpoint), /taken over/)
      assert.deepEqual(await place.begin('latest'), [own(4), []])
    }
  })

  it('is not what the job has begun from where one was given up and the one before it is lost', async () => {
    for (const restore of [SNAPSHOT, 'none']) {
      const place = await Place.prepare()
      await place.begin(restore)
      for (const id of [4, 5]) assert.equal(await place.complete(), id)
      await place.damage(5)
      assert.deepEqual(await place.begin('latest'), [own(4), [5]])
      await place.disk.removeTree(own(4))
      await assert.rejects(place.begin('latest'), hasCode('CHECKPOINT_ALL_DAMAGED'))
    }
  })

  it('leaves what is claimed to newer ones that can be read: one that was given up is none of them', async () => {
    const place = await Place.prepare()
    await place.begin(SNAPSHOT, 'claim')
    for (const id of [4, 5]) assert.equal(await place.complete(), id)
    await place.damage(5)
    assert.equal(await place.complete(), 6)
    assert.deepEqual(await place.begin('latest'), [own(6), []])
    assert.deepEqual([await place.isNoted(), place.disposed], [true, []], '4 and 6 are not three')
    assert.equal(await place.complete(), 7)
    assert.deepEqual([await place.isNoted(), place.disposed], [false, [SNAPSHOT]])
  })

  it('leaves what is claimed, where fewer are kept by now, only when it is known which of them can be read', async () => {
    for (const damaged of [[], [5]]) {
      const place = await Place.prepare()
      await place.begin(SNAPSHOT, 'claim')
      for (const id of [4, 5]) assert.equal(await place.complete(), id)
      const storage = place.process()
      storage.followRetention?.(() => 2)
      await storage.open()
      const { checkpoint } = await storage.resolveRestore('latest', { damaged: unreadable(...damaged) })
      assert.deepEqual(place.disposed, [])
      assert.deepEqual(await storage.goOnFrom(checkpoint), damaged)
      assert.deepEqual(place.disposed, damaged.length === 0 ? [SNAPSHOT] : [])
    }
  })

  it('leaves no note where there is nothing to go back behind', async () => {
    const place = new Place()
    assert.deepEqual(await place.begin('none'), [undefined, []])
    assert.ok(!(await place.isNoted()))
  })

  it('is what it was, or what the job goes back to, wherever a crash comes between', async () => {
    for (const [restore, after] of [
      [own(1), own(1)],
      [SNAPSHOT, SNAPSHOT],
      ['none', undefined],
    ] as const) {
      const seen = new Set<string | undefined>()
      for (let changes = 0, isWhole = false; !isWhole; changes++) {
        const place = await Place.prepare()
        const life = { changesLeft: Infinity }
        const storage = place.process('no-claim', mortal(place.disk, life))
        await storage.open()
        const { checkpoint } = await storage.resolveRestore(restore)
        life.changesLeft = changes
        isWhole = await storage.goOnFrom(checkpoint).then(
          () => true,
          () => false,
        )
        const [latest] = await place.begin('latest')
        if (isWhole) assert.equal(latest, after)
        seen.add(latest)
      }
      assert.deepEqual(seen, new Set([own(3), after]))
    }
  })
})
