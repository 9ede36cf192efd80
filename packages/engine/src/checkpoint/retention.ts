/** The completed checkpoints that are kept, in the order in which they are retired: what is not this run's history first. */
export class Retention {
  #numRetained: number
  #kept: number[]
  #hasCompleted = false

  constructor(numRetained: number, completed: readonly number[], restoredId: number | undefined) {
    this.#numRetained = numRetained
    const others = completed.filter((id) => id !== restoredId).toSorted((a, b) => a - b)
    this.#kept = restoredId !== undefined && completed.includes(restoredId) ? [...others, restoredId] : others
  }

  change(numRetained: number): void {
    this.#numRetained = numRetained
  }

  completed(checkpointId: number): void {
    this.#hasCompleted = true
    this.#kept.push(checkpointId)
  }

  /** Takes out, and answers, what newer ones have made superfluous; none from `neededId` on, which pending ones may build on. */
  retire(neededId: number): readonly number[] {
    if (!this.#hasCompleted) return []
    const retired: number[] = []
    while (this.#kept.length > this.#numRetained && this.#kept[0]! < neededId) retired.push(this.#kept.shift()!)
    return retired
  }
}
