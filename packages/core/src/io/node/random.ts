import { randomBytes, randomFillSync } from 'node:crypto'
import type { Random } from '../random.ts'

const word = new Uint32Array(1)

/** The system's randomness. */
export const nodeRandom: Random = {
  uint32: () => randomFillSync(word)[0]!,
  bytes: (length) => new Uint8Array(randomBytes(length)),
}
