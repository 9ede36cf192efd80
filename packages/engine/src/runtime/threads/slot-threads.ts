import { getCompileCacheDir } from 'node:module'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { ModuleSources } from '../module/module-sources.ts'

/**
 * Worker threads for slots. A thread imports the job's module as soon as its code is known, so those that are started early are ready when they are wanted.
 */
export class SlotThreads {
  readonly #modulePath: string
  readonly #warm: Worker[] = []
  #sources: ModuleSources | undefined

  constructor(modulePath: string) {
    this.#modulePath = modulePath
  }

  /** Starts threads that will probably be wanted. */
  warmUp(count: number): void {
    for (let n = 0; n < count; n++) this.#warm.push(this.#start())
  }

  /** What the job's module and those it imports consist of. Nobody takes a thread before that is known. */
  provide(sources: ModuleSources): void {
    this.#sources = sources
    for (const worker of this.#warm) worker.postMessage(sources)
  }

  take(): Worker {
    return this.#warm.pop() ?? this.#start()
  }

  /** Ends those that nobody has taken. */
  async close(): Promise<void> {
    await Promise.all(this.#warm.splice(0).map((worker) => worker.terminate()))
  }

  #start(): Worker {
    const file = new URL(import.meta.resolve('@millrace/engine/internal/slot-worker'))
    const worker = new Worker(file, { workerData: { modulePath: this.#modulePath } satisfies SlotWorkerData, env: environment() })
    // A thread that fails before it is taken says so again to whoever takes it: its messages wait, and its exit is seen then.
    worker.on('error', () => {})
    if (this.#sources !== undefined) worker.postMessage(this.#sources)
    return worker
  }
}

/** What a thread knows from the start; the rest comes with its deployment. */
export interface SlotWorkerData {
  readonly modulePath: string
}

/** A thread has the compile cache of this one only if its environment says so. Node answers the folder of its version in the one that was named. */
function environment(): NodeJS.ProcessEnv {
  const folder = getCompileCacheDir()
  return folder === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: dirname(folder) }
}
