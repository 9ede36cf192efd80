/**
 * Reads what a consumer group gives to this member.
 *
 * 1. A partition is read only while it is the member's; what was fetched of one that is not any more is thrown away.
 * 2. What is committed was given by a `poll` before the last one: records of the last one may still be in work. Nothing is lost; after a failure some come again.
 * 3. Partitions are given up while the reader is in `poll`, when it is done with all it was given: a rebalance alone makes nothing come again. Only a member that
 *    the group has thrown out loses its partitions at once; it joins again with the next `poll`, as does one whose reader was not there for `rebalanceTimeoutMs` when others
 *    waited for what it has.
 * 4. A member that cannot go on says so by the next `poll`.
 * 5. Nothing of a partition is given before `onAssigned` is done with it. While a function of the user works, or committed offsets are waited for, heartbeats go on.
 */
import type { MillraceError } from '@millrace/core'
import type { GroupAdmin } from '../admin/group-admin.ts'
import { answerOf, clientError } from '../errors.ts'
import type { FetchedRecords } from '../fetcher/fetched.ts'
import type { Fetcher } from '../fetcher/fetcher.ts'
import type { StartPosition } from '../fetcher/fetcher-options.ts'
import type { Cluster } from '../metadata/cluster.ts'
import { assignors, type PartitionCounts } from './assignors.ts'
import type { OwnedPartition } from './consumer-protocol.ts'
import type { OffsetToCommit } from './offsets-to-commit.ts'
import type { GroupSettings } from './group-options.ts'
import type { Membership } from './membership.ts'

/** A member of a consumer group, which gives it partitions to read; made by `LogClient.groupConsumer`. */
export class GroupConsumer {
  readonly #cluster: Cluster
  readonly #groups: GroupAdmin
  readonly #fetcher: Fetcher
  readonly #settings: GroupSettings
  readonly #membership: Membership
  readonly #owned = new Map<string, OwnedPartition>()
  /** Positions up to which records have been given before the last poll. */
  readonly #committable = new Map<string, OffsetToCommit>()
  readonly #committed = new Map<string, number>()
  #commitAtMs = 0
  #isRunning = false
  /** Whether the reader waits in `poll`, with nothing in work. */
  #isPolling = false
  /** What the next `poll` is to do first: give partitions up. */
  #givesUp: (() => Promise<void>) | undefined
  /** Waits for a reader that was away for too long. */
  #awaitsPoll: (() => void) | undefined
  #failure: Error | undefined
  readonly #stopListening: () => void
  #wakeHeart: (() => void) | undefined
  #isClosed = false

  constructor(cluster: Cluster, membership: Membership, groups: GroupAdmin, fetcher: Fetcher, settings: GroupSettings) {
    this.#cluster = cluster
    this.#groups = groups
    this.#fetcher = fetcher
    this.#settings = settings
    this.#membership = membership
    this.#stopListening = cluster.onClose(() => this.#fail(clientError('CLIENT_CLOSED', { what: 'client' })))
  }

