/**
 * A coordinator over all partitions of an internal topic that this broker leads.
 *
 * 1. A partition is loaded by its leader epoch, and given up by it: what an older leadership says is ignored.
 * 2. Partitions know nothing of each other: none waits for another's log.
 */
import type { Clock, Random } from '@millrace/core'
import { logError } from '../../errors.ts'
import type { CoordinatorLog } from './coordinator-log.ts'
import type { Operation, StateMachine } from './decision.ts'
import { PartitionCoordinator, type CoordinatorNotice, type MarkerToWrite } from './partition-coordinator.ts'

export interface CoordinatorOptions<S, R> {
  /** Of what is coordinated, for messages: 'group', 'transaction'. */
  readonly name: string
  readonly machine: StateMachine<S, R>
  readonly clock: Clock
  readonly random: Random
  readonly onNotice?: (notice: CoordinatorNotice, partition: number) => void
}

export class Coordinator<S, R> {
  readonly #options: CoordinatorOptions<S, R>
  readonly #partitions = new Map<number, PartitionCoordinator<S, R>>()
  /** The leader epoch above which a partition may be loaded again. */
  readonly #epochs = new Map<number, number>()
  #isClosed = false

  constructor(options: CoordinatorOptions<S, R>) {
    this.#options = options
  }

  /** Takes the partition over under the log's leader epoch, unless that leadership, or a later one, is known; whether it did. Loads in the background. */
  load(partition: number, log: CoordinatorLog): boolean {
    if (this.#isClosed || log.leaderEpoch <= (this.#epochs.get(partition) ?? -1)) return false
    this.#epochs.set(partition, log.leaderEpoch)
    this.#partitions.get(partition)?.close()
    const { name, machine, clock, random, onNotice } = this.#options
    const coordinator = new PartitionCoordinator({
      name,
      partition,
      machine,
      log,
      clock,
      random,
      ...(onNotice === undefined ? {} : { onNotice: (notice: CoordinatorNotice) => onNotice(notice, partition) }),
    })
    this.#partitions.set(partition, coordinator)
    return true
  }

  /** Gives the partition up. @param leaderEpoch of the leadership that ended it; without one the partition is gone for good, and may come back with any */
  unload(partition: number, leaderEpoch?: number): void {
    const known = this.#epochs.get(partition) ?? -1
    if (leaderEpoch !== undefined && leaderEpoch < known) return
    if (leaderEpoch === undefined) this.#epochs.delete(partition)
    else this.#epochs.set(partition, leaderEpoch)
    this.#partitions.get(partition)?.close()
    this.#partitions.delete(partition)
  }

  /** The partitions that are here, loaded or not. */
  get partitions(): readonly number[] {
    return [...this.#partitions.keys()]
  }

  /** What each partition holds at this moment; undefined where it is not loaded. For figures alone, see `PartitionCoordinator.present`. */
  present(): readonly (S | undefined)[] {
    return [...this.#partitions.values()].map(({ present }) => present)
  }

  /** How long the latest load of each partition took, of those that have been loaded. */
  loadTimesMs(): readonly number[] {
    return [...this.#partitions.values()].flatMap(({ loadMs }) => (loadMs === undefined ? [] : [loadMs]))
  }

  /** Whether the partition answers. */
  isLoaded(partition: number): boolean {
    return this.#partitions.get(partition)?.isLoaded ?? false
  }

  /** Resolves when no load is under way for the partition. Never rejects. */
  async loadSettled(partition: number): Promise<void> {
    await this.#partitions.get(partition)?.loadSettled
  }

  /** As `PartitionCoordinator.submit`; rejects with `COORDINATOR_NOT_HERE` where the partition is not led here. */
  submit<T>(partition: number, operation: Operation<S, R, T>): Promise<T> {
    return this.#partitions.get(partition)?.submit(operation) ?? Promise.reject(this.#notHere(partition))
  }

  /** As `PartitionCoordinator.writeMarker`. */
  writeMarker(partition: number, marker: MarkerToWrite): Promise<void> {
    return this.#partitions.get(partition)?.writeMarker(marker) ?? Promise.reject(this.#notHere(partition))
  }

  /** Gives everything up; nothing is left that could run. */
  close(): void {
    this.#isClosed = true
    for (const partition of this.#partitions.values()) partition.close()
    this.#partitions.clear()
  }

  #notHere(partition: number): Error {
    return logError('COORDINATOR_NOT_HERE', { name: this.#options.name, partition })
  }
}
