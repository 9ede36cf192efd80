/**
 * The uniform assignor: balance first, then as few moves as balance allows.
 *
 * All members subscribed to the same topics: sizes differ by one at most, and no assignment so balanced keeps more partitions where they were.
 * Otherwise: no single partition could move to another of its subscribers to make the two more equal.
 */
import { filterAssignment, partitionCount, type Assignment } from '../assignment.ts'
import { isHomogeneous, type AssignorInput } from './assignor.ts'

type Load = Map<string, number[]>

/** A member while partitions are dealt out. */
interface Seat {
  readonly topicIds: ReadonlySet<string>
  /** What it has already. Most seats of a large group change nothing of it. */
  readonly kept: Assignment
  /** What it has in the end; undefined as long as that is what it had. */
  load: Load | undefined
  size: number
}

export function assignUniform(input: AssignorInput): Map<string, Assignment> {
  const seats = new Map<string, Seat>()
  const homogeneous = isHomogeneous(input.members)
  const { free, kept } = keepCurrent(input)
  for (const [memberId, { topicIds }] of input.members) seats.set(memberId, seatOf(topicIds, kept.get(memberId)!))
  if (homogeneous) balanceEvenly([...seats.values()], free)
  else balanceBySubscription([...seats.values()], free)
  return new Map([...seats].map(([memberId, seat]) => [memberId, settled(seat)]))
}

interface TopicPartition {
  readonly topicId: string
  readonly partition: number
}

/** What members still are subscribed to of what they have, each partition for one of them, and the partitions that are left over. */
function keepCurrent({ members, partitionCounts }: AssignorInput): { free: TopicPartition[]; kept: Map<string, Assignment> } {
  /** By topic, one byte a partition. */
  const taken = new Map<string, Uint8Array>([...partitionCounts].map(([topicId, count]) => [topicId, new Uint8Array(count)]))
  const kept = new Map<string, Assignment>()
  for (const [memberId, { topicIds, current }] of members) {
    const valid = filterAssignment(current, (topicId, partition) => {
      if (!topicIds.has(topicId)) return false
      const others = taken.get(topicId)
      // Also of a partition that there is not.
      if (others?.[partition] !== 0) return false
      others[partition] = 1
      return true
    })
    kept.set(memberId, valid)
  }
  const free: TopicPartition[] = []
  for (const topicId of [...subscribedTopics(members)].sort()) {
    taken.get(topicId)?.forEach((isTaken, partition) => {
      if (isTaken === 0) free.push({ topicId, partition })
    })
  }
  return { free, kept }
}

function subscribedTopics(members: AssignorInput['members']): Set<string> {
  const subscribed = new Set<string>()
  let last: ReadonlySet<string> | undefined
  for (const { topicIds } of members.values()) {
    if (topicIds === last) continue
    for (const topicId of topicIds) subscribed.add(topicId)
    last = topicIds
  }
  return subscribed
}

function seatOf(topicIds: ReadonlySet<string>, kept: Assignment): Seat {
  return { topicIds, kept, load: undefined, size: partitionCount(kept) }
}

function loadOf(seat: Seat): Load {
  seat.load ??= new Map([...seat.kept].map(([topicId, partitions]) => [topicId, [...partitions]]))
  return seat.load
}

/** Everyone gets the same number, those that have most already one more where it does not divide evenly. */
function balanceEvenly(seats: readonly Seat[], free: TopicPartition[]): void {
  const total = seats.reduce((sum, { size }) => sum + size, free.length)
  const quota = Math.floor(total / seats.length)
  let extra = total % seats.length
  const quotas = new Map<Seat, number>()
  for (const seat of seats) {
    const above = seat.size > quota && extra > 0
    if (above) extra--
    quotas.set(seat, above ? quota + 1 : quota)
  }
  for (const seat of seats) {
    if (extra === 0) break
    if (quotas.get(seat) !== quota) continue
    quotas.set(seat, quota + 1)
    extra--
  }
  for (const seat of seats) while (seat.size > quotas.get(seat)!) free.push(takeFromLargest(seat))
  dealRoundRobin(
    seats.filter((seat) => seat.size < quotas.get(seat)!),
    quotas,
    free,
  )
}

/** Neighbouring partitions of a topic go to different members: a busy topic is shared by as many as there are. */
function dealRoundRobin(open: Seat[], quotas: ReadonlyMap<Seat, number>, free: readonly TopicPartition[]): void {
  let at = 0
  for (const topicPartition of free) {
    if (at >= open.length) at = 0
    const seat = open[at]!
    give(seat, topicPartition)
    if (seat.size === quotas.get(seat)) open.splice(at, 1)
    else at++
  }
}

function balanceBySubscription(seats: readonly Seat[], free: readonly TopicPartition[]): void {
  const subscribers = new Map<string, Seat[]>()
  for (const seat of seats) {
    for (const topicId of seat.topicIds) {
      const known = subscribers.get(topicId)
      if (known === undefined) subscribers.set(topicId, [seat])
      else known.push(seat)
    }
  }
  // Topics that few can take come first: what many can take fills up the differences.
  const topicIds = [...subscribers.keys()].sort((one, other) => subscribers.get(one)!.length - subscribers.get(other)!.length)
  const freeOf = Map.groupBy(free, ({ topicId }) => topicId)
  for (const topicId of topicIds) {
    for (const topicPartition of freeOf.get(topicId) ?? []) give(smallest(subscribers.get(topicId)!), topicPartition)
  }
  // Every move lowers the sum of the squares of the sizes: this ends.
  for (let moved = true; moved;) {
    moved = false
    for (const topicId of topicIds) moved = levelTopic(topicId, subscribers.get(topicId)!) || moved
  }
}

/** Moves partitions of one topic from its fullest subscriber that has one to its emptiest while that evens them out. */
function levelTopic(topicId: string, seats: readonly Seat[]): boolean {
  if (seats.length < 2) return false
  for (let moved = false; ; moved = true) {
    const to = smallest(seats)
    let from: Seat | undefined
    for (const seat of seats) if ((seat.load ?? seat.kept).has(topicId) && (from === undefined || seat.size > from.size)) from = seat
    if (from === undefined || from.size - to.size < 2) return moved
    give(to, { topicId, partition: take(from, topicId) })
  }
}

function smallest(seats: readonly Seat[]): Seat {
  let found = seats[0]!
  for (const seat of seats) if (seat.size < found.size) found = seat
  return found
}

function give(seat: Seat, { topicId, partition }: TopicPartition): void {
  const load = loadOf(seat)
  const known = load.get(topicId)
  if (known === undefined) load.set(topicId, [partition])
  else known.push(partition)
  seat.size++
}

function take(seat: Seat, topicId: string): number {
  const load = loadOf(seat)
  const partitions = load.get(topicId)!
  const partition = partitions.pop()!
  if (partitions.length === 0) load.delete(topicId)
  seat.size--
  return partition
}

/** From the topic it has most of. */
function takeFromLargest(seat: Seat): TopicPartition {
  const load = loadOf(seat)
  let largest: string | undefined
  for (const [topicId, partitions] of load) {
    if (largest === undefined || partitions.length > load.get(largest)!.length) largest = topicId
  }
  return { topicId: largest!, partition: take(seat, largest!) }
}

function settled({ load, kept }: Seat): Assignment {
  if (load === undefined) return kept
  for (const partitions of load.values()) partitions.sort((one, other) => one - other)
  return load
}
