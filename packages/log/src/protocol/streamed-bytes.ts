/**
 * Bytes of a message that are not in memory when it is encoded: the sender reads them when their turn comes.
 *
 * Whoever encodes a message with such bytes sees to it that `release` is called once, sent or not.
 */
export abstract class StreamedBytes {
  /** How many they are: fixed from the beginning. */
  abstract readonly length: number
  /** Fills `into` with the bytes from `position` on: all of them are there. Rejects where they cannot be read. */
  abstract readInto(into: Uint8Array, position: number): Promise<void>
  /** They are not needed any more. */
  abstract release(): void
}
