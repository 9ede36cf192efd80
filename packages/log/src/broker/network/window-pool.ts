/** Bytes of a response that are in memory at a time. */
export const WINDOW_BYTES: number = 256 * 1024

/** Windows kept while nobody needs them. */
const KEPT_WINDOWS_MAX = 16

/** The windows that responses are streamed through: fresh memory for each would cost more than to read into it. */
export class WindowPool {
  readonly #kept: Buffer[] = []

  take(): Buffer {
    return this.#kept.pop() ?? Buffer.allocUnsafeSlow(WINDOW_BYTES)
  }

  /** Only once nobody reads from it any more. */
  give(window: Buffer): void {
    if (this.#kept.length < KEPT_WINDOWS_MAX) this.#kept.push(window)
  }
}
