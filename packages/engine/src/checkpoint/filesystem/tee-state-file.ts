import type { StateFileHandle } from '../handles.ts'
import type { StateFileWriter } from '../storage.ts'

/** The same file in two places, under the same relative path: what holds of the first holds of the second. It is there only when it is durable in both. */
export class TeeStateFile implements StateFileWriter {
  readonly #first: StateFileWriter
  readonly #second: StateFileWriter

  private constructor(first: StateFileWriter, second: StateFileWriter) {
    this.#first = first
    this.#second = second
  }

  static async create(first: () => Promise<StateFileWriter>, second: () => Promise<StateFileWriter>): Promise<StateFileWriter> {
    const one = await first()
    try {
      return new TeeStateFile(one, await second())
    } catch (error) {
      await one.abort()
      throw error
    }
  }

  get length(): number {
    return this.#first.length
  }

  async write(bytes: Uint8Array): Promise<void> {
    await both(this.#first.write(bytes), this.#second.write(bytes))
  }

  async finish(): Promise<StateFileHandle> {
    const [handle] = await both(this.#first.finish(), this.#second.finish())
    return handle
  }

  async abort(): Promise<void> {
    await both(this.#first.abort(), this.#second.abort())
  }
}

/** Waits for both, whatever comes of them: nothing is under way any more when it rejects. */
async function both<T>(first: Promise<T>, second: Promise<T>): Promise<[T, T]> {
  await Promise.allSettled([first, second])
  return [await first, await second]
}
