/** The memory that the threads of a region share: a ring for each channel that crosses threads, and the words by which they wake each other. */
import { createRing } from '../../exchange/ring.ts'
import { createWakeWords } from '../../exchange/wake.ts'
import { channelKey, channelsOf, slotOfSubtask, type Deployment } from '../deployment/deployment.ts'

/** All rings of a region together: their number grows with the square of the parallelism, so each gets smaller. */
const RING_MEMORY_BYTES = 16 * 1024 * 1024
const RING_BYTES_MAX = 1024 * 1024
const RING_BYTES_MIN = 64 * 1024

export interface CrossingRing {
  /** `channelKey`. */
  readonly key: string
  /** The slots that it connects. */
  readonly from: number
  readonly to: number
  readonly memory: SharedArrayBuffer
}

export interface SharedMemory {
  readonly rings: readonly CrossingRing[]
  readonly wakeWords: SharedArrayBuffer
}

/** By region. Made once for all slots of it: the rings of 40 slots with two exchanges are 200 MB. */
export function sharedByRegion(
  deployments: readonly Pick<Deployment, 'plan' | 'region' | 'slots'>[],
  create: (bytes: number) => SharedArrayBuffer = createRing,
): ReadonlyMap<number, SharedMemory> {
  const shared = new Map<number, SharedMemory>()
  for (const deployment of deployments) {
    const { region, slots } = deployment
    if (!shared.has(region.id)) shared.set(region.id, { rings: createRings(deployment, create), wakeWords: createWakeWords(slots) })
  }
  return shared
}

/** By channel, those that begin or end in the slot. */
export function ringsOfSlot(rings: readonly CrossingRing[], slot: number): ReadonlyMap<string, SharedArrayBuffer> {
  return new Map(rings.filter(({ from, to }) => from === slot || to === slot).map(({ key, memory }) => [key, memory]))
}

function createRings(
  { plan, region, slots }: Pick<Deployment, 'plan' | 'region' | 'slots'>,
  create: (bytes: number) => SharedArrayBuffer,
): readonly CrossingRing[] {
  const crossing = plan.exchanges
    .filter(({ from }) => region.tasks.includes(from))
    .flatMap((exchange) => channelsOf(plan, exchange))
    .map((place) => ({ key: channelKey(place), from: slotOfSubtask(place.from, slots), to: slotOfSubtask(place.to, slots) }))
    .filter(({ from, to }) => from !== to)
  const sizeBytes = Math.max(RING_BYTES_MIN, Math.min(RING_BYTES_MAX, RING_MEMORY_BYTES / Math.max(1, crossing.length)))
  return crossing.map((place) => ({ ...place, memory: create(sizeBytes) }))
}
