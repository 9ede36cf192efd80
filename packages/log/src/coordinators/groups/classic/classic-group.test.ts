import { test } from 'node:test'
import assert from 'node:assert/strict'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { GroupBench, subscription } from '../testing/group-bench.ts'
import type { JoinResponse } from './classic-group.ts'

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes!).toString()

/** Two members in a stable generation. */
async function pair(bench: GroupBench): Promise<{ readonly leader: JoinResponse; readonly follower: JoinResponse }> {
  const first = await bench.run(bench.enter())
  const again = bench.enter()
  await bench.clock.advance(1)
  const [leader, follower] = await bench.run(Promise.all([bench.join(first.memberId), again]))
  const waiting = bench.sync(follower)
  await bench.run(bench.sync(leader, { [leader.memberId]: 'one', [follower.memberId]: 'two' }))
  await bench.run(waiting)
  return { leader, follower }
}

test('a new member is given an id, joins with it, and leads', async () => {
  const bench = await GroupBench.start()
  const first = await bench.run(bench.join(''))
  assert.equal(first.errorCode, ERROR_CODE.MEMBER_ID_REQUIRED)
  assert.match(first.memberId, /^client-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  const joined = await bench.run(bench.join(first.memberId))
  assert.deepEqual(
    [joined.errorCode, joined.generationId, joined.leader, joined.protocolName, joined.protocolType, joined.members.length],
    [0, 1, first.memberId, 'range', 'consumer', 1],
  )
  const synced = await bench.run(bench.sync(joined, { [joined.memberId]: 'all' }))
  assert.deepEqual([synced.errorCode, text(synced.assignment)], [0, 'all'])
  assert.equal(await bench.run(bench.heartbeat(joined)), 0)
  assert.equal(await bench.run(bench.state()), 'Stable')
})

test('a second member makes the first one join again; only the leader hears of both; each gets its own assignment', async () => {
  const bench = await GroupBench.start()
  const first = await bench.run(bench.enter())
  await bench.run(bench.sync(first))
  const second = bench.enter()
  await bench.clock.advance(1)
  assert.equal(await bench.run(bench.heartbeat(first)), ERROR_CODE.REBALANCE_IN_PROGRESS)
  assert.equal((await bench.run(bench.sync(first))).errorCode, ERROR_CODE.REBALANCE_IN_PROGRESS)
  const [one, two] = await bench.run(Promise.all([bench.join(first.memberId), second]))
  assert.deepEqual([one.generationId, two.generationId, one.members.length, two.members.length], [2, 2, 2, 0])
  const waiting = bench.sync(two)
  const [mine, theirs] = await bench.run(Promise.all([bench.sync(one, { [one.memberId]: 'a', [two.memberId]: 'b' }), waiting]))
  assert.deepEqual([text(mine.assignment), text(theirs.assignment)], ['a', 'b'])
  assert.equal((await bench.run(bench.sync(two))).errorCode, 0, 'an assignment can be fetched again')
})

test('a member that does not join again in time is out, though it is heard of; who waits longer than its session is not', async () => {
  const bench = await GroupBench.start()
  const { leader, follower } = await pair(bench)
  const alone = bench.join(follower.memberId, { protocols: [{ name: 'range', metadata: subscription('other') }] })
  for (let elapsedMs = 0; elapsedMs < 4900; elapsedMs += 700) {
    await bench.clock.advance(700)
    assert.equal(await bench.run(bench.heartbeat(leader)), ERROR_CODE.REBALANCE_IN_PROGRESS)
  }
  await bench.clock.advance(200)
  assert.equal(await bench.run(bench.heartbeat(leader)), ERROR_CODE.UNKNOWN_MEMBER_ID)
  const joined = await bench.run(alone)
  assert.deepEqual([joined.generationId, joined.leader, joined.members.length], [3, follower.memberId, 1])
})

test('a static member that does not join again stays, and leads no more', async () => {
  const bench = await GroupBench.start()
  const change = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 2000 }
  const first = await bench.run(bench.join('', { ...change, groupInstanceId: 'i' }))
  await bench.run(bench.sync(first))
  const joined = await bench.run(bench.enter(change))
  assert.deepEqual([joined.generationId, joined.leader, joined.members.length], [2, joined.memberId, 2])
})

