/**
 * The range assignor: of each topic, every subscriber gets a contiguous run of partitions, the first ones one more where it does not divide evenly.
 *
 * Members stand in the same order for every topic, static ones first by instance id: topics with the same number of partitions and the same
 * subscribers are co-partitioned, and a static member that comes back under another member id gets what it had.
 */
import type { Assignment } from '../assignment.ts'
import type { AssignorInput, AssignorMember } from './assignor.ts'

export function assignRange({ members, partitionCounts }: AssignorInput): Map<string, Assignment> {
  const ordered = [...members].sort(byStaticOrder)
  const result = new Map<string, Map<string, readonly number[]>>([...members.keys()].map((memberId) => [memberId, new Map()]))
  const subscribers = new Map<string, string[]>()
  for (const [memberId, { topicIds }] of ordered) {
    for (const topicId of topicIds) {
      const known = subscribers.get(topicId)
      if (known === undefined) subscribers.set(topicId, [memberId])
      else known.push(memberId)
    }
  }
  for (const [topicId, memberIds] of subscribers) {
    const count = partitionCounts.get(topicId) ?? 0
    const quota = Math.floor(count / memberIds.length)
    const extra = count % memberIds.length
    let next = 0
    for (const [index, memberId] of memberIds.entries()) {
      const size = quota + (index < extra ? 1 : 0)
      if (size === 0) break
      result.get(memberId)!.set(
        topicId,
        Array.from({ length: size }, (_, at) => next + at),
      )
      next += size
    }
  }
  return result
}

function byStaticOrder([id, member]: readonly [string, AssignorMember], [otherId, other]: readonly [string, AssignorMember]): number {
  if (member.instanceId === null && other.instanceId === null) return compare(id, otherId)
  if (member.instanceId === null) return 1
  if (other.instanceId === null) return -1
  return compare(member.instanceId, other.instanceId)
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}
