import { hashInt32 } from '../hash.ts'

/**
 * Where samples are taken: at places that look drawn, for always the first, or each tenth, would keep step with whatever the records themselves do in turns. They are the same in each run:
 * nothing of a job depends on chance that need not.
 */
export class SamplePositions {
  #drawn = 0

  /** The next, from 0 and below `count`. */
  below(count: number): number {
    return Math.floor(((hashInt32(++this.#drawn | 0) >>> 0) / 2 ** 32) * count)
  }
}