test('who waits for an assignment hears of a rebalance at once', async () => {
  const bench = await GroupBench.start()
  const { leader, follower } = await pair(bench)
  const [, two] = await bench.run(Promise.all([bench.join(leader.memberId), bench.join(follower.memberId)]))
  const again = await bench.run(bench.join(follower.memberId))
  assert.deepEqual([again.errorCode, again.generationId], [0, two.generationId], 'a lost answer is given again')
  let heard: number | undefined
  void bench.sync(two).then(({ errorCode }) => (heard = errorCode))
  const third = bench.enter()
  await bench.clock.advance(1)
  assert.equal(heard, ERROR_CODE.REBALANCE_IN_PROGRESS)
  await bench.run(Promise.all([third, bench.join(leader.memberId), bench.join(follower.memberId)]))
})

test('the session of a member that waited long for its assignment begins with it', async () => {
  const bench = await GroupBench.start()
  const { leader, follower } = await pair(bench)
  const [one, two] = await bench.run(Promise.all([bench.join(leader.memberId), bench.join(follower.memberId)]))
  const waiting = bench.sync(two)
  for (let count = 0; count < 3; count++) {
    await bench.clock.advance(700)
    assert.equal(await bench.run(bench.heartbeat(one)), 0)
  }
  await bench.run(Promise.all([bench.sync(one), waiting]))
  await bench.clock.advance(900)
  assert.equal(await bench.run(bench.heartbeat(one)), 0)
  await bench.clock.advance(200)
  assert.equal(await bench.run(bench.heartbeat(one)), ERROR_CODE.REBALANCE_IN_PROGRESS)
  assert.equal(await bench.run(bench.heartbeat(two)), ERROR_CODE.UNKNOWN_MEMBER_ID)
})

test('a heartbeat of another generation or instance is refused', async () => {
  const bench = await GroupBench.start()
  const { leader } = await pair(bench)
  assert.equal(await bench.run(bench.heartbeat({ ...leader, generationId: 1 })), ERROR_CODE.ILLEGAL_GENERATION)
  assert.equal(await bench.run(bench.heartbeat(leader, 'i')), ERROR_CODE.UNKNOWN_MEMBER_ID)
  assert.equal(await bench.run(bench.heartbeat(leader)), 0)
})

test('a member that is silent is out, and the others join again', async () => {
  const bench = await GroupBench.start()
  const { leader, follower } = await pair(bench)
  await bench.clock.advance(800)
  await bench.run(bench.heartbeat(follower))
  await bench.clock.advance(300)
  assert.equal(await bench.run(bench.heartbeat(follower)), ERROR_CODE.REBALANCE_IN_PROGRESS)
  assert.equal(await bench.run(bench.heartbeat(leader)), ERROR_CODE.UNKNOWN_MEMBER_ID)
})

test('a member that does not fetch its assignment in time is out', async () => {
  const bench = await GroupBench.start({ settings: { minSessionTimeoutMs: 1 } })
  const change = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 2000 }
  const first = await bench.run(bench.enter(change))
  const second = bench.enter(change)
  await bench.clock.advance(1)
  const [one, two] = await bench.run(Promise.all([bench.join(first.memberId, change), second]))
  await bench.run(bench.sync(one, { [one.memberId]: 'x' }))
  assert.equal(await bench.run(bench.state()), 'Stable')
  await bench.clock.advance(2001)
  assert.equal(await bench.run(bench.heartbeat(one)), ERROR_CODE.REBALANCE_IN_PROGRESS)
  assert.equal(await bench.run(bench.heartbeat(two)), ERROR_CODE.UNKNOWN_MEMBER_ID)
})

test('a leader that joins again rebalances; a follower whose metadata is the same does not', async () => {
  const bench = await GroupBench.start()
  const { leader, follower } = await pair(bench)
  const same = await bench.run(bench.join(follower.memberId))
  assert.deepEqual([same.errorCode, same.generationId, same.members.length], [0, 2, 0])
  const rejoin = bench.join(leader.memberId)
  await bench.clock.advance(1)
  assert.equal(await bench.run(bench.heartbeat(follower)), ERROR_CODE.REBALANCE_IN_PROGRESS)
  await bench.run(Promise.all([rejoin, bench.join(follower.memberId)]))
})

test('the initial delay is extended while members come, at most to the rebalance timeout', async () => {
  const bench = await GroupBench.start({ settings: { initialRebalanceDelayMs: 1000 } })
  const change = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 2500 }
  const one = bench.enter(change)
  await bench.clock.advance(900)
  const two = bench.enter(change)
  await bench.clock.advance(900)
  const three = bench.enter(change)
  await bench.clock.advance(600)
  assert.equal(await bench.run(bench.state()), 'PreparingRebalance')
  const joined = await bench.run(Promise.all([one, two, three]))
  assert.deepEqual(
    joined.map(({ generationId }) => generationId),
    [1, 1, 1],
  )
})

