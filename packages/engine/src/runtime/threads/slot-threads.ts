import { Worker } from 'node:worker_threads'

/**
 * Worker threads for slots. A thread begins to import the job's module as soon as it is there, so those that are started early are ready when they are wanted.
 */
export class SlotThreads {
  readonly #modulePath: string
  readonly #warm: Worker[] = []

  constructor(modulePath: string) {
    this.#modulePath = modulePath
  }

  /** Starts threads that will probably be wanted. */
  warmUp(count: number): void {
    for (let n = 0; n < count; n++) this.#warm.push(this.#start())
  }

  take(): Worker {
    return this.#warm.pop() ?? this.#start()
  }

  /** Ends those that nobody has taken. */
  async close(): Promise<void> {
    await Promise.all(this.#warm.splice(0).map((worker) => worker.terminate()))
  }

  #start(): Worker {
    const file = import.meta.url.endsWith('.ts') ? './slot-worker.ts' : './slot-worker.js'
    const worker = new Worker(new URL(file, import.meta.url), { workerData: { modulePath: this.#modulePath } satisfies SlotWorkerData })
    // A thread that fails before it is taken says so again to whoever takes it: its messages wait, and its exit is seen then.
    worker.on('error', () => {})
    return worker
  }
}

/** What a thread knows from the start; the rest comes with its deployment. */
export interface SlotWorkerData {
  readonly modulePath: string
}
