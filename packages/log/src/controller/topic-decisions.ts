/** What may become a topic: pure, over what is known of topics and brokers. */
import { collisionKey, topicNameProblem } from './topic-name.ts'

export interface NewTopic {
  readonly name: string
  /** Undefined where `assignments` says it. */
  readonly partitionCount?: number
  /** Undefined where `assignments` says it; one replica by default. */
  readonly replicationFactor?: number
  /** Brokers of each partition by its number; the controller's choice by default. */
  readonly assignments?: readonly (readonly number[])[]
  readonly configs?: Readonly<Record<string, string>>
}

export type TopicProblemKind = 'exists' | 'name' | 'partitions' | 'replication' | 'assignment' | 'config' | 'policy' | 'request' | 'unknown'

export interface TopicProblem {
  readonly kind: TopicProblemKind
  readonly problem: string
}

export interface ClusterFacts {
  /** Ascending. */
  readonly brokers: readonly number[]
  /** Names of topics, also of those being deleted. */
  readonly topics: ReadonlySet<string>
  readonly deletions: ReadonlySet<string>
  /** Where the first replica goes if it is the controller's choice. */
  readonly firstBroker: number
}

/** Partitions of one topic, and those that one request makes. */
export const PARTITIONS_MAX = 10_000

export type Assignments = readonly (readonly number[])[]

/** The replicas of a new topic's partitions, or what is wrong with it. */
export function placeTopic(wanted: NewTopic, facts: ClusterFacts): Assignments | TopicProblem {
  const nameProblem = topicNameProblem(wanted.name) ?? collisionProblem(wanted.name, facts.topics)
  if (facts.deletions.has(wanted.name)) return { kind: 'exists', problem: `Topic '${wanted.name}' is being deleted.` }
  if (facts.topics.has(wanted.name)) return { kind: 'exists', problem: `Topic '${wanted.name}' already exists.` }
  if (nameProblem !== undefined) return { kind: 'name', problem: nameProblem }
  if (wanted.assignments !== undefined) return assignmentProblem(wanted.assignments, facts) ?? wanted.assignments
  return placePartitions(wanted.partitionCount ?? 1, wanted.replicationFactor ?? 1, 0, facts)
}

/** The replicas of partitions that a topic is to have besides its own, or what is wrong with them. */
export function placeMorePartitions(
  current: Assignments,
  count: number,
  assignments: Assignments | undefined,
  facts: ClusterFacts,
): Assignments | TopicProblem {
  const added = count - current.length
  if (added < 0) {
    return { kind: 'partitions', problem: `The topic currently has ${current.length} partition(s); ${count} would not be an increase.` }
  }
  if (added === 0) return { kind: 'partitions', problem: `Topic already has ${current.length} partition(s).` }
  if (assignments === undefined) return placePartitions(added, current[0]!.length, current.length, facts)
  if (assignments.length !== added) {
    const problem = `Attempted to add ${added} additional partition(s), but only ${assignments.length} assignment(s) were specified.`
    return { kind: 'assignment', problem }
  }
  return assignmentProblem(assignments, facts, current[0]!.length) ?? assignments
}

function placePartitions(
  count: number,
  factor: number,
  offset: number,
  { brokers, firstBroker }: ClusterFacts,
): Assignments | TopicProblem {
  if (!Number.isInteger(count) || count < 1) {
    return { kind: 'partitions', problem: 'Number of partitions was set to an invalid non-positive value.' }
  }
  if (offset + count > PARTITIONS_MAX) return { kind: 'policy', problem: `A topic has ${PARTITIONS_MAX} partitions at most.` }
  if (factor < 1) return { kind: 'replication', problem: 'Replication factor must be larger than 0, or -1 to use the default value.' }
  if (factor > brokers.length) {
    const problem = `Unable to replicate the partition ${factor} time(s): The target replication factor of ${factor} cannot be reached because only ${brokers.length} broker(s) are registered.`
    return { kind: 'replication', problem }
  }
  const start = Math.max(0, brokers.indexOf(firstBroker))
  return Array.from({ length: count }, (_, partition) =>
    Array.from({ length: factor }, (_, replica) => brokers[(start + offset + partition + replica) % brokers.length]!),
  )
}

function assignmentProblem(
  assignments: Assignments,
  { brokers }: ClusterFacts,
  factor = assignments[0]?.length ?? 0,
): TopicProblem | undefined {
  const wrong = (problem: string): TopicProblem => ({ kind: 'assignment', problem })
  if (assignments.length > PARTITIONS_MAX) return { kind: 'policy', problem: `A topic has ${PARTITIONS_MAX} partitions at most.` }
  for (const replicas of assignments) {
    if (replicas.length === 0) return wrong('The manual partition assignment includes an empty replica list.')
    const repeated = replicas.find((id, index) => replicas.indexOf(id) !== index)
    if (repeated !== undefined) return wrong(`The manual partition assignment includes the broker ${repeated} more than once.`)
    const unknown = replicas.find((id) => !brokers.includes(id))
    if (unknown !== undefined) {
      return wrong(`The manual partition assignment includes broker ${unknown}, but no such broker is registered.`)
    }
    if (replicas.length !== factor) {
      return wrong(
        `The manual partition assignment includes a partition with ${replicas.length} replica(s), but this is not consistent with previous partitions, which have ${factor} replica(s).`,
      )
    }
  }
  return undefined
}

function collisionProblem(name: string, topics: ReadonlySet<string>): string | undefined {
  if (!/[._]/.test(name)) return undefined
  const key = collisionKey(name)
  for (const other of topics) if (collisionKey(other) === key) return `Topic '${name}' collides with existing topic: ${other}`
  return undefined
}
