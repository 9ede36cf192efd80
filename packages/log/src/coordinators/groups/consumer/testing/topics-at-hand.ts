/** Topics that a test makes, grows and deletes. */
import type { GroupTopic, GroupTopics } from '../topics.ts'

export class TopicsAtHand implements GroupTopics {
  version = 1
  readonly #byName = new Map<string, GroupTopic>()
  #serial = 0

  constructor(topics: Readonly<Record<string, number>> = {}) {
    for (const [name, partitionCount] of Object.entries(topics)) this.put(name, partitionCount)
  }

  /** Makes the topic, or gives it more partitions. */
  put(name: string, partitionCount: number): GroupTopic {
    this.version++
    const id = this.#byName.get(name)?.id ?? idOf(++this.#serial)
    const topic: GroupTopic = { name, id, partitionCount }
    this.#byName.set(name, topic)
    return topic
  }

  delete(name: string): void {
    this.version++
    this.#byName.delete(name)
  }

  named(name: string): GroupTopic | undefined {
    return this.#byName.get(name)
  }

  withId(id: string): GroupTopic | undefined {
    return [...this.#byName.values()].find((topic) => topic.id === id)
  }

  all(): Iterable<GroupTopic> {
    return this.#byName.values()
  }
}

function idOf(serial: number): string {
  const bytes = Buffer.alloc(16)
  bytes.writeUInt32BE(serial, 12)
  return bytes.toString('base64url')
}
