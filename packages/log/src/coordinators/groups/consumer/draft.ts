/**
 * A group while something is decided about it.
 *
 * 1. The group it begins with is not changed: the first record makes a copy.
 * 2. Each record is applied at once, by the very function that a replay uses: what is decided later builds on what a replay will find.
 */
import { ConsumerGroup } from './consumer-group.ts'
import type { ConsumerGroupRecord } from './records.ts'

export class GroupDraft {
  #group: ConsumerGroup
  #isCopy = false
  readonly records: ConsumerGroupRecord[] = []

  constructor(group: ConsumerGroup) {
    this.#group = group
  }

  /** As it will be with all records so far. */
  get group(): ConsumerGroup {
    return this.#group
  }

  add(...records: readonly ConsumerGroupRecord[]): void {
    if (records.length > 0 && !this.#isCopy) {
      this.#group = this.#group.copy()
      this.#isCopy = true
    }
    for (const record of records) {
      this.records.push(record)
      this.#group.apply(record)
    }
  }
}
