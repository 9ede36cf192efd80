import type { SubtaskId } from '../handles.ts'
import { subtaskKey } from './pending-checkpoint.ts'

/**
 * Which attempt each region of a job runs under: all start under one, and one that has failed comes back under a larger one while the others go on.
 *
 * 1. What a subtask says counts only under the attempt of its region, and not at all from the loss of the region until it is launched again.
 * 2. `complete` only while every region runs: a checkpoint needs them all.
 */
export class RegionAttempts {
  readonly #subtasks: readonly (readonly SubtaskId[])[]
  readonly #regionOf: ReadonlyMap<number, number>
  readonly #attempts: (number | undefined)[]
  readonly #down: Set<number> = new Set()

  /** `regions`: the ids of each one's tasks. */
  constructor(regions: readonly (readonly number[])[], subtasks: readonly SubtaskId[], attempt: number) {
    this.#subtasks = regions.map((tasks) => subtasks.filter(({ task }) => tasks.includes(task)))
    this.#regionOf = new Map(regions.flatMap((tasks, region) => tasks.map((task) => [task, region] as const)))
    this.#attempts = regions.map(() => attempt)
  }

  get complete(): boolean {
    return this.#down.size === 0
  }

  accepts({ task }: SubtaskId, attempt: number): boolean {
    return this.#attempts[this.#regionOf.get(task)!] === attempt
  }

  /** Whether the subtask's region is there. */
  runs({ task }: SubtaskId): boolean {
    return !this.#down.has(this.#regionOf.get(task)!)
  }

  lost(region: number): void {
    this.#down.add(region)
    this.#attempts[region] = undefined
  }

  launched(region: number, attempt: number): void {
    this.#attempts[region] = attempt
  }

  restored(region: number): void {
    this.#down.delete(region)
  }

  /** Keys of the subtasks of a region. */
  keysOf(region: number): readonly string[] {
    return this.#subtasks[region]!.map(subtaskKey)
  }
}
