/** What is kept for clients that have been heard of, as long as it says anything: so that new names without end take no memory without end. */
export class ExpiringMap<T> {
  readonly #entries = new Map<string, T>()
  readonly #isIdle: (value: T, nowMs: number) => boolean
  #sweepAt = 1000

  constructor(isIdle: (value: T, nowMs: number) => boolean) {
    this.#isIdle = isIdle
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string, make: () => T, nowMs: number): T {
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    if (this.#entries.size >= this.#sweepAt) this.#sweep(nowMs)
    const made = make()
    this.#entries.set(key, made)
    return made
  }

  clear(): void {
    this.#entries.clear()
  }

  #sweep(nowMs: number): void {
    for (const [key, value] of this.#entries) if (this.#isIdle(value, nowMs)) this.#entries.delete(key)
    this.#sweepAt = Math.max(1000, this.#entries.size * 2)
  }
}
