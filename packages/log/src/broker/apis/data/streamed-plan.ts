import { StreamedBytes } from '../../../protocol/index.ts'
import type { ReadPlan } from '../../../storage/index.ts'

/** The records of a planned read, streamed from the log's files while they are pinned. */
export class StreamedPlan extends StreamedBytes {
  readonly length: number
  readonly #plan: ReadPlan

  constructor(plan: ReadPlan) {
    super()
    this.#plan = plan
    this.length = plan.sizeBytes
  }

  readInto(into: Uint8Array, position: number): Promise<void> {
    return this.#plan.readInto(into, position)
  }

  release(): void {
    this.#plan.release()
  }
}
