import { randomBytes, randomFillSync } from 'node:crypto'
import type { Random } from '../random.ts'

/** Asked for together: one alone costs as much as all of them. */
const words = new Uint32Array(256)
let used = words.length

/** The system's randomness. */
export const nodeRandom: Random = {
  uint32: () => {
    if (used === words.length) {
      randomFillSync(words)
      used = 0
    }
    return words[used++]!
  },
  bytes: (length) => new Uint8Array(randomBytes(length)),
}
