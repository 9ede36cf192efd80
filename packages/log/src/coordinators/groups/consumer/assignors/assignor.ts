/** What an assignor of the broker is given and gives back. Assignors are pure: the same members and topics always yield the same. */
import type { Assignment } from '../assignment.ts'

export interface AssignorMember {
  /** Of a static member: it survives restarts of the client. */
  readonly instanceId: string | null
  /** Ids of the topics it is subscribed to, of which all exist. */
  readonly topicIds: ReadonlySet<string>
  /** Its part of the last target assignment; empty for a new member. */
  readonly current: Assignment
}

export interface AssignorInput {
  readonly members: ReadonlyMap<string, AssignorMember>
  /** Of every topic that any member is subscribed to. */
  readonly partitionCounts: ReadonlyMap<string, number>
}

/**
 * Gives every partition of every topic that has a subscriber to exactly one of its subscribers.
 * The result has an entry for every member.
 */
export type Assignor = (input: AssignorInput) => Map<string, Assignment>

/** Whether all members are subscribed to the same topics. */
export function isHomogeneous(members: ReadonlyMap<string, AssignorMember>): boolean {
  let first: ReadonlySet<string> | undefined
  for (const { topicIds } of members.values()) {
    first ??= topicIds
    if (topicIds === first) continue
    if (topicIds.size !== first.size) return false
    for (const topicId of topicIds) if (!first.has(topicId)) return false
  }
  return true
}
