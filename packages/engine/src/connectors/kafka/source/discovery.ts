/**
 * What a look at the cluster means for what is known: pure.
 *
 * 1. Partitions are never taken for new twice, nor for gone because of one look: brokers learn of changes at different times, so what is missing or
 *    has another id is only suspected at first.
 */
import type { KnownTopic, TopicPartition } from './split.ts'

export interface Discovery {
  /** All that is known after this look. */
  readonly topics: readonly KnownTopic[]
  readonly added: readonly TopicPartition[]
  /** Gone for good. */
  readonly deleted: readonly KnownTopic[]
  /** Gone, and another of that name is there, whose partitions are among `added`. */
  readonly recreated: readonly KnownTopic[]
  /** To be handed in with the next look. */
  readonly suspects: Suspects
}

/** Topics that seemed to be gone: the id of what was in their place, empty for nothing. */
export type Suspects = ReadonlyMap<string, string>

export const NO_SUSPECTS: Suspects = new Map()

export function discover(known: readonly KnownTopic[], found: readonly KnownTopic[], suspects: Suspects): Discovery {
  const foundByName = new Map(found.map((topic) => [topic.name, topic]))
  const topics: KnownTopic[] = []
  const added: TopicPartition[] = []
  const deleted: KnownTopic[] = []
  const recreated: KnownTopic[] = []
  const suspected = new Map<string, string>()
  for (const topic of known) {
    const now = foundByName.get(topic.name)
    foundByName.delete(topic.name)
    if (now !== undefined && isSame(topic, now)) {
      const partitions = Math.max(topic.partitions, now.partitions)
      topics.push({ name: topic.name, id: now.id === '' ? topic.id : now.id, partitions })
      added.push(...partitionsOf(topic.name, topic.partitions, partitions))
      continue
    }
    const evidence = now === undefined ? '' : now.id || `${now.partitions} partitions`
    if (suspects.get(topic.name) !== evidence) {
      suspected.set(topic.name, evidence)
      topics.push(topic)
    } else if (now === undefined) deleted.push(topic)
    else {
      recreated.push(topic)
      topics.push(now)
      added.push(...partitionsOf(now.name, 0, now.partitions))
    }
  }
  for (const topic of foundByName.values()) {
    topics.push(topic)
    added.push(...partitionsOf(topic.name, 0, topic.partitions))
  }
  return { topics, added, deleted, recreated, suspects: suspected }
}

/** Where there are no ids, only fewer partitions tell that it is another topic. */
function isSame(known: KnownTopic, now: KnownTopic): boolean {
  if (known.id !== '' && now.id !== '') return known.id === now.id
  return now.partitions >= known.partitions
}

function partitionsOf(topic: string, from: number, to: number): TopicPartition[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => ({ topic, partition: from + index }))
}
