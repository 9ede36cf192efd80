/** What the logs found in a directory mean to the topics that are stored: pure. */
import type { PartitionState } from './registrations.ts'
import type { StoredTopic } from './controller-store.ts'

export interface FoundLog {
  readonly topic: string
  readonly partition: number
  /** Of its `partition.metadata`; undefined if it has none. */
  readonly topicId: string | undefined
}

/** The first log that belongs to no topic that is stored; undefined if there is none. */
export function strayLog(found: readonly FoundLog[], stored: readonly StoredTopic[]): FoundLog | undefined {
  const byName = new Map(stored.map((topic) => [topic.name, topic]))
  return found.find(({ topic, partition, topicId }) => {
    const assignment = byName.get(topic)?.assignment
    if (assignment === undefined || partition >= assignment.replicas.length) return true
    return topicId !== undefined && assignment.id !== undefined && topicId !== assignment.id
  })
}

export type Adoption = { readonly topics: readonly StoredTopic[] } | { readonly problem: string; readonly log: FoundLog }

/**
 * The topics of a directory that another broker wrote. Each has the partitions from 0 to the highest one found, and the id that its logs
 * name, or a new one.
 */
export function adoptLogs(found: readonly FoundLog[], brokerId: number, newId: () => string): Adoption {
  const byTopic = Map.groupBy(found, ({ topic }) => topic)
  const topics: StoredTopic[] = []
  for (const [name, logs] of byTopic) {
    const highest = logs.reduce((a, b) => (b.partition > a.partition ? b : a))
    if (highest.partition >= logs.length) return { problem: `only ${logs.length} of its partitions are here`, log: highest }
    const ids = new Set(logs.flatMap(({ topicId }) => (topicId === undefined ? [] : [topicId])))
    if (ids.size > 1) return { problem: 'its logs name different topics', log: highest }
    const [id = newId()] = ids
    const replicas = logs.map(() => [brokerId])
    const states = logs.map((): PartitionState => ({ leader: brokerId, leaderEpoch: 0, isr: [brokerId], controllerEpoch: 0 }))
    topics.push({ name, assignment: { id, replicas }, states })
  }
  return { topics }
}
