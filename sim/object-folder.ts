/** Checkpoints in a store of objects, as on S3: small files in the metadata, others merged, calls that fail or whose answers are lost. */
import type { Clock } from '@millrace/core'
import { ObjectCheckpoints, type ObjectStore } from '@millrace/engine/simulation'
import { SeededRandom } from '@millrace/testkit'
import { SimulatedStore, type Bucket, type StoreFaults } from '../packages/testkit/test/simulated-object-store.ts'
import { overlay } from './interposer.ts'
import { OBJECTS } from './places.ts'
import type { Situation } from './situations.ts'
import type { World } from './world.ts'

export interface ObjectsPlan {
  /** Files up to this size are in the metadata. */
  readonly inlineBytes: number
  readonly merges: boolean
  /** Of an object into which files are merged. */
  readonly mergedBytesMax: number
}

/** Apart from the rest. */
export function drawObjects(random: SeededRandom): ObjectsPlan | undefined {
  if (!random.chance(0.2)) return undefined
  return {
    inlineBytes: random.pick([0, 0, 100, 20_480]),
    merges: random.chance(0.7),
    mergedBytesMax: random.pick([1_024, 4_096, 1_048_576]),
  }
}

const PREFIX = 'jobs/sim/'

/** One life's way to the bucket. */
export interface ObjectLife {
  readonly store: ObjectStore
  /** Whether calls fail. */
  readonly stormy: boolean
}

export interface ObjectLifeOptions {
  readonly bucket: Bucket
  readonly clock: Clock
  readonly random: SeededRandom
  readonly calm: boolean
  readonly reached: (situation: Situation) => void
  /** The metadata of a checkpoint are there. */
  readonly durable: (checkpointId: number) => void
}

const faultsOfLives: readonly (StoreFaults | undefined)[] = [
  undefined,
  undefined,
  undefined,
  { refused: 0.05, answerLost: 0.05 },
  { refused: 0.2, answerLost: 0.2, late: 0.05 },
]

export function beginObjects({ bucket, clock, random, calm, reached, durable }: ObjectLifeOptions): ObjectLife {
  const faults = calm ? undefined : random.pick(faultsOfLives)
  const store = new SimulatedStore({ bucket, clock, random: random.fork(), latencyMsMax: 4, ...(faults === undefined ? {} : { faults }) })
  const watched = overlay<ObjectStore>(store, {
    putIfAbsent: async (key, bytes) => {
      const isPut = await store.putIfAbsent(key, bytes)
      const checkpointId = /\/chk-(\d+)\/_metadata$/.exec(key)?.[1]
      if (isPut && checkpointId !== undefined && bytes.length > 0) {
        reached('checkpoint in a store of objects')
        durable(Number(checkpointId))
      }
      return isPut
    },
    put: async (key, bytes) => {
      await store.put(key, bytes)
      if (isMerged(key)) reached('state files merged')
    },
    get: async (key, range) => {
      const bytes = await store.get(key, range)
      if (isMerged(key)) reached('state read out of merged files')
      return bytes
    },
  })
  return { store: watched, stormy: faults !== undefined }
}

function isMerged(key: string): boolean {
  return /\/shared\/\d+-\d+-merged/.test(key)
}

function keysOf({ objects }: Bucket): readonly { readonly id: number; readonly key: string }[] {
  return [...objects].flatMap(([key, { length }]) => {
    const id = Number(/chk-(\d+)\/_metadata$/.exec(key)?.[1] ?? 0)
    // What the job has gone on without is nothing to go back to.
    const isGivenUp = objects.has(key.replace(/_metadata$/, 'given-up'))
    return id > 0 && length > 0 && !isGivenUp ? [{ id, key }] : []
  })
}

/** Checkpoints with metadata, oldest first. */
export function objectCheckpoints(bucket: Bucket): readonly { readonly id: number; readonly path: string }[] {
  return keysOf(bucket)
    .map(({ id }) => ({ id, path: `${OBJECTS}/sim/chk-${id}` }))
    .toSorted((a, b) => a.id - b.id)
}

/** Flips a byte of the newest checkpoint, if there is an older one to fall back to. */
export function damageNewestObject({ bucket, random }: World, damaged: Set<number>): void {
  const checkpoints = keysOf(bucket).toSorted((a, b) => a.id - b.id)
  const newest = checkpoints.at(-1)
  if (newest === undefined || !checkpoints.some(({ id }) => id !== newest.id && !damaged.has(id))) return
  const own = [...bucket.objects.keys()].filter((key) => key.startsWith(`${PREFIX}shared/`) && key.split('-')[1] === String(newest.id))
  const key = random.pick([newest.key, ...own])
  const bytes = bucket.objects.get(key)!
  if (bytes.length === 0) return
  bytes[random.between(0, bytes.length - 1)]! ^= 1 << random.between(0, 7)
  damaged.add(newest.id)
}

/** After the end nothing is left that no checkpoint needs. */
export async function checkObjects({ bucket }: World): Promise<void> {
  const store = new SimulatedStore({ bucket, random: new SeededRandom(1) })
  const storage = new ObjectCheckpoints({ place: { store, prefix: PREFIX, url: `${OBJECTS}/sim` } })
  const { orphansRemoved, damaged } = await storage.open()
  if (orphansRemoved.length > 0) throw new Error(`objects of no checkpoint are left: ${orphansRemoved.join(', ')}`)
  if (damaged.length > 0) throw new Error(`damaged: ${damaged[0]!.problem}`)
  for (const { path } of objectCheckpoints(bucket)) await storage.resolveRestore(path)
}
