import type { CoordinationSession } from '@millrace/core'
import { MillraceError } from '@millrace/core'
import { Mutex } from '../storage/partition/mutex.ts'
import { PRODUCER_ID_BLOCK } from './paths.ts'
import { decodeProducerIdBlock, encodeProducerIdBlock } from './registrations.ts'

const BLOCK_IDS = 1000

/** Gives out producer ids, none twice in a cluster: they are reserved in blocks, and what is left of a block at a stop is lost. */
export class ProducerIds {
  readonly #session: CoordinationSession
  readonly #brokerId: number
  readonly #mutex = new Mutex()
  #next = 0
  #end = 0

  constructor(session: CoordinationSession, brokerId: number) {
    this.#session = session
    this.#brokerId = brokerId
  }

  /** @throws COORDINATION_UNAVAILABLE */
  take(): Promise<number> {
    return this.#mutex.run(async () => {
      while (this.#next === this.#end) await this.#reserve()
      return this.#next++
    })
  }

  async #reserve(): Promise<void> {
    const node = await this.#session.get(PRODUCER_ID_BLOCK)
    const start = node === undefined ? 0 : decodeProducerIdBlock(node.bytes, PRODUCER_ID_BLOCK) + 1
    const end = start + BLOCK_IDS
    const bytes = encodeProducerIdBlock(this.#brokerId, start, end - 1)
    try {
      if (node === undefined) await this.#session.create(PRODUCER_ID_BLOCK, bytes)
      else await this.#session.set(PRODUCER_ID_BLOCK, bytes, node.stat.version)
    } catch (error) {
      // Another broker took this block: the next one then.
      if (error instanceof MillraceError && /^COORDINATION_(BAD_VERSION|NODE_EXISTS)$/.test(error.code)) return
      throw error
    }
    this.#next = start
    this.#end = end
  }
}
