import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether two secrets are equal, in a time that depends on neither. */
export function secretsEqual(left: Uint8Array | string, right: Uint8Array | string): boolean {
  return timingSafeEqual(digest(left), digest(right))
}

function digest(bytes: Uint8Array | string): Buffer {
  return createHash('sha256').update(bytes).digest()
}
