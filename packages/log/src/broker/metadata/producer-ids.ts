import { Mutex } from '../../storage/partition/mutex.ts'
import type { MetadataStore } from './metadata-store.ts'

const BLOCK_IDS = 1000

/** Gives out producer ids, none twice: they are reserved on the disk in blocks, and what is left of a block at a stop is lost. */
export class ProducerIds {
  readonly #store: MetadataStore
  readonly #mutex = new Mutex()
  #next = 0
  #end = 0

  constructor(store: MetadataStore) {
    this.#store = store
  }

  take(): Promise<number> {
    return this.#mutex.run(async () => {
      if (this.#next === this.#end) {
        const { nextProducerId } = await this.#store.update((all) => ({ ...all, nextProducerId: all.nextProducerId + BLOCK_IDS }))
        this.#next = nextProducerId - BLOCK_IDS
        this.#end = nextProducerId
      }
      return this.#next++
    })
  }
}
