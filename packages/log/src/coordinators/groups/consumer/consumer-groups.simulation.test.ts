/**
 * Consumers that come, go, stall and lose messages, seed by seed. Held after every step:
 *
 * 1. A partition has one owner: no two members have it assigned or still to revoke.
 * 2. Nobody whose commits are accepted uses what is not theirs: what a client at its member's epoch reads from is what that member has, or is to revoke.
 *    (One that lost the answer which raised its epoch may for a moment take up what it was given before; its commits are refused by then.)
 * 3. What a broker reads from the log, compacted or not, is what the group was.
 * And when the weather is fine again, every partition of every subscribed topic is used by exactly one client, and the group is stable.
 */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { SeededRandom } from '@millrace/testkit'
import { isConsumerGroup, type GroupState } from '../group-store.ts'
import { difference, partitionCount, union } from './assignment.ts'
import type { ConsumerGroup } from './consumer-group.ts'
import { ConsumerClient } from './testing/consumer-client.ts'
import { GroupHarness } from './testing/group-harness.ts'
import { TopicsAtHand } from './testing/topics-at-hand.ts'

const GROUP = 'g'
const SEEDS = 150
const STEPS = 120
const REBALANCE_TIMEOUT_MS = 30_000

function groupOf({ groups }: GroupState): ConsumerGroup | undefined {
  const group = groups.get(GROUP)
  return isConsumerGroup(group) ? group : undefined
}

/** A group as plain data. */
function picture(state: GroupState): unknown {
  const group = groupOf(state)
  if (group === undefined) return undefined
  const { groupEpoch, assignmentEpoch, metadataHash, members, targets, regexes, staticMembers } = group
  const owners = [...members.values()].flatMap((member) =>
    [...union(member.assigned, member.pendingRevocation)].map(([topicId, partitions]) =>
      partitions.map((partition) => [topicId, partition, group.ownerOf(topicId, partition)]),
    ),
  )
  return {
    groupEpoch,
    assignmentEpoch,
    metadataHash,
    members: sorted(members),
    targets: sorted(targets),
    regexes,
    staticMembers: sorted(staticMembers),
    owners: owners.flat().map(String).sort(),
  }
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([one], [other]) => (one < other ? -1 : 1))
}

