/**
 * The fetch sessions of a broker (KIP-227), bounded: a client that gets none fetches in full, which is always right.
 *
 * 1. At most `slots` sessions, and `PARTITIONS_MAX` partitions in all of them.
 * 2. A session gives way to a new one when it has not been used for `evictionMs`; or, once it is older than that, to one of a follower or of more partitions.
 */
import { LinkedList, randomBelow, type Link, type Random } from '@millrace/core'
import type { FetchPartition } from './fetch-partition.ts'
import { FetchSession } from './fetch-session.ts'

/** Partitions of all sessions: each takes some hundred bytes. */
const PARTITIONS_MAX = 1_000_000

export interface FetchSessionCacheOptions {
  readonly random: Random
  /** `max.incremental.fetch.session.cache.slots` */
  readonly slots: number
  /** How old a session must be before it gives way to a better one; 120,000 by default, as in Kafka. */
  readonly evictionMs?: number
}

export interface NewSession {
  readonly isFollower: boolean
  readonly usesTopicIds: boolean
  readonly partitions: readonly FetchPartition[]
  readonly nowMs: number
}

export class FetchSessionCache {
  readonly #options: FetchSessionCacheOptions
  readonly #evictionMs: number
  readonly #sessions = new Map<number, Link<FetchSession>>()
  /** The one unused for longest first. */
  readonly #byUse = new LinkedList<FetchSession>()
  #partitionCount = 0
  /** Sessions that had to give way so far. */
  evictionCount = 0

  constructor(options: FetchSessionCacheOptions) {
    this.#options = options
    this.#evictionMs = options.evictionMs ?? 120_000
  }

  get size(): number {
    return this.#sessions.size
  }

  get partitionCount(): number {
    return this.#partitionCount
  }

  get(id: number): FetchSession | undefined {
    return this.#sessions.get(id)?.value
  }

  /** Makes a session, if there is room for it or another gives way. */
  create(wanted: NewSession): FetchSession | undefined {
    if (this.#options.slots <= 0 || wanted.partitions.length > PARTITIONS_MAX) return undefined
    while (this.#sessions.size >= this.#options.slots || this.#partitionCount + wanted.partitions.length > PARTITIONS_MAX) {
      const victim = this.#victimFor(wanted)
      if (victim === undefined) return undefined
      this.remove(victim.id)
      this.evictionCount++
    }
    const session = new FetchSession({ ...wanted, id: this.#newId() })
    this.#sessions.set(session.id, this.#byUse.add(session))
    this.#partitionCount += session.size
    return session
  }

  /** Changes a session within the bounds; false where they would be exceeded: the session has ended then. */
  update(session: FetchSession, wanted: readonly FetchPartition[], forgottenKeys: Iterable<string>, nowMs: number): boolean {
    const before = session.size
    session.update(wanted, forgottenKeys)
    this.#partitionCount += session.size - before
    session.advance(nowMs)
    this.#byUse.moveToEnd(this.#sessions.get(session.id)!)
    if (this.#partitionCount <= PARTITIONS_MAX) return true
    this.remove(session.id)
    return false
  }

  remove(id: number): void {
    const link = this.#sessions.get(id)
    if (link === undefined) return
    this.#sessions.delete(id)
    this.#byUse.remove(link)
    this.#partitionCount -= link.value.size
  }

  #victimFor({ isFollower, partitions, nowMs }: NewSession): FetchSession | undefined {
    const oldest = this.#byUse.first
    if (oldest !== undefined && nowMs - oldest.lastUsedMs > this.#evictionMs) return oldest
    let least: FetchSession | undefined
    for (const session of this.#byUse) {
      if (nowMs - session.createdMs <= this.#evictionMs) continue
      if (least === undefined || isLess(session, least)) least = session
    }
    return least !== undefined && isLess(least, { isFollower, size: partitions.length }) ? least : undefined
  }

  #newId(): number {
    for (;;) {
      const id = 1 + randomBelow(this.#options.random, 0x7fff_ffff)
      if (!this.#sessions.has(id)) return id
    }
  }
}

/** Followers count for more than consumers, then the number of partitions. */
function isLess(
  one: { readonly isFollower: boolean; readonly size: number },
  other: { readonly isFollower: boolean; readonly size: number },
): boolean {
  return one.isFollower === other.isFollower ? one.size < other.size : !one.isFollower
}
