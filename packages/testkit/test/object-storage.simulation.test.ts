import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { MillraceError, randomBelow } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { withoutMergedBytes, type KeyedStateFile } from '../../engine/src/checkpoint/handles.ts'
import { stateFilesOf } from '../../engine/src/checkpoint/metadata/metadata.ts'
import { ObjectCheckpoints } from '../../engine/src/checkpoint/object-store/object-checkpoints.ts'
import { ObjectLock } from '../../engine/src/checkpoint/object-store/object-lock.ts'
import { RetryingStore } from '../../engine/src/checkpoint/object-store/retrying-store.ts'
import type { ProcessIdentity, ProcessInspector } from '../../engine/src/checkpoint/lock/process-identity.ts'
import { metadataOf } from './checkpoint-history.ts'
import { emptyBucket, SimulatedStore, type Bucket, type StoreFaults } from './simulated-object-store.ts'

const PREFIX = 'prefix/job/'
const URL = 's3://bucket/prefix/job'

/** What became of checkpoints, over all lives of the job, told from outside the storage. */
interface History {
  /** Those that were announced, with their attempts: sinks have committed upon them. */
  readonly completed: Map<number, number>
  /** What attempts went on from; 0 for nothing. */
  readonly restores: { readonly attempt: number; readonly checkpointId: number }[]
  readonly contents: Map<string, Uint8Array>
  readonly counts: {
    persisted: number
    failed: number
    fenced: number
    takeovers: number
    restored: number
    kills: number
    uploads: number
    late: number
  }
}

class World {
  readonly clock = new VirtualClock()
  readonly bucket: Bucket = emptyBucket()
  readonly random: SeededRandom
  readonly faults: StoreFaults
  /** Whether middle files are merged. */
  readonly merging: boolean
  readonly history: History = {
    completed: new Map(),
    restores: [],
    contents: new Map(),
    counts: { persisted: 0, failed: 0, fenced: 0, takeovers: 0, restored: 0, kills: 0, uploads: 0, late: 0 },
  }
  readonly #alive = new Set<number>()
  #nextPid = 1

  constructor(seed: number, faults: StoreFaults, merging: boolean) {
    this.random = new SeededRandom(seed)
    this.faults = faults
    this.merging = merging
  }

