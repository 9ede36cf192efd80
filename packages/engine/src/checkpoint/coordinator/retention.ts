/**
 * The completed checkpoints that are kept, in the order in which they are retired: what cannot be restored first, then what is not this run's history.
 *
 * 1. One that can be restored is retired only where as many newer ones of its kind are kept as are to be; so of those as many are kept, or all there are.
 * 2. One that cannot, as it is damaged or was given up, is kept only as long as there is room for it.
 */
export class Retention {
  #numRetained: number
  /** Those that cannot be restored. Nothing builds on them. */
  #lost: number[]
  #kept: number[]
  #hasCompleted = false

  /** `completed`: those in the storage; `lost`: those of them that cannot be restored, as far as is known. */
  constructor(numRetained: number, completed: readonly number[], lost: readonly number[], restoredId: number | undefined) {
    this.#numRetained = numRetained
    const ascending = completed.toSorted((a, b) => a - b)
    this.#lost = ascending.filter((id) => lost.includes(id))
    const others = ascending.filter((id) => id !== restoredId && !lost.includes(id))
    this.#kept = restoredId !== undefined && completed.includes(restoredId) ? [...others, restoredId] : others
  }

  change(numRetained: number): void {
    this.#numRetained = numRetained
  }

  completed(checkpointId: number): void {
    this.#hasCompleted = true
    this.#kept.push(checkpointId)
  }

  /** Takes out, and answers, what newer ones have made superfluous; of what can be restored none from `neededId` on, which pending ones may build on. */
  retire(neededId: number): readonly number[] {
    if (!this.#hasCompleted) return []
    const retired: number[] = []
    while (this.#lost.length > 0 && this.#lost.length + this.#kept.length > this.#numRetained) retired.push(this.#lost.shift()!)
    while (this.#kept.length > this.#numRetained && this.#kept[0]! < neededId) retired.push(this.#kept.shift()!)
    return retired
  }
}
