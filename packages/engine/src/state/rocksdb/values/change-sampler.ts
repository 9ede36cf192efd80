/**
 * Which changes are looked at, for what of the files they make out of date: the larger, the more of them; of small ones some stand for the rest. It has to be many for each file: one of which no
 * change was looked at counts as up to date for ever.
 *
 * In no fixed rhythm, as what is written often comes in one.
 */
export class ChangeSampler {
  readonly #sampledBytes: number
  #bytes = 0
  #dueBytes: number
  #state = 1

  /** `sampledBytes`: one in so many bytes that are written, about. */
  constructor(sampledBytes: number) {
    this.#sampledBytes = sampledBytes
    this.#dueBytes = sampledBytes
  }

  /** A change of so many bytes. Answers for how many bytes of changes it stands, with itself; 0: it is not looked at. */
  add(bytes: number): number {
    this.#bytes += bytes
    if (this.#bytes < this.#dueBytes) return 0
    const stands = this.#bytes
    this.#bytes = 0
    this.#dueBytes = this.#sampledBytes * (0.5 + this.#random())
    return stands
  }

  /** From 0 to 1; the same in each run. A linear congruential generator, with the numbers of Numerical Recipes. */
  #random(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return this.#state / 2 ** 32
  }
}
