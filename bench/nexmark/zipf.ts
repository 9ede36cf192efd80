/** Draws ranks 0 to n - 1 where rank k comes in proportion to 1 / (k + 1)^exponent, without a table of them: rejection-inversion (Hörmann, Derflinger 1996). */

/** `uniform` is undefined; `zipf:0.99` its exponent. @throws RangeError */
export function parseDistribution(text: string): number | undefined {
  if (text === 'uniform') return undefined
  const exponent = Number(/^zipf:(\d+(?:\.\d+)?)$/.exec(text)?.[1] ?? Number.NaN)
  if (exponent > 0 && exponent !== 1) return exponent
  throw new RangeError(`the distributions are uniform and zipf:EXPONENT, as in zipf:0.99 (more than 0, other than 1); not ${text}`)
}

export class ZipfRanks {
  readonly #count: number
  readonly #exponent: number
  readonly #low: number
  readonly #high: number
  readonly #near: number

  constructor(count: number, exponent: number) {
    this.#count = count
    this.#exponent = exponent
    this.#low = this.#integral(1.5) - 1
    this.#high = this.#integral(count + 0.5)
    this.#near = 2 - this.#inverse(this.#integral(2.5) - 2 ** -exponent)
  }

  /** `draw`: uniform in [0, 1), another at each call. */
  rank(draw: (attempt: number) => number): number {
    for (let attempt = 0; ; attempt++) {
      const at = this.#high + draw(attempt) * (this.#low - this.#high)
      const x = this.#inverse(at)
      const k = Math.min(Math.max(Math.round(x), 1), this.#count)
      if (k - x <= this.#near || at >= this.#integral(k + 0.5) - k ** -this.#exponent) return k - 1
    }
  }

  /** Of 1 / x^exponent. */
  #integral(x: number): number {
    return (x ** (1 - this.#exponent) - 1) / (1 - this.#exponent)
  }

  #inverse(area: number): number {
    return (1 + area * (1 - this.#exponent)) ** (1 / (1 - this.#exponent))
  }
}
