/**
 * The group coordinator of a broker: classic and consumer groups and their offsets, over `__consumer_offsets`.
 *
 * Whatever happens to a group is an operation submitted by its id; the framework orders, writes and answers it.
 */
import type { Clock, Random } from '@millrace/core'
import { answer, Coordinator, partitionFor, type CoordinatorLog, type CoordinatorNotice, type MarkerToWrite } from '../framework/index.ts'
import { deleteGroup, deleteOffsetsOfTopic } from '../offsets/delete.ts'
import { commitOffsets, type CommitRequest } from '../offsets/commit.ts'
import type { GroupMachine, GroupSettings } from './group-machine.ts'
import type { GroupOperation, GroupRecord, GroupState } from './group-store.ts'

export interface GroupCoordinatorOptions {
  readonly machine: GroupMachine
  readonly settings: () => GroupSettings
  /** Of `__consumer_offsets`, also before it exists. */
  readonly partitionCount: () => number
  readonly clock: Clock
  readonly random: Random
  readonly onNotice?: (notice: CoordinatorNotice, partition: number) => void
}

/** Offsets forgotten by one decision. */
const TOMBSTONES_MAX = 1000

export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions
  readonly #coordinator: Coordinator<GroupState, GroupRecord>

  constructor(options: GroupCoordinatorOptions) {
    const { machine, clock, random, onNotice } = options
    this.#options = options
    this.#coordinator = new Coordinator({ name: 'group', machine, clock, random, ...(onNotice === undefined ? {} : { onNotice }) })
  }

  get settings(): GroupSettings {
    return this.#options.settings()
  }

  /** The partition that keeps the group. */
  partitionOf(groupId: string): number {
    return partitionFor(groupId, this.#options.partitionCount())
  }

  /** Partitions that are led here, loaded or not. */
  get partitions(): readonly number[] {
    return this.#coordinator.partitions
  }

  load(partition: number, log: CoordinatorLog): void {
    this.#coordinator.load(partition, log)
  }

  unload(partition: number, leaderEpoch?: number): void {
    this.#coordinator.unload(partition, leaderEpoch)
  }

  /** Resolves when no load is under way for the group's partition. Never rejects. */
  loadSettled(groupId: string): Promise<void> {
    return this.#coordinator.loadSettled(this.partitionOf(groupId))
  }

  /** Decides about a group. Rejects as `PartitionCoordinator.submit` does. */
  submit<T>(groupId: string, operation: GroupOperation<T>): Promise<T> {
    return this.#coordinator.submit(this.partitionOf(groupId), operation)
  }

  /** Looks at all groups of a partition. Rejects as `submit` does. */
  inspect<T>(partition: number, look: (state: GroupState) => T): Promise<T> {
    return this.#coordinator.submit<T>(partition, (state, _, ticket) => ({ answers: [answer(ticket, look(state))] }))
  }

  /** What each partition holds at this moment; undefined where it is not loaded. For figures alone. */
  present(): readonly (GroupState | undefined)[] {
    return this.#coordinator.present()
  }

  /** As `Coordinator.loadTimesMs`. */
  loadTimesMs(): readonly number[] {
    return this.#coordinator.loadTimesMs()
  }

  /** Commits offsets, pending until the marker where they belong to a transaction. Replies an error code for each, in order. Rejects as `submit` does. */
  commit(request: CommitRequest): Promise<readonly number[]> {
    return this.submit(request.groupId, commitOffsets(request, this.settings))
  }

  /**
   * Ends a producer's transaction in a partition of `__consumer_offsets`: writes the marker, in its place among all commits, and applies it. Nobody else may
   * append markers to that topic. Resolves when it is acknowledged; rejects as `PartitionCoordinator.writeMarker` does.
   */
  writeMarker(partition: number, marker: MarkerToWrite): Promise<void> {
    return this.#coordinator.writeMarker(partition, marker)
  }

  /** Deletes a group without members, with its offsets. Replies an error code. */
  async delete(groupId: string): Promise<number> {
    for (;;) {
      const errorCode = await this.submit(groupId, deleteGroup(groupId, TOMBSTONES_MAX))
      if (errorCode !== undefined) return errorCode
    }
  }

  /** Forgets the offsets of a topic that has been deleted. What cannot be written now is left to the retention of offsets. */
  async onTopicDeleted(topic: string): Promise<void> {
    await Promise.allSettled(this.partitions.map((partition) => this.#forgetTopic(partition, topic)))
  }

  /** Gives everything up: whoever waits is told to look for the coordinator again. */
  close(): void {
    this.#coordinator.close()
  }

  async #forgetTopic(partition: number, topic: string): Promise<void> {
    // Until then nobody can have committed for another topic of the same name.
    await this.#coordinator.loadSettled(partition)
    while (!(await this.#coordinator.submit(partition, deleteOffsetsOfTopic(topic, TOMBSTONES_MAX))));
  }
}
