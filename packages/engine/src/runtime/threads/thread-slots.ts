import type { Worker } from 'node:worker_threads'
import type { ResolvedEngineOptions } from '../../config/options.ts'
import { engineError } from '../../errors.ts'
import { subtasksOf, type Deployment } from '../deployment/deployment.ts'
import type { SlotHandler, SlotLauncher, SlotLink } from '../slot/slot-link.ts'
import { ringsOfSlot, sharedByRegion } from './shared-memory.ts'
import { Silence } from './silence.ts'
import type { SlotThreadData, ThreadMessage } from './slot-thread-data.ts'
import type { SlotThreads } from './slot-threads.ts'

export interface ThreadSlotsOptions {
  readonly threads: SlotThreads
  readonly modulePath: string
  readonly params: { readonly [name: string]: string | number | boolean }
  readonly settings: ResolvedEngineOptions
  /** Whether channels within a thread go through the codec too. */
  readonly encodeLocal: boolean
  /** Of the databases of the job: asked at each launch. */
  readonly databaseDir: () => string
}

/** Runs each slot on a worker thread of its own. Every launch starts new threads: nothing of a failed attempt lives on. */
export class ThreadSlots implements SlotLauncher {
  readonly #options: ThreadSlotsOptions

  constructor(options: ThreadSlotsOptions) {
    this.#options = options
  }

  async launch(deployments: readonly Deployment[], handlers: readonly SlotHandler[]): Promise<readonly SlotLink[]> {
    const { threads, ...options } = this.#options
    const databaseDir = options.databaseDir()
    const shared = sharedByRegion(deployments)
    const links = deployments.map((deployment, index) => {
      const { rings, wakeWords } = shared.get(deployment.region.id)!
      const own = ringsOfSlot(rings, deployment.slot)
      return startSlot(threads.take(), { ...options, databaseDir, deployment, rings: own, wakeWords }, handlers[index]!)
    })
    await threads.close()
    return links
  }
}

function stuck({ deployment }: SlotThreadData, stuckMs: number, hasBegun: boolean): Error {
  const { slot, slots } = deployment
  const seconds = Math.round(stuckMs / 1000)
  if (!hasBegun) return engineError('WORKER_NOT_STARTED', { slot, seconds, slots })
  const tasks = subtasksOf(deployment).map(({ task, subtask }) => `"${task.name}" (subtask ${subtask})`)
  return engineError('WORKER_STUCK', { slot, seconds, tasks: tasks.join(' or ') })
}

function startSlot(worker: Worker, data: SlotThreadData, handler: SlotHandler): SlotLink {
  let over = false
  let closed = false
  let hasBegun = false
  const stuckMs = data.settings.values.stuckTimeout
  const silence = new Silence(Math.min(1000, stuckMs / 2), performance.now())
  const watchdog = setInterval(() => {
    if (silence.look(performance.now()) > stuckMs) exited(stuck(data, stuckMs, hasBegun))
  }, silence.periodMs)
  worker.on('message', (message: ThreadMessage) => {
    if (over) return
    silence.heard()
    hasBegun = true
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
