/** Partitions of topics, as they are assigned, owned and revoked: plain values that are never changed in place. */

/** Ascending partition numbers by topic id (base64url of the sixteen bytes). No topic maps to an empty list. */
export type Assignment = ReadonlyMap<string, readonly number[]>

/** The wire's form of an assignment, in requests, responses and records alike. */
export interface WireTopicPartitions {
  readonly topicId: Uint8Array
  readonly partitions: readonly number[]
}

export const EMPTY_ASSIGNMENT: Assignment = new Map()

export function topicIdText(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('base64url')
}

export function topicIdBytes(id: string): Uint8Array {
  return new Uint8Array(Buffer.from(id, 'base64url'))
}

/** An assignment of the pairs given, in any order, repeated or not. */
export function assignmentOf(entries: Iterable<readonly [topicId: string, partitions: readonly number[]]>): Assignment {
  const all = new Map<string, number[]>()
  for (const [topicId, partitions] of entries) {
    const known = all.get(topicId)
    if (known === undefined) all.set(topicId, partitions.slice())
    else known.push(...partitions)
  }
  for (const [topicId, partitions] of all) {
    if (partitions.length === 0) all.delete(topicId)
    else if (!isAscending(partitions)) all.set(topicId, ascending(partitions))
  }
  return all
}

export function assignmentFromWire(topics: readonly WireTopicPartitions[]): Assignment {
  return assignmentOf(topics.map(({ topicId, partitions }) => [topicIdText(topicId), partitions]))
}

export function assignmentToWire(assignment: Assignment): WireTopicPartitions[] {
  return [...assignment].map(([topicId, partitions]) => ({ topicId: topicIdBytes(topicId), partitions }))
}

export function partitionCount(assignment: Assignment): number {
  let count = 0
  for (const partitions of assignment.values()) count += partitions.length
  return count
}

export function hasPartition(assignment: Assignment, topicId: string, partition: number): boolean {
  return assignment.get(topicId)?.includes(partition) ?? false
}

/** The partitions for which the test holds; the very same value where it holds for all. */
export function filterAssignment(assignment: Assignment, keeps: (topicId: string, partition: number) => boolean): Assignment {
  const kept = new Map<string, readonly number[]>()
  let isWhole = true
  for (const [topicId, partitions] of assignment) {
    const left = partitions.filter((partition) => keeps(topicId, partition))
    isWhole &&= left.length === partitions.length
    if (left.length > 0) kept.set(topicId, left)
  }
  return isWhole ? assignment : kept
}

export function intersection(one: Assignment, other: Assignment): Assignment {
  const sets = asSets(other)
  return filterAssignment(one, (topicId, partition) => sets.get(topicId)?.has(partition) ?? false)
}

/** What is in the first and not in the second. */
export function difference(one: Assignment, other: Assignment): Assignment {
  const sets = asSets(other)
  return filterAssignment(one, (topicId, partition) => !(sets.get(topicId)?.has(partition) ?? false))
}

export function union(one: Assignment, other: Assignment): Assignment {
  if (other.size === 0) return one
  if (one.size === 0) return other
  return assignmentOf([...one, ...other])
}

export function isSubset(inner: Assignment, outer: Assignment): boolean {
  return difference(inner, outer).size === 0
}

export function sameAssignment(one: Assignment, other: Assignment): boolean {
  if (one === other) return true
  if (one.size !== other.size) return false
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId)
    if (others?.length !== partitions.length || !partitions.every((partition, index) => partition === others[index])) return false
  }
  return true
}

function asSets(assignment: Assignment): Map<string, ReadonlySet<number>> {
  return new Map([...assignment].map(([topicId, partitions]) => [topicId, new Set(partitions)]))
}

function isAscending(partitions: readonly number[]): boolean {
  for (let at = 1; at < partitions.length; at++) if (partitions[at - 1]! >= partitions[at]!) return false
  return true
}

function ascending(partitions: readonly number[]): number[] {
  return [...new Set(partitions)].sort((one, other) => one - other)
}
