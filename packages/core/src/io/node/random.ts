import { randomBytes, randomFillSync } from 'node:crypto'
import type { Random } from '../random.ts'

/** Asked for together: a producer asks for one with every batch. */
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