test('the protocol is the one most members prefer of those that all support', async () => {
  const bench = await GroupBench.start({ settings: { initialRebalanceDelayMs: 10 } })
  const protocols = (...names: readonly string[]): { readonly protocols: { name: string; metadata: Uint8Array }[] } => ({
    protocols: names.map((name) => ({ name, metadata: Buffer.from(name) })),
  })
  const joins = [protocols('sticky', 'range'), protocols('range', 'sticky'), protocols('other', 'range', 'sticky')]
  const joined = await bench.run(Promise.all(joins.map((one) => bench.enter(one))))
  assert.deepEqual(
    joined.map(({ protocolName }) => protocolName),
    ['range', 'range', 'range'],
  )
  const stranger = await bench.run(bench.join('', protocols('other')))
  assert.equal(stranger.errorCode, ERROR_CODE.INCONSISTENT_GROUP_PROTOCOL)
  const worker = await bench.run(bench.join('', { protocolType: 'connect', ...protocols('range') }))
  assert.equal(worker.errorCode, ERROR_CODE.INCONSISTENT_GROUP_PROTOCOL)
})

test('SyncGroup of another generation, member or protocol is refused', async () => {
  const bench = await GroupBench.start()
  const { leader } = await pair(bench)
  assert.equal((await bench.run(bench.sync({ ...leader, generationId: 1 }))).errorCode, ERROR_CODE.ILLEGAL_GENERATION)
  assert.equal((await bench.run(bench.sync({ ...leader, memberId: 'x' }))).errorCode, ERROR_CODE.UNKNOWN_MEMBER_ID)
  const request = { groupId: 'g', memberId: leader.memberId, generationId: 2, groupInstanceId: null, assignments: [] }
  const other = bench.requests.sync({ ...request, protocolType: 'consumer', protocolName: 'sticky' })
  assert.equal((await bench.run(bench.submit(other))).errorCode, ERROR_CODE.INCONSISTENT_GROUP_PROTOCOL)
})

test('a static member that comes back takes its place without a rebalance, and its former self is fenced', async () => {
  const bench = await GroupBench.start()
  const change = { groupInstanceId: 'i-1' }
  const old = await bench.run(bench.join('', change))
  assert.equal(old.errorCode, 0, 'static members need no id first')
  await bench.run(bench.sync(old, { [old.memberId]: 'mine' }))
  const back = await bench.run(bench.join('', change))
  assert.deepEqual(
    [back.errorCode, back.generationId, back.leader, back.skipAssignment, back.members.length],
    [0, 1, back.memberId, true, 1],
  )
  assert.notEqual(back.memberId, old.memberId)
  assert.equal(text((await bench.run(bench.sync(back))).assignment), 'mine')
  assert.equal(await bench.run(bench.heartbeat(old, 'i-1')), ERROR_CODE.FENCED_INSTANCE_ID)
  assert.equal((await bench.run(bench.join(old.memberId, change))).errorCode, ERROR_CODE.FENCED_INSTANCE_ID)
  const older = await bench.run(bench.join('', { ...change, canSkipAssignment: false }))
  assert.deepEqual([older.leader, older.members.length], [back.memberId, 0], 'an older client is not told that it leads')
  const after = await bench.restarted()
  assert.equal(await after.run(after.heartbeat(older, 'i-1')), 0, 'its new id was written')
})

test('a static member that comes back with another protocol or while assignments are waited for rebalances', async () => {
  const bench = await GroupBench.start()
  const change = { groupInstanceId: 'i-1' }
  const old = await bench.run(bench.join('', change))
  const back = await bench.run(bench.join('', change))
  assert.equal(back.generationId, 2)
  assert.equal((await bench.run(bench.sync(old))).errorCode, ERROR_CODE.UNKNOWN_MEMBER_ID)
  await bench.run(bench.sync(back))
  const changed = await bench.run(bench.join('', { ...change, protocols: [{ name: 'range', metadata: subscription('new') }] }))
  assert.equal(changed.generationId, 2, 'another subscription is not another protocol')
})

