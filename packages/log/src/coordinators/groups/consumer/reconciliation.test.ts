import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Assignment } from './assignment.ts'
import { MEMBER_STATE, newMember, type ConsumerMember } from './member.ts'
import { reconcile } from './reconciliation.ts'

const { stable, unrevoked, unreleased, unknown } = MEMBER_STATE

function of(...partitions: readonly number[]): Assignment {
  return new Map(partitions.length === 0 ? [] : [['t', partitions]])
}

/** Partition 9 is another's. */
function step(member: Partial<ConsumerMember>, targetEpoch: number, target: Assignment, owned?: Assignment): unknown {
  const before = { ...newMember('m'), memberEpoch: 3, previousMemberEpoch: 2, ...member }
  const after = reconcile({
    member: before,
    targetEpoch,
    target,
    owned,
    ownerOf: (_, partition) => (partition === 9 ? 'other' : undefined),
  })
  if (after === 'rejoin') return after
  if (after === before) return 'stays'
  return [
    after.state,
    after.memberEpoch,
    after.previousMemberEpoch,
    [...(after.assigned.get('t') ?? [])],
    [...(after.pendingRevocation.get('t') ?? [])],
  ]
}

describe('a stable member', () => {
  it('stays where it is at its target', () => assert.equal(step({ assigned: of(1) }, 3, of(1)), 'stays'))
  it('takes up what is free', () => assert.deepEqual(step({ assigned: of(1) }, 4, of(1, 2)), [stable, 4, 3, [1, 2], []]))
  it('waits for what is not', () => assert.deepEqual(step({ assigned: of(1) }, 4, of(1, 2, 9)), [unreleased, 4, 3, [1, 2], []]))
  it('first revokes what it has to give up, at its epoch', () => {
    assert.deepEqual(step({ assigned: of(1, 2) }, 4, of(2, 3)), [unrevoked, 3, 3, [2], [1]])
  })
  it('has nothing to revoke where it says that it does not have it', () => {
    assert.deepEqual(step({ assigned: of(1, 2) }, 4, of(2, 3), of(2)), [stable, 4, 3, [2, 3], []])
  })
})

describe('a member that revokes', () => {
  const revoking = { state: unrevoked, assigned: of(2), pendingRevocation: of(1) }
  it('stays until it says so', () => assert.equal(step(revoking, 5, of(2, 3)), 'stays'))
  it('stays while it still has some of it', () => assert.equal(step(revoking, 5, of(2, 3), of(1, 2)), 'stays'))
  it('goes on to the newest target', () => assert.deepEqual(step(revoking, 5, of(2, 3), of(2)), [stable, 5, 3, [2, 3], []]))
  it('has left its epoch even where there is more to revoke', () => {
    assert.deepEqual(step(revoking, 5, of(3), of(2)), [unrevoked, 4, 3, [], [2]])
  })
})

describe('a member that waits', () => {
  const waiting = { state: unreleased, assigned: of(1) }
  it('stays while nothing is free', () => assert.equal(step(waiting, 3, of(1, 9)), 'stays'))
  it('takes up what has become free at its epoch', () => assert.deepEqual(step(waiting, 3, of(1, 2, 9)), [unreleased, 3, 3, [1, 2], []]))
  it('is stable with the last of it', () => assert.deepEqual(step(waiting, 3, of(1, 2)), [stable, 3, 3, [1, 2], []]))
  it('follows a newer target', () => assert.deepEqual(step(waiting, 4, of(2)), [unrevoked, 3, 3, [], [1]]))
})

describe('a member in a state of a newer broker', () => {
  it('has to join again', () => {
    assert.equal(step({ state: unknown, assigned: of(1) }, 4, of(1)), 'rejoin')
    assert.equal(step({ state: unknown, assigned: of(1) }, 4, of(1), of(1)), 'rejoin')
  })
  it('begins anew once it has nothing', () => {
    assert.deepEqual(step({ state: unknown, assigned: of(1) }, 4, of(2), of()), [stable, 4, 3, [2], []])
  })
})
