import type { TopicPartition } from './split.ts'
import { splitId } from './split.ts'

/**
 * Which reader reads which partition: the one that has the fewest, and of those the first. Partitions come and stay where they are until the job restarts.
 *
 * A partition is with one reader, and the numbers of two readers differ by one at most as long as none was taken away.
 */
export class Shares {
  readonly #owners: Map<string, number> = new Map()
  readonly #counts: number[]

  constructor(parallelism: number) {
    this.#counts = Array.from({ length: parallelism }, () => 0)
  }

  ownerOf(at: TopicPartition): number {
    const id = splitId(at)
    const known = this.#owners.get(id)
    if (known !== undefined) return known
    const owner = this.#counts.indexOf(Math.min(...this.#counts))
    this.#counts[owner]!++
    this.#owners.set(id, owner)
    return owner
  }

  /** The reader that has it now. */
  find(at: TopicPartition): number | undefined {
    return this.#owners.get(splitId(at))
  }

  remove(at: TopicPartition): void {
    const id = splitId(at)
    const owner = this.#owners.get(id)
    if (owner === undefined) return
    this.#owners.delete(id)
    this.#counts[owner]!--
  }

  has(reader: number): boolean {
    return this.#counts[reader]! > 0
  }
}
