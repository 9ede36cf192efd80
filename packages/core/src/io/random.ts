/** Randomness as protocol code sees it: seeded in simulation, the system's in production. */
export interface Random {
  /** A uniform integer in [0, 2^32). */
  uint32(): number
  /** `length` random bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer>
}

/** A uniform integer in [0, limit), for `limit` up to 2^32. */
export function randomBelow(random: Random, limit: number): number {
  return Math.floor((random.uint32() / 2 ** 32) * limit)
}

/** A random identifier of 128 bits, as 32 lower-case hexadecimal digits. */
export function randomId(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('hex')
}