  start(faults: StoreFaults = this.faults): Life {
    const pid = this.#nextPid++
    this.#alive.add(pid)
    const identity: ProcessIdentity = { host: 'here', bootId: 'b', pidNamespace: 'n', pid, startTicks: String(pid) }
    const processes: ProcessInspector = {
      self: () => identity,
      observe: (other) => (this.#alive.has(other) ? { running: true, startTicks: String(other) } : { running: false }),
    }
    const { bucket, clock, random } = this
    const store = new SimulatedStore({ bucket, clock, random: random.fork(), faults, latencyMsMax: [5, 40, 400][randomBelow(random, 3)]! })
    const retrying = new RetryingStore(store, { clock, random: random.fork(), triesMax: 4, delayMs: 20, delayMsMax: 200 })
    const place = { store: retrying, prefix: PREFIX, url: URL }
    const lock = new ObjectLock({ place, clock, random: random.fork(), jobName: 'job', processes })
    const limits = this.merging ? { inlineBytesMax: 0, mergeBytesMax: 30_000 } : {}
    const storage = new ObjectCheckpoints({ place, fence: () => lock.check(), limits, mergedObjectBytesMax: 40_000 })
    return {
      store,
      lock,
      storage,
      /** Looks dead to all others, and goes on for a while: a machine that was cut off. */
      presumeDead: () => void this.#alive.delete(pid),
      kill: () => {
        this.#alive.delete(pid)
        store.kill()
      },
    }
  }
}

interface Life {
  readonly store: SimulatedStore
  readonly lock: ObjectLock
  readonly storage: ObjectCheckpoints
  presumeDead(): void
  kill(): void
}

function contentOf(attempt: number, checkpointId: number, subtask: number): Uint8Array {
  // Every fourth is too large to go with its handle.
  const length = checkpointId % 4 === 0 ? 25_000 : 60
  return Uint8Array.from({ length }, (_, index) => (index * 31 + checkpointId * 7 + subtask * 3 + attempt) & 0xff)
}

async function writeFile({ storage }: Life, history: History, attempt: number, id: number, subtask: number): Promise<KeyedStateFile> {
  const writer = await storage.createStateFile({ attempt, task: 1, subtask }, id, 'state')
  const content = contentOf(attempt, id, subtask)
  try {
    await writer.write(content)
    const handle = await writer.finish()
    if (handle.inline === undefined || handle.toMerge === true) history.counts.uploads++
    history.contents.set(handle.path, content)
    const segment = { keyGroup: subtask, kind: 'delta' as const, offset: 0, length: handle.length, crc32: crc32(content), rows: 1 }
    return { ...handle, segments: [segment] }
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** A life of the job: takes the lock, restores, takes checkpoints. Ends early where the real one would. */
async function run(world: World, life: Life, checkpoints: number): Promise<void> {
  const { history } = world
  const { counts } = history
  try {
    const attempt = await life.lock.nextAttempt()
    const report = await life.storage.open()
    assert.deepEqual(report.damaged, [], 'nothing half-written is ever taken for complete')
    const { checkpoint, damaged } = await life.storage.resolveRestore('latest')
    // Whoever has been taken over meanwhile has not seen what its successor did, and is about to hear of it.
    await life.lock.check()
    for (const { checkpointId, problem } of damaged) {
      // One that a former instance completed too late, and did not announce.
      assert.ok(!history.completed.has(checkpointId), `checkpoint ${checkpointId} was announced: ${problem}`)
      counts.late++
    }
    const restoredId = checkpoint?.metadata.checkpointId ?? 0
    checkNewest(history, checkpoint?.metadata.attempt ?? 0, restoredId)
    history.restores.push({ attempt, checkpointId: restoredId })
    if (checkpoint !== undefined) {
      counts.restored++
      // The sinks commit upon it again.
      history.completed.set(restoredId, checkpoint.metadata.attempt)
      for (const file of stateFilesOf(checkpoint.metadata)) {
        const reader = await life.storage.openStateFile(file)
        assert.deepEqual(Buffer.from(await reader.read(0, file.length, file.crc32)), Buffer.from(history.contents.get(file.path)!))
      }
    }
    let chains = checkpoint?.metadata.operators[0]?.subtasks.map(({ keyed }) => keyed) ?? [[], []]
    const kept = [...report.completed]
    for (let id = report.nextCheckpointId; id < report.nextCheckpointId + checkpoints; id++) {
      const files: KeyedStateFile[] = []
      try {
        for (const subtask of [0, 1]) files.push(await writeFile(life, history, attempt, id, subtask))
        const next = chains.map((chain, subtask) => [...chain.slice(-2), files[subtask]!])
        await life.storage.persist(metadataOf(id, attempt, next))
        counts.persisted++
        for (const restore of history.restores) {
          const apart = restore.attempt > attempt && restore.checkpointId !== id
          assert.ok(
            !apart,
            `attempt ${attempt} announced checkpoint ${id} after attempt ${restore.attempt} had gone on from ${restore.checkpointId}`,
          )
        }
        history.completed.set(id, attempt)
        // As a subtask does that has heard of it.
        chains = next.map((chain) => chain.map(withoutMergedBytes))
        kept.push(id)
        while (kept.length > 2) {
          const oldest = kept.shift()!
          await life.storage.retire(oldest)
        }
      } catch (error) {
        if (!(error instanceof MillraceError) || error.code === 'JOB_FENCED') throw error
        counts.failed++
        await life.storage.discard(files.map(({ path }) => path)).catch(() => {})
      }
    }
    await life.lock.release()
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    // Whoever has been taken over finds files gone that its successor has removed.
    const isFenced = error.code === 'JOB_FENCED' || (error.code === 'CHECKPOINT_ALL_DAMAGED' && (await isTakenOver(life)))
    if (isFenced) counts.fenced++
    else assert.ok(error.retry || error.code === 'JOB_LOCKED', error.message)
  }
}

async function isTakenOver({ lock }: Life): Promise<boolean> {
  return await lock.check().then(
    () => false,
    (error: unknown) => error instanceof MillraceError && error.code === 'JOB_FENCED',
  )
}

/** What is restored is what was announced last, or something later that nobody heard of. */
function checkNewest(history: History, attempt: number, checkpointId: number): void {
  for (const [id, of] of history.completed) {
    const isOlder = of > attempt || (of === attempt && id > checkpointId)
    assert.ok(!isOlder, `checkpoint ${id} of attempt ${of} was announced, and ${checkpointId} of ${attempt} is restored`)
  }
}

/** Lives that are killed, cut off, or end, one after the other and overlapping; then one without faults, which must find everything in order. */
async function simulate(seed: number, faults: StoreFaults, merging: boolean): Promise<History['counts']> {
  const world = new World(seed, faults, merging)
  const { clock, random, history } = world
  let failure: unknown
  const running: Promise<void>[] = []
  for (let round = 0; round < 4; round++) {
    const life = world.start()
    running.push(
      run(world, life, 6).catch((error: unknown) => {
        failure ??= error
      }),
    )
    await clock.advance(200 + randomBelow(random, 2_500))
    if (random.uint32() % 3 === 0) {
      life.presumeDead()
      history.counts.takeovers++
    } else {
      life.kill()
      history.counts.kills++
    }
  }
  await clock.advance(120_000)
  if (failure !== undefined) throw failure
  const last = world.start({})
  const done = run(world, last, 3)
  await clock.advance(60_000)
  await done
  const keys = [...world.bucket.objects.keys()].map((key) => key.slice(PREFIX.length))
  const { checkpoint } = await clock.run(last.storage.resolveRestore('latest'))
  assert.ok(checkpoint !== undefined)
  const used = new Set<string>()
  for (const name of keys.filter((key) => key.endsWith('/_metadata'))) {
    const one = await clock.run(last.storage.resolveRestore(`${URL}/${name.split('/')[0]}`))
    for (const file of stateFilesOf(one.checkpoint!.metadata)) if (file.inline === undefined) used.add(file.within?.path ?? file.path)
  }
  assert.deepEqual(new Set(keys.filter((key) => key.startsWith('shared/'))), used, 'exactly what is referred to is kept')
  assert.equal(world.bucket.uploads.size, 0)
  return history.counts
}

describe('checkpoints in a store of objects, simulated', () => {
  const plans: readonly [string, StoreFaults][] = [
    ['a store without faults', {}],
    ['throttling and errors', { refused: 0.2 }],
    ['lost answers', { refused: 0.05, answerLost: 0.2 }],
    ['calls that take effect late', { refused: 0.02, answerLost: 0.05, late: 0.1, lateMsMax: 400 }],
  ]
  for (const [name, faults, merging] of plans.flatMap(([text, plan], index) => [
    [text, plan, false] as const,
    ...(index < 2 ? [] : [[`${text}, merging files`, plan, true] as const]),
  ])) {
    it(`keeps what it announced, and nothing half-written, under ${name}`, async () => {
      const sum = { persisted: 0, failed: 0, fenced: 0, takeovers: 0, restored: 0, kills: 0, uploads: 0, late: 0 }
      for (let seed = 1; seed <= 16; seed++) {
        const counts = await simulate(seed, faults, merging).catch((error: unknown) => {
          throw new Error(`seed ${seed}`, { cause: error })
        })
        for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += counts[key]
      }
      assert.ok(
        sum.persisted > 150 && sum.kills > 25 && sum.takeovers > 15 && sum.restored > 25 && sum.uploads > 60 && sum.fenced > 2,
        JSON.stringify(sum),
      )
    })
  }
})
