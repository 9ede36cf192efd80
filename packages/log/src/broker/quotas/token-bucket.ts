/**
 * Credits that come back at a rate, up to a burst (KIP-599). What is taken may put the bucket in debt; then nothing more is taken until
 * it is out of debt.
 */
export class TokenBucket {
  readonly #burst: number
  readonly #perSecond: number
  #credits: number
  #atMs: number

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#credits = burst
    this.#atMs = nowMs
  }

  take(count: number, nowMs: number): void {
    this.#refill(nowMs)
    this.#credits -= count
  }

  /** Until it is out of debt. */
  throttleMs(nowMs: number): number {
    this.#refill(nowMs)
    if (this.#credits >= 0) return 0
    return this.#perSecond > 0 ? Math.ceil((-this.#credits / this.#perSecond) * 1000) : Number.MAX_SAFE_INTEGER
  }

  isFull(nowMs: number): boolean {
    this.#refill(nowMs)
    return this.#credits >= this.#burst
  }

  #refill(nowMs: number): void {
    this.#credits = Math.min(this.#burst, this.#credits + ((nowMs - this.#atMs) / 1000) * this.#perSecond)
    this.#atMs = nowMs
  }
}
