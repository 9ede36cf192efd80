/** Look-ups between two of which the time is taken. */
const SAMPLED = 16
const SAMPLE_WEIGHT = 1 / 32
/** What a look-up takes that has to read from a disk. What is in the memory of the operating system is there in less, and going away for it and coming back takes longer. */
const SLOW_MS = 0.03
/** A few of them may be slow for other reasons: a thread that had to wait for its turn, too. */
const SLOW_SHARE_MIN = 1 / 4
/** So many times many are looked up ahead, then some are not, to see what it takes without. */
const ROUNDS_AHEAD = 32
const SAMPLES_WITHOUT = 8

/** Learns whether look-ups take long. */
export class LookUpTimes {
  readonly #now: () => number
  #calls = 0
  #startMs = -1
  /** Of all look-ups those that took longer. */
  #slowShare = 0
  #rounds = 0
  /** Samples still to come without look-ups ahead. */
  #without = 0

  constructor(now: () => number) {
    this.#now = now
  }

  begin(): void {
    if (++this.#calls % SAMPLED === 0 && !this.slow) this.#startMs = this.#now()
  }

  end(): void {
    if (this.#startMs < 0) return
    this.#slowShare += ((this.#now() - this.#startMs > SLOW_MS ? 1 : 0) - this.#slowShare) * SAMPLE_WEIGHT
    this.#startMs = -1
    if (this.#without > 0) this.#without--
  }

  /** Many were looked up at once. */
  ahead(): void {
    if (++this.#rounds % ROUNDS_AHEAD === 0) this.#without = SAMPLES_WITHOUT
  }

  /** What look-ups still take where most is at hand already says nothing: while this is true no time is taken. */
  get slow(): boolean {
    return this.#slowShare > SLOW_SHARE_MIN && this.#without === 0
  }
}
