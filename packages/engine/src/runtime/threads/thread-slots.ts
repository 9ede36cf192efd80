import type { Worker } from 'node:worker_threads'
import type { ResolvedEngineOptions } from '../../config/options.ts'
import { engineError } from '../../errors.ts'
import { createRing } from '../../exchange/ring.ts'
import { createWakeWords } from '../../exchange/wake.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import type { Region } from '../../graph/regions.ts'
import { channelKey, channelsOf, slotOfSubtask, subtasksOf, type Deployment } from '../deployment/deployment.ts'
import type { SlotHandler, SlotLauncher, SlotLink } from '../slot/slot-link.ts'
import type { SlotThreadData, ThreadMessage } from './slot-thread-data.ts'
import type { SlotThreads } from './slot-threads.ts'

/** All rings of a region together: their number grows with the square of the parallelism, so each gets smaller. */
const RING_MEMORY_BYTES = 16 * 1024 * 1024
const RING_BYTES_MAX = 1024 * 1024
const RING_BYTES_MIN = 64 * 1024

export interface ThreadSlotsOptions {
  readonly threads: SlotThreads
  readonly modulePath: string
  readonly params: { readonly [name: string]: string | number | boolean }
  readonly settings: ResolvedEngineOptions
  /** Whether channels within a thread go through the codec too. */
  readonly encodeLocal: boolean
}

/** Runs each slot on a worker thread of its own. Every launch starts new threads: nothing of a failed attempt lives on. */
export class ThreadSlots implements SlotLauncher {
  readonly #options: ThreadSlotsOptions

  constructor(options: ThreadSlotsOptions) {
    this.#options = options
  }

  async launch(deployments: readonly Deployment[], handlers: readonly SlotHandler[]): Promise<readonly SlotLink[]> {
    const { threads, ...options } = this.#options
    const shared = new Map(deployments.map((deployment) => [deployment.region.id, share(deployment)]))
    const links = deployments.map((deployment, index) => {
      const { rings, wakeWords } = shared.get(deployment.region.id)!
      const own = new Map(
        rings.filter(({ from, to }) => from === deployment.slot || to === deployment.slot).map(({ key, memory }) => [key, memory]),
      )
      return startSlot(threads.take(), { ...options, deployment, rings: own, wakeWords }, handlers[index]!)
    })
    await threads.close()
    return links
  }
}

interface Ring {
  readonly key: string
  readonly from: number
  readonly to: number
  readonly memory: SharedArrayBuffer
}

/** What the slots of a region have in common. */
function share({ plan, region, slots }: Deployment): { readonly rings: readonly Ring[]; readonly wakeWords: SharedArrayBuffer } {
  return { rings: createRings(plan, region, slots), wakeWords: createWakeWords(slots) }
}

function createRings(plan: ExecutionPlan, { tasks }: Region, slots: number): readonly Ring[] {
  const crossing = plan.exchanges
    .filter(({ from }) => tasks.includes(from))
    .flatMap((exchange) => channelsOf(plan, exchange))
    .map((place) => ({ key: channelKey(place), from: slotOfSubtask(place.from, slots), to: slotOfSubtask(place.to, slots) }))
    .filter(({ from, to }) => from !== to)
  const sizeBytes = Math.max(RING_BYTES_MIN, Math.min(RING_BYTES_MAX, RING_MEMORY_BYTES / Math.max(1, crossing.length)))
  return crossing.map((place) => ({ ...place, memory: createRing(sizeBytes) }))
}

function stuck({ deployment }: SlotThreadData, stuckMs: number): Error {
  const { slot } = deployment
  const tasks = subtasksOf(deployment).map(({ task, subtask }) => `"${task.name}" (subtask ${subtask})`)
  return engineError('WORKER_STUCK', { slot, seconds: Math.round(stuckMs / 1000), tasks: tasks.join(' or ') })
}

function startSlot(worker: Worker, data: SlotThreadData, handler: SlotHandler): SlotLink {
  let over = false
  let closed = false
  let heardMs = performance.now()
  const stuckMs = data.settings.values.stuckTimeout
  const watchdog = setInterval(
    () => {
      if (performance.now() - heardMs > stuckMs) exited(stuck(data, stuckMs))
    },
    Math.min(1000, stuckMs / 2),
  )
  worker.on('message', (message: ThreadMessage) => {
    if (over) return
    heardMs = performance.now()
    if (message.kind === 'alive') return
    if (message.kind === 'closed') closed = true
    handler.message(message)
  })
  const exited = (error: unknown): void => {
    if (over || closed) return
    over = true
    clearInterval(watchdog)
    handler.exited(error)
  }
  worker.on('error', (error: NodeJS.ErrnoException) =>
    exited(error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? engineError('WORKER_OUT_OF_MEMORY', {}, error) : error),
  )
  if (worker.threadId === -1) queueMicrotask(() => exited(engineError('WORKER_EXITED', { problem: 'it was gone before it was used' })))
  worker.on('exit', (code) => exited(engineError('WORKER_EXITED', { problem: `its code called process.exit(${code})` })))
  worker.postMessage(data)
  return {
    send: (message) => worker.postMessage(message),
    terminate: async () => {
      over = true
      clearInterval(watchdog)
      await worker.terminate()
    },
  }
}