test('a static member that comes back before it has fetched its assignment is not waited for under its former id', async () => {
  const bench = await GroupBench.start()
  const change = { sessionTimeoutMs: 60_000 }
  const leader = await bench.run(bench.enter(change))
  const joining = bench.join('', { ...change, groupInstanceId: 'i-1' })
  await bench.clock.advance(1)
  const [again, former] = await bench.run(Promise.all([bench.join(leader.memberId, change), joining]))
  await bench.run(bench.sync(again, { [again.memberId]: 'one', [former.memberId]: 'two' }))
  const back = await bench.run(bench.join('', { ...change, groupInstanceId: 'i-1' }))
  assert.equal(text((await bench.run(bench.sync(back))).assignment), 'two')
  await bench.clock.advance(20_000)
  assert.deepEqual([await bench.run(bench.state()), await bench.run(bench.heartbeat(again))], ['Stable', 0])
})

test('members leave together, by id or instance; whoever waits is told', async () => {
  const bench = await GroupBench.start()
  const { leader, follower } = await pair(bench)
  const third = bench.join('', { groupInstanceId: 'i' })
  third.catch(() => undefined)
  await bench.clock.advance(1)
  const reply = await bench.run(
    bench.leave({ memberId: leader.memberId }, { groupInstanceId: 'i' }, { memberId: 'x' }, { groupInstanceId: 'y' }, { memberId: '' }),
  )
  assert.deepEqual(
    reply.members.map(({ errorCode }) => errorCode),
    [0, 0, ERROR_CODE.UNKNOWN_MEMBER_ID, ERROR_CODE.UNKNOWN_MEMBER_ID, ERROR_CODE.UNKNOWN_MEMBER_ID],
  )
  assert.equal((await bench.run(third)).errorCode, ERROR_CODE.UNKNOWN_MEMBER_ID)
  const alone = await bench.run(bench.join(follower.memberId))
  assert.deepEqual([alone.generationId, alone.leader], [3, follower.memberId])
  await bench.run(bench.leave({ memberId: follower.memberId }))
  assert.equal(await bench.run(bench.state()), 'Empty')
  const restarted = await bench.restarted()
  const group = await restarted.run(restarted.group())
  assert.deepEqual(group && 'generationId' in group && [group.state, group.generationId, group.protocolType], ['Empty', 4, 'consumer'])
})

test('a group takes no more members than it may', async () => {
  const bench = await GroupBench.start({ settings: { maxSize: 1 } })
  const first = await bench.run(bench.enter())
  await bench.run(bench.sync(first))
  assert.equal((await bench.run(bench.enter())).errorCode, ERROR_CODE.GROUP_MAX_SIZE_REACHED)
  assert.equal(await bench.run(bench.heartbeat(first)), 0)
})

test('a request that another one of the same member takes the place of is answered', async () => {
  const bench = await GroupBench.start()
  const { leader, follower } = await pair(bench)
  const lost = bench.join(leader.memberId)
  const retried = bench.join(leader.memberId)
  assert.equal((await bench.run(lost)).errorCode, ERROR_CODE.REBALANCE_IN_PROGRESS)
  const [one, two] = await bench.run(Promise.all([retried, bench.join(follower.memberId)]))
  const early = bench.sync(two)
  const late = bench.sync(two)
  assert.equal((await bench.run(early)).errorCode, ERROR_CODE.REBALANCE_IN_PROGRESS)
  await bench.run(Promise.all([bench.sync(one), late]))
})

test('a stable group is found again after a restart, with its sessions begun anew', async () => {
  const bench = await GroupBench.start()
  const { leader, follower } = await pair(bench)
  const after = await bench.restarted()
  assert.equal(await after.run(after.heartbeat(leader)), 0)
  assert.equal(text((await after.run(after.sync(follower))).assignment), 'two')
  await after.clock.advance(1001)
  assert.equal(await after.run(after.heartbeat(leader)), ERROR_CODE.UNKNOWN_MEMBER_ID)
})

test('an assignment that cannot be written leaves the group as it was written last', async () => {
  let isBroken = false
  const bench = await GroupBench.start({ fate: () => (isBroken ? 'refused' : 'acknowledged') })
  const first = await bench.run(bench.enter())
  await bench.run(bench.sync(first, { [first.memberId]: 'old' }))
  const again = await bench.run(bench.join(first.memberId))
  assert.equal(again.generationId, 2)
  isBroken = true
  await bench.run(assert.rejects(bench.sync(again, { [first.memberId]: 'new' }), { code: 'COORDINATOR_UNAVAILABLE' }))
  isBroken = false
  await bench.run(bench.coordinator.loadSettled)
  assert.equal(text((await bench.run(bench.sync(first))).assignment), 'old')
  assert.deepEqual(bench.faults, [])
})