  /** What the member reads now. */
  get assignment(): readonly OwnedPartition[] {
    return [...this.#owned.values()]
  }

  /** The next offset that `poll` gives of a partition that is the member's; undefined until it is known. */
  position(at: OwnedPartition): number | undefined {
    return this.#owned.has(keyOf(at)) ? this.#fetcher.position(at)?.offset : undefined
  }

  /** Goes on elsewhere in a partition that is the member's: also behind what cannot be read. @throws `CLIENT_OPTION` */
  seek(at: OwnedPartition, start: StartPosition): void {
    if (!this.#owned.has(keyOf(at)))
      throw clientError('CLIENT_OPTION', { option: 'partition', expected: "be the member's", value: `${at.topic}-${at.partition}` })
    this.#fetcher.seek(at, start)
  }

  /** As the fetcher's; joins the group first. Commits what the polls before gave, where that is on. @throws as that, and what ended the membership */
  async poll(options: { readonly waitMs?: number; readonly maxRecords?: number } = {}): Promise<readonly FetchedRecords[]> {
    if (this.#isClosed) throw clientError('CLIENT_CLOSED', { what: 'consumer' })
    if (!this.#isRunning) {
      this.#isRunning = true
      void this.#run()
    }
    this.#observePositions()
    if (this.#failure !== undefined) throw this.#failure
    const { clock } = this.#cluster.settings
    if (this.#settings.autoCommit && clock.monotonic() >= this.#commitAtMs) {
      this.#commitAtMs = clock.monotonic() + this.#settings.autoCommitIntervalMs
      await this.#commitQuietly()
    }
    await this.#givesUp?.()
    this.#isPolling = true
    this.#awaitsPoll?.()
    try {
      const fetched = await this.#fetcher.poll(options)
      if (this.#failure !== undefined) throw this.#failure
      return fetched
    } finally {
      this.#isPolling = false
    }
  }

  /** Commits what all polls so far gave. @throws `CLIENT_REFUSED`, after a rebalance that took the partitions away */
  async commit(): Promise<void> {
    this.#observePositions()
    await this.#commit()
  }

  /** Commits where that is on, leaves the group, ends. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stopListening()
    this.#observePositions()
    if (this.#settings.autoCommit && this.#failure === undefined) await this.#commitQuietly()
    await this.#membership.leave().catch(() => undefined)
    this.#fetcher.close()
    this.#wakeHeart?.()
    this.#awaitsPoll?.()
  }

  async #run(): Promise<void> {
    let attempt = 0
    while (!this.#isClosed && this.#failure === undefined) {
      try {
        await this.#rebalance()
        attempt = 0
      } catch (error) {
        if (this.#isClosed) return
        if (!(error as MillraceError).retry) return this.#fail(error as Error)
        this.#cluster.settings.logger.warn('a group could not be joined', {
          group: this.#settings.groupId,
          problem: (error as Error).message,
        })
        await this.#cluster.backOff(++attempt)
      }
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#givesUp = undefined
    this.#forget(this.assignment)
    this.#fetcher.close()
    this.#wakeHeart?.()
    this.#awaitsPoll?.()
  }

  /** Joins, takes the assignment over, and keeps the session alive until the group changes. */
  async #rebalance(): Promise<void> {
    const membership = this.#membership
    const isCooperative = this.#settings.assignors.every((name) => assignors[name].isCooperative)
    if (!membership.isIn) await this.#lose()
    else if (!isCooperative && !(await this.#giveUp(this.assignment))) return
    const joined = await membership.join(this.assignment)
    if (joined === undefined || this.#isClosed) return
    const wanted = new Set(joined.assignment.map(keyOf))
    const lost = this.assignment.filter((one) => !wanted.has(keyOf(one)))
    if (!(await this.#giveUp(lost))) return
    await this.#assign(joined.assignment.filter((one) => !this.#owned.has(keyOf(one))))
    // What was given up is handed on by another round.
    if (lost.length > 0 && isCooperative) return
    await this.#keepAlive(joined.isLeader ? joined.counts : undefined)
  }

  async #keepAlive(counts: PartitionCounts | undefined): Promise<void> {
    const { clock } = this.#cluster.settings
    while (!this.#isClosed) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const cancel = clock.after(this.#settings.heartbeatIntervalMs, resolve)
      this.#wakeHeart = resolve
      await promise
      cancel()
      if (this.#isClosed) return
      if ((await this.#membership.heartbeat()) !== 'alive') return
      if (counts !== undefined && this.#haveTopicsGrown(counts)) return
    }
  }

  #haveTopicsGrown(counts: PartitionCounts): boolean {
    for (const topic of counts.keys()) void this.#cluster.topic(topic, { waitMs: 0 }).catch(() => undefined)
    return [...counts].some(([topic, count]) => (this.#cluster.view.topic(topic)?.partitions.length ?? count) !== count)
  }

  async #assign(partitions: readonly OwnedPartition[]): Promise<void> {
    if (partitions.length === 0) return
    // A transaction that commits offsets may be open for longer than a session.
    const committed = await this.#stayingIn(this.#groups.offsets(this.#settings.groupId, { partitions, requireStable: true }))
    const offsets = new Map(committed.map((one) => [keyOf(one), one]))
    const { offsetReset } = this.#settings
    const none = partitions.find((one) => !offsets.has(keyOf(one)))
    if (none !== undefined && offsetReset === 'none') {
      throw clientError('CLIENT_OFFSET_OUT_OF_RANGE', {
        topic: none.topic,
        partition: none.partition,
        offset: 'that is committed',
        broker: 'of the group',
      })
    }
    this.#fetcher.assign(
      partitions.map((one) => {
        const found = offsets.get(keyOf(one))
        const epoch = found === undefined || found.leaderEpoch < 0 ? {} : { leaderEpoch: found.leaderEpoch }
        const start = found === undefined ? (offsetReset as 'earliest' | 'latest') : { offset: found.offset, ...epoch }
        return { ...one, start }
      }),
    )
    // The user may want to begin elsewhere.
    this.#fetcher.pause(partitions)
    for (const one of partitions) this.#owned.set(keyOf(one), one)
    await this.#stayingIn(this.#settings.onAssigned(partitions))
    this.#fetcher.resume(partitions)
  }

  /** Waits for work that may take long, as the user's functions do, staying a member meanwhile, though for no longer than a rebalance may take. @throws as the work, and what ended the membership */
  async #stayingIn<T>(work: T | Promise<T>): Promise<T> {
    const { clock } = this.#cluster.settings
    const deadlineMs = clock.monotonic() + this.#settings.rebalanceTimeoutMs
    let isDone = false
    const done = Promise.resolve(work).finally(() => (isDone = true))
    for (;;) {
      await Promise.race([done, this.#cluster.sleep(this.#settings.heartbeatIntervalMs)])
      if (isDone || this.#isClosed || !this.#membership.isIn || clock.monotonic() >= deadlineMs) break
      await this.#membership.heartbeat()
    }
    return await done
  }

  /** Waits for the reader to be done with what it has, staying a member meanwhile, then gives the partitions up. False where it is no member any more: then all of them are lost. */
  async #giveUp(partitions: readonly OwnedPartition[]): Promise<boolean> {
    if (partitions.length > 0 && this.#isPolling) await this.#stayingIn(this.#revoke(partitions))
    else if (partitions.length > 0) await this.#untilGivenUp(partitions)
    return this.#membership.isIn && !this.#isClosed
  }

  async #untilGivenUp(partitions: readonly OwnedPartition[]): Promise<void> {
    const { clock } = this.#cluster.settings
    const deadlineMs = clock.monotonic() + this.#settings.rebalanceTimeoutMs
    const begun = Promise.withResolvers<void>()
    const state: { givenUp?: Promise<void> } = {}
    const givesUp = (): Promise<void> => {
      this.#givesUp = undefined
      state.givenUp = this.#revoke(partitions)
      begun.resolve()
      return state.givenUp
    }
    this.#givesUp = givesUp
    while (this.#givesUp === givesUp && this.#membership.isIn && !this.#isClosed) {
      await Promise.race([begun.promise, this.#cluster.sleep(this.#settings.heartbeatIntervalMs)])
      if (this.#givesUp !== givesUp || this.#isClosed) break
      // Who cannot leave now is out when the session ends.
      if (clock.monotonic() >= deadlineMs) await this.#membership.stepOut().catch(() => undefined)
      else await this.#membership.heartbeat()
    }
    this.#givesUp = undefined
    await this.#stayingIn(state.givenUp)
  }

  /** A member that the group has thrown out has nothing. Others have it until its reader is there. */
  async #lose(): Promise<void> {
    const lost = this.assignment
    if (lost.length === 0) return
    this.#forget(lost)
    this.#fetcher.unassign(lost)
    await this.#settings.onRevoked(lost)
    if (this.#isPolling || this.#isClosed) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#awaitsPoll = resolve
    await promise
    this.#awaitsPoll = undefined
  }

  async #revoke(partitions: readonly OwnedPartition[]): Promise<void> {
    // Before anything else: nothing of them may be given any more.
    this.#fetcher.pause(partitions)
    await this.#settings.onRevoked(partitions)
    if (this.#settings.autoCommit) await this.#commitQuietly()
    this.#forget(partitions)
    this.#fetcher.unassign(partitions)
  }

  #forget(partitions: readonly OwnedPartition[]): void {
    for (const one of partitions) {
      this.#owned.delete(keyOf(one))
      this.#committable.delete(keyOf(one))
      this.#committed.delete(keyOf(one))
    }
  }

  /** What the last poll gave is done with when the next one is called. */
  #observePositions(): void {
    for (const one of this.#owned.values()) {
      const at = this.#fetcher.position(one)
      if (at === undefined) continue
      this.#committable.set(keyOf(one), { ...one, offset: at.offset, ...(at.leaderEpoch < 0 ? {} : { leaderEpoch: at.leaderEpoch }) })
    }
  }

  async #commit(): Promise<void> {
    const offsets = [...this.#committable.values()].filter((one) => this.#committed.get(keyOf(one)) !== one.offset)
    if (offsets.length === 0) return
    const { memberId, generationId } = this.#membership
    await this.#groups.commitOffsets(this.#settings.groupId, offsets, { memberId, generationId, instanceId: this.#settings.instanceId })
    for (const one of offsets) this.#committed.set(keyOf(one), one.offset)
  }

  /** A commit that a rebalance overtook is made by the next one, or by whoever has the partition then. */
  async #commitQuietly(): Promise<void> {
    try {
      await this.#commit()
    } catch (error) {
      const { logger } = this.#cluster.settings
      logger.info('offsets were not committed', { group: this.#settings.groupId, problem: answerOf(error) ?? (error as Error).message })
    }
  }
}

function keyOf({ topic, partition }: OwnedPartition): string {
  return `${topic} ${partition}`
}
