/**
 * Brings one member a step closer to its target assignment (KIP-848).
 *
 * 1. A partition is given to a member only when no other member owns it: neither has it assigned nor is still to revoke it.
 * 2. A member reaches a new epoch only when it no longer uses what it has to revoke for it.
 * 3. What a member has stays part of its assignment or becomes pending revocation; nothing leaves both but by the member's word.
 */
import { difference, filterAssignment, intersection, union, EMPTY_ASSIGNMENT, type Assignment } from './assignment.ts'
import { MEMBER_STATE, type ConsumerMember } from './member.ts'

export interface Reconciliation {
  readonly member: ConsumerMember
  readonly targetEpoch: number
  readonly target: Assignment
  /** The member that owns the partition at this moment. */
  readonly ownerOf: (topicId: string, partition: number) => string | undefined
  /** What the member says it has; undefined where it did not say, which confirms nothing. */
  readonly owned: Assignment | undefined
}

/** The member's next state, `'rejoin'` where only a new start helps, or the very same member where it cannot go on yet. */
export function reconcile(facts: Reconciliation): ConsumerMember | 'rejoin' {
  const { member, targetEpoch, owned } = facts
  switch (member.state) {
    case MEMBER_STATE.stable:
      return member.memberEpoch === targetEpoch ? member : nextStep(facts, member.memberEpoch)
    case MEMBER_STATE.unrevoked:
      if (mayStillUse(member.pendingRevocation, owned)) return member
      // The epoch it revoked for may not be the newest; it has left its former one all the same.
      return nextStep(facts, member.memberEpoch + 1)
    case MEMBER_STATE.unreleased:
      return nextStep(facts, member.memberEpoch)
    case MEMBER_STATE.unknown:
      return owned !== undefined && owned.size === 0 ? nextStep(facts, targetEpoch) : 'rejoin'
  }
}

function nextStep({ member, targetEpoch, target, ownerOf, owned }: Reconciliation, epoch: number): ConsumerMember {
  const kept = intersection(member.assigned, target)
  const toRevoke = difference(member.assigned, kept)
  if (toRevoke.size > 0 && mayStillUse(toRevoke, owned)) {
    return moved(member, { memberEpoch: epoch, state: MEMBER_STATE.unrevoked, assigned: kept, pendingRevocation: toRevoke })
  }
  const wanted = difference(target, kept)
  const free = filterAssignment(wanted, (topicId, partition) => {
    const owner = ownerOf(topicId, partition)
    return owner === undefined || owner === member.memberId
  })
  const waits = difference(wanted, free).size > 0
  if (waits && free.size === 0 && member.state === MEMBER_STATE.unreleased && member.memberEpoch === targetEpoch) return member
  return moved(member, {
    memberEpoch: targetEpoch,
    state: waits ? MEMBER_STATE.unreleased : MEMBER_STATE.stable,
    assigned: union(kept, free),
    pendingRevocation: EMPTY_ASSIGNMENT,
  })
}

function moved(
  member: ConsumerMember,
  change: Pick<ConsumerMember, 'memberEpoch' | 'state' | 'assigned' | 'pendingRevocation'>,
): ConsumerMember {
  return { ...member, ...change, previousMemberEpoch: member.memberEpoch }
}

function mayStillUse(partitions: Assignment, owned: Assignment | undefined): boolean {
  return owned === undefined || intersection(partitions, owned).size > 0
}
