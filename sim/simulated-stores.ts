/**
 * What is under the state backend `rocksdb`, in memory: its checkpoints and its files take their time, and fail. Nothing of it outlives a life.
 */
import type { Clock } from '@millrace/core'
import {
  MemoryStores,
  MemoryValueFiles,
  SeparatedStores,
  type OrderedStore,
  type OrderedStores,
  type StoredFile,
} from '@millrace/engine/simulation'
import type { SeededRandom } from '@millrace/testkit'
import { overlay } from './interposer.ts'
import type { Situation } from './situations.ts'

/** Most rows are long enough to lie apart, and files of values are full with a few of them. */
const limits = { apartBytesMin: 16, segmentBytes: 300, sampledBytes: 50 }

export interface SimulatedStoresOptions {
  readonly clock: Clock
  readonly random: SeededRandom
  /** Nothing fails. */
  readonly calm: boolean
  /** All are asked ahead of their use, and not only some. */
  readonly alwaysAhead: boolean
  /** The engine does what the port forbids. */
  readonly violation: (problem: string) => void
  readonly reached: (situation: Situation) => void
}

export class SimulatedStores {
  readonly #options: SimulatedStoresOptions
  readonly #memory: OrderedStores
  readonly #failing: number
  readonly #open = new Set<string>()
  #unreleased = 0

  constructor(options: SimulatedStoresOptions) {
    this.#options = options
    const isAhead = options.random.chance(0.5)
    const { clock, violation, reached } = options
    const files = (): MemoryValueFiles =>
      new MemoryValueFiles({
        misused: violation,
        created: () => reached('values in files of their own'),
        removed: () => reached('file of values emptied'),
      })
    this.#memory = new SeparatedStores(new MemoryStores(isAhead || options.alwaysAhead), { clock, limits, files })
    this.#failing = options.calm ? 0 : options.random.pick([0, 0, 0.05])
  }

  /** What is still held, for whoever looks after the end. */
  get held(): string {
    return [...this.#open, ...(this.#unreleased > 0 ? [`${this.#unreleased} checkpoints`] : [])].join(', ')
  }

  /** Each attempt has a place of its own, as on disk. */
  of(attempt: number): OrderedStores {
    return {
      create: (name) => this.#watch(`${attempt}/${name}`, this.#memory.create(name)),
      restore: (name, files) => this.#restore(`${attempt}/${name}`, files),
    }
  }

  async #restore(name: string, files: readonly StoredFile[]): Promise<OrderedStore> {
    await this.#moment()
    this.#options.reached(name.includes('-former-') ? 'store dealt out anew' : 'store restored whole')
    return this.#watch(name, await this.#memory.restore(name, files))
  }

  #watch(name: string, store: OrderedStore): OrderedStore {
    if (this.#open.has(name)) this.#options.violation(`the store ${name} is opened twice`)
    this.#open.add(name)
    let underWay = 0
    const written = (): void => {
      if (underWay > 0) this.#options.violation(`${name} is written to while a checkpoint of it is made`)
    }
    return overlay(store, {
      put: (key, value) => {
        written()
        store.put(key, value)
      },
      delete: (key) => {
        written()
        store.delete(key)
      },
      getMany: async (keys) => {
        this.#options.reached('rows looked up ahead')
        const values = await store.getMany(keys)
        await this.#moment()
        return this.#open.has(name) ? values : keys.map(() => undefined)
      },
      checkpoint: async () => {
        underWay++
        try {
          const taken = await store.checkpoint()
          await this.#moment()
          this.#hazard('a checkpoint')
          this.#unreleased++
          let isReleased = false
          return {
            files: async () => (await taken.files()).map((file) => ({ ...file, read: () => this.#read(() => file.read()) })),
            release: async () => {
              if (!isReleased) this.#unreleased--
              isReleased = true
              await taken.release()
            },
          }
        } finally {
          underWay--
        }
      },
      close: async () => {
        this.#open.delete(name)
        await store.close()
      },
    })
  }

  async *#read(read: () => AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    await this.#moment()
    this.#hazard('a file')
    yield* read()
  }

  #hazard(what: string): void {
    if (this.#failing === 0 || !this.#options.random.chance(this.#failing)) return
    this.#options.reached('checkpoint of the store failed')
    throw new Error(`${what} of the store could not be had`)
  }

  #moment(): Promise<void> {
    return new Promise((resolve) => void this.#options.clock.after(this.#options.random.pick([0, 0, 1, 5, 30]), resolve))
  }
}