class Weather {
  readonly random: SeededRandom
  readonly topics = new TopicsAtHand({ orders: 6, clicks: 4, other: 2 })
  readonly harness: GroupHarness
  readonly clients: ConsumerClient[] = []
  /** Clients that said nothing more, and may go on reading until they learn of it. */
  readonly zombies: ConsumerClient[] = []
  #serial = 0

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.harness = new GroupHarness(this.topics, this.random.fork())
  }

  step(): void {
    const { random, harness } = this
    const dice = random.between(0, 99)
    if (dice < 6 && this.clients.length < 6) this.join()
    else if (dice < 9)
      this.#someone((client) => this.#drop(client, () => client.leave(harness, client.instanceId === null || random.chance(0.3) ? -1 : -2)))
    else if (dice < 12) this.#someone((client) => this.#drop(client, () => this.zombies.push(client)))
    else if (dice < 14)
      this.topics.put(random.chance(0.5) ? 'orders' : 'clicks', random.between(1, 9) + (this.topics.named('orders')?.partitionCount ?? 0))
    else if (dice < 15) this.topics.delete('other')
    else if (dice < 17) this.topics.put(`click-${random.between(0, 3)}`, random.between(1, 3))
    else if (dice < 19) harness.advance(REBALANCE_TIMEOUT_MS)
    else if (dice < 24) this.#zombie()
    else if (dice < 55) this.#someone((client) => client.reconcile())
    else this.#someone((client) => client.heartbeatInWeather(harness, random, 0.15))
    harness.advance(random.between(0, 2000))
    if (random.chance(0.1)) harness.policy = random.chance(0.5) ? 'disabled' : 'bidirectional'
  }

  join(): void {
    const { random } = this
    const serial = ++this.#serial
    const instance = random.chance(0.3) ? `i${random.between(0, 2)}` : null
    if (instance !== null && this.clients.some(({ instanceId }) => instanceId === instance)) return
    const kind = random.between(0, 3)
    this.clients.push(
      new ConsumerClient({
        groupId: GROUP,
        memberId: `m${serial}`,
        instanceId: instance,
        topics: kind === 0 ? ['orders'] : kind === 1 ? ['orders', 'clicks', 'other'] : kind === 2 ? ['clicks'] : [],
        regex: kind === 3 ? 'click.*' : null,
        assignor: random.chance(0.2) ? 'range' : null,
        rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      }),
    )
  }

  calm(): void {
    const { harness } = this
    this.zombies.length = 0
    // Sessions of whoever is gone end; the others stay by their heartbeats, and whoever was refused joins at last.
    for (let round = 0; round < 40; round++) {
      for (const client of this.clients) {
        client.heartbeat(harness)
        client.reconcile()
        this.check()
      }
      harness.advance(5000)
    }
  }

  check(): void {
    const group = groupOf(this.harness.state)
    if (group === undefined) return
    const owners = new Map<string, string>()
    for (const member of group.members.values()) {
      for (const [topicId, partitions] of union(member.assigned, member.pendingRevocation)) {
        for (const partition of partitions) {
          const key = `${topicId} ${partition}`
          assert.equal(owners.get(key), undefined, `${key} is owned by ${owners.get(key)} and ${member.memberId}`)
          owners.set(key, member.memberId)
          assert.equal(group.ownerOf(topicId, partition), member.memberId)
        }
      }
    }
    for (const client of [...this.clients, ...this.zombies]) {
      const member = group.members.get(client.memberId)
      if (member?.memberEpoch !== client.epoch) continue
      const foreign = difference(client.using, union(member.assigned, member.pendingRevocation))
      assert.equal(partitionCount(foreign), 0, `${client.memberId} uses what is not its own`)
    }
  }

  checkReplay(): void {
    const before = picture(this.harness.state)
    assert.deepEqual(picture(this.harness.replayed()), before)
    assert.deepEqual(picture(this.harness.replayed(this.harness.compacted(true))), before)
    assert.deepEqual(picture(this.harness.replayed(this.harness.compacted(false))), before)
  }

  checkSettled(): void {
    const group = groupOf(this.harness.state)
    if (this.clients.length === 0) return assert.equal(group?.state ?? 'Empty', 'Empty')
    assert.equal(group!.state, 'Stable')
    const users = new Map<string, string>()
    for (const client of this.clients) {
      for (const [topicId, partitions] of client.using) {
        for (const partition of partitions) {
          assert.equal(users.get(`${topicId} ${partition}`), undefined)
          users.set(`${topicId} ${partition}`, client.memberId)
        }
      }
    }
    let expected = 0
    for (const name of group!.subscribedTopicNames) expected += this.topics.named(name)?.partitionCount ?? 0
    assert.equal(users.size, expected)
  }

  #someone(act: (client: ConsumerClient) => void): void {
    if (this.clients.length > 0) act(this.clients[this.random.between(0, this.clients.length - 1)]!)
  }

  #drop(client: ConsumerClient, how: () => unknown): void {
    this.clients.splice(this.clients.indexOf(client), 1)
    how()
  }

  /** It wakes up after a while, as after a long pause, and goes on as if nothing had been. */
  #zombie(): void {
    const zombie = this.zombies[0]
    if (zombie === undefined) return
    zombie.heartbeatInWeather(this.harness, this.random, 0.15)
    if (this.random.chance(0.5)) this.zombies.shift()
  }
}

it(`consumers keep to their partitions through ${SEEDS} seeds`, () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const weather = new Weather(seed)
    try {
      for (let step = 0; step < STEPS; step++) {
        weather.step()
        weather.check()
        if (step % 40 === 0) weather.checkReplay()
      }
      weather.calm()
      weather.checkSettled()
      weather.checkReplay()
      for (const client of weather.clients) client.leave(weather.harness)
      weather.harness.advance(100_000)
      assert.equal(groupOf(weather.harness.state)?.members.size ?? 0, 0)
      assert.equal(weather.harness.timerCount, 0)
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
})
