/** Who owns each partition: has it assigned, or is still to revoke it. Copies share what neither has changed since. */
import type { Assignment } from './assignment.ts'

export class PartitionOwners {
  readonly #topics: Map<string, Map<number, string>>
  /** Topics whose map no copy shares. */
  readonly #own = new Set<string>()

  constructor(topics: Map<string, Map<number, string>> = new Map()) {
    this.#topics = topics
  }

  copy(): PartitionOwners {
    this.#own.clear()
    return new PartitionOwners(new Map(this.#topics))
  }

  of(topicId: string, partition: number): string | undefined {
    return this.#topics.get(topicId)?.get(partition)
  }

  take(memberId: string, assignment: Assignment): void {
    for (const [topicId, partitions] of assignment) {
      const topic = this.#writable(topicId)
      for (const partition of partitions) topic.set(partition, memberId)
    }
  }

  /** What another member has taken meanwhile stays with it: a log whose older records are compacted away may be read in such an order. */
  release(memberId: string, assignment: Assignment): void {
    for (const [topicId, partitions] of assignment) {
      if (!this.#topics.has(topicId)) continue
      const topic = this.#writable(topicId)
      for (const partition of partitions) if (topic.get(partition) === memberId) topic.delete(partition)
      if (topic.size === 0) this.#topics.delete(topicId)
    }
  }

  #writable(topicId: string): Map<number, string> {
    const known = this.#topics.get(topicId)
    if (known !== undefined && this.#own.has(topicId)) return known
    const topic = new Map(known)
    this.#topics.set(topicId, topic)
    this.#own.add(topicId)
    return topic
  }
}
