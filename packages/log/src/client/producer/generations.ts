/** Counts what is not settled by the flush it belongs to, so that a flush knows when everything before it is. */
export class Generations {
  readonly #counts = new Map<number, number>()
  readonly #waiting: { readonly generation: number; readonly resolve: () => void }[] = []
  #current = 0

  get current(): number {
    return this.#current
  }

  get isIdle(): boolean {
    return this.#counts.size === 0
  }

  add(generation: number): void {
    this.#counts.set(generation, (this.#counts.get(generation) ?? 0) + 1)
  }

  remove(generation: number): void {
    const left = (this.#counts.get(generation) ?? 0) - 1
    if (left > 0) {
      this.#counts.set(generation, left)
      return
    }
    this.#counts.delete(generation)
    for (let index = this.#waiting.length - 1; index >= 0; index--) {
      const { generation: wanted, resolve } = this.#waiting[index]!
      if (!this.#isSettled(wanted)) continue
      this.#waiting.splice(index, 1)
      resolve()
    }
  }

  /** Resolves when all that was added so far is removed. */
  settled(): Promise<void> {
    const generation = this.#current++
    if (this.#isSettled(generation)) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ generation, resolve })
    return promise
  }

  #isSettled(generation: number): boolean {
    for (const known of this.#counts.keys()) if (known <= generation) return false
    return true
  }
}
