/**
 * The topic that a coordinator keeps its state in, made when it is first needed.
 *
 * 1. Every partition of the topic that is led here is loaded, at the start and as soon as the topic is made.
 * 2. One creation is under way at a time; all who wait for the topic share it.
 */
import type { CoordinatorLog } from './coordinator-log.ts'
import { coordinatorLogOf, type LedPartition } from './partition-log.ts'

export interface InternalTopicOptions {
  /** The partitions of the topic, in order; undefined while there is no topic. */
  readonly find: () => { readonly partitions: readonly LedPartition[] } | undefined
  /** Makes the topic. Rejects, or leaves it unmade, where that is not possible now. */
  readonly create: () => Promise<unknown>
  /** `max.message.bytes` of the topic. */
  readonly batchBytesMax: () => number
  readonly load: (partition: number, log: CoordinatorLog) => void
}

export class InternalTopic {
  readonly #options: InternalTopicOptions
  #creation: Promise<unknown> | undefined

  constructor(options: InternalTopicOptions) {
    this.#options = options
  }

  /** Loads all partitions there are; those of a leadership that is known are left alone. False where there is no topic. */
  load(): boolean {
    const { find, batchBytesMax, load } = this.#options
    const topic = find()
    topic?.partitions.forEach((partition, index) => load(index, coordinatorLogOf(partition, batchBytesMax())))
    return topic !== undefined
  }

  /** Makes the topic if it is missing. Whether it is there now. */
  async ensure(): Promise<boolean> {
    if (this.#options.find() !== undefined) return true
    this.#creation ??= this.#options.create().finally(() => (this.#creation = undefined))
    await this.#creation.catch(() => undefined)
    return this.load()
  }
}
