/** Who of a group reads what: pure functions of the members and the topics. Every partition goes to one member that subscribes to its topic, if there is any. */
import type { OwnedPartition, Subscription } from './consumer-protocol.ts'

/** Assignors by their names in the group protocol; members of Kafka's own clients know them too. `cooperative-sticky` is KIP-429. */
export type AssignorName = 'range' | 'cooperative-sticky'

export interface Member {
  readonly memberId: string
  readonly instanceId: string | null
  readonly subscription: Subscription
}

/** Partitions by topic. */
export type PartitionCounts = ReadonlyMap<string, number>

export type Assignments = ReadonlyMap<string, readonly OwnedPartition[]>

export interface Assignor {
  /** Whether members keep what they have while a rebalance goes on. All members of a group do, or none. */
  readonly isCooperative: boolean
  assign(members: readonly Member[], counts: PartitionCounts): Assignments
}

export const assignors: { readonly [N in AssignorName]: Assignor } = {
  range: { isCooperative: false, assign: assignRanges },
  'cooperative-sticky': { isCooperative: true, assign: assignCooperatively },
}

/** Each topic's partitions in order, cut into as many even ranges as it has members; the first ones are larger by one. */
function assignRanges(members: readonly Member[], counts: PartitionCounts): Assignments {
  const assigned = new Map<string, OwnedPartition[]>(members.map(({ memberId }) => [memberId, []]))
  for (const [topic, count] of counts) {
    const subscribed = members.filter(({ subscription }) => subscription.topics.includes(topic)).toSorted(byName)
    let next = 0
    for (const [index, { memberId }] of subscribed.entries()) {
      const share = Math.floor(count / subscribed.length) + (index < count % subscribed.length ? 1 : 0)
      for (let end = next + share; next < end; next++) assigned.get(memberId)!.push({ topic, partition: next })
    }
  }
  return assigned
}

/** Balanced with as few moves as possible. What moves is given to nobody yet: its owner gives it up first, and another rebalance hands it on. */
function assignCooperatively(members: readonly Member[], counts: PartitionCounts): Assignments {
  const owners = ownersOf(members, counts)
  const loads = new Map<string, OwnedPartition[]>(members.map(({ memberId }) => [memberId, []]))
  const sorted = members.toSorted(byName)
  const free: OwnedPartition[] = []
  for (const [topic, count] of counts) {
    for (let partition = 0; partition < count; partition++) {
      const owner = owners.get(`${topic} ${partition}`)
      if (owner === undefined) free.push({ topic, partition })
      else loads.get(owner)!.push({ topic, partition })
    }
  }
  const takers = (topic: string): Member[] => sorted.filter(({ subscription }) => subscription.topics.includes(topic))
  for (const one of free) {
    const least = leastLoaded(takers(one.topic), loads)
    if (least !== undefined) loads.get(least)!.push(one)
  }
  balance(sorted, loads)
  for (const [memberId, list] of loads) {
    const kept = list.filter(({ topic, partition }) => {
      const owner = owners.get(`${topic} ${partition}`)
      return owner === undefined || owner === memberId
    })
    loads.set(memberId, kept)
  }
  return loads
}

/** Who has what now. Where two claim a partition, the one of the later generation has it. */
function ownersOf(members: readonly Member[], counts: PartitionCounts): ReadonlyMap<string, string> {
  const claims = new Map<string, { readonly memberId: string; readonly generationId: number }>()
  for (const { memberId, subscription } of members) {
    for (const { topic, partition } of subscription.owned) {
      if (partition >= (counts.get(topic) ?? 0) || !subscription.topics.includes(topic)) continue
      const key = `${topic} ${partition}`
      const known = claims.get(key)
      if (known === undefined || subscription.generationId > known.generationId)
        claims.set(key, { memberId, generationId: subscription.generationId })
    }
  }
  return new Map([...claims].map(([key, { memberId }]) => [key, memberId]))
}

/** Moves partitions to who may have them and has at least two less, until there is no such pair. Who has most gives first: where all may have all, whoever gives never takes. */
function balance(members: readonly Member[], loads: ReadonlyMap<string, OwnedPartition[]>): void {
  for (let move = nextMove(members, loads); move !== undefined; move = nextMove(members, loads)) {
    const [one] = move.from.splice(move.index, 1)
    move.to.push(one!)
  }
}

interface Move {
  readonly from: OwnedPartition[]
  readonly index: number
  readonly to: OwnedPartition[]
}

function nextMove(members: readonly Member[], loads: ReadonlyMap<string, OwnedPartition[]>): Move | undefined {
  for (const from of [...loads.values()].toSorted((x, y) => y.length - x.length)) {
    const topics = new Set<string>()
    // What it has got just now is at the end, and nobody has to give it up.
    for (let index = from.length - 1; index >= 0; index--) {
      const { topic } = from[index]!
      if (topics.has(topic)) continue
      topics.add(topic)
      const least = leastLoaded(
        members.filter(({ subscription }) => subscription.topics.includes(topic)),
        loads,
      )
      const to = least === undefined ? undefined : loads.get(least)!
      if (to !== undefined && to.length + 2 <= from.length) return { from, index, to }
    }
  }
  return undefined
}

function leastLoaded(members: readonly Member[], loads: ReadonlyMap<string, readonly OwnedPartition[]>): string | undefined {
  let least: string | undefined
  for (const { memberId } of members) if (least === undefined || loads.get(memberId)!.length < loads.get(least)!.length) least = memberId
  return least
}

/** Static members first and by their names, which outlive a restart. */
function byName(a: Member, b: Member): number {
  const [x, y] = [a, b].map(({ instanceId, memberId }) => (instanceId === null ? `1${memberId}` : `0${instanceId}`)) as [string, string]
  return x < y ? -1 : x > y ? 1 : 0
}
