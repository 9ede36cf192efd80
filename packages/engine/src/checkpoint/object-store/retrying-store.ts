/**
 * Makes calls to a store again that failed for a reason that passes: throttling, errors of the server, lost connections.
 *
 * 1. At most `triesMax` tries, each after a delay that doubles up to `delayMsMax`, of which a random half is taken away, so that clients do not return in step.
 * 2. `putIfAbsent` that was answered "there is one" is true all the same if what is there is what was to be written: the answer to an
 *    earlier try was lost. Callers write contents that nobody else writes.
 * 3. An upload whose completion was lost is complete if the object is there in its length.
 */
import { randomBelow, type Clock, type Random } from '@millrace/core'
import {
  isObjectMissing,
  ObjectStoreError,
  type ByteRange,
  type ObjectStore,
  type ObjectUpload,
  type StoredObject,
} from './object-store.ts'

export interface RetryOptions {
  readonly clock: Clock
  readonly random: Random
  /** Default 6. */
  readonly triesMax?: number
  /** Before the second try. Default 100 ms. */
  readonly delayMs?: number
  /** Default 5 s. */
  readonly delayMsMax?: number
}

export class RetryingStore implements ObjectStore {
  readonly #store: ObjectStore
  readonly #options: Required<RetryOptions>

  constructor(store: ObjectStore, options: RetryOptions) {
    this.#store = store
    this.#options = { triesMax: 6, delayMs: 100, delayMsMax: 5_000, ...options }
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    return this.#try(() => this.#store.put(key, bytes))
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    return this.#try(async () => {
      if (await this.#store.putIfAbsent(key, bytes)) return true
      try {
        return Buffer.from(await this.#store.get(key)).equals(bytes)
      } catch (error) {
        if (isObjectMissing(error)) throw new ObjectStoreError('unavailable', `${key} was there and is gone`, { cause: error })
        throw error
      }
    })
  }

  get(key: string, range?: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
    return this.#try(() => this.#store.get(key, range))
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#try(() => this.#store.delete(keys))
  }

  list(prefix: string): Promise<readonly StoredObject[]> {
    return this.#try(() => this.#store.list(prefix))
  }

  async beginUpload(key: string): Promise<ObjectUpload> {
    const upload = await this.#try(() => this.#store.beginUpload(key))
    let length = 0
    return {
      part: async (bytes) => {
        await this.#try(() => upload.part(bytes))
        length += bytes.length
      },
      complete: () =>
        this.#try(async (tries) => {
          try {
            await upload.complete()
          } catch (error) {
            if (tries === 0 || !isObjectMissing(error)) throw error
            const objects = await this.#store.list(key.slice(0, key.lastIndexOf('/') + 1))
            if (!objects.some((object) => object.key === key && object.sizeBytes === length)) throw error
          }
        }),
      abort: () => upload.abort(),
    }
  }

  abortUploads(prefix: string): Promise<readonly string[]> {
    return this.#try(() => this.#store.abortUploads(prefix))
  }

  async #try<T>(call: (tries: number) => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        return await call(tries)
      } catch (error) {
        if (!(error instanceof ObjectStoreError) || !error.retry || tries + 1 >= this.#options.triesMax) throw error
        await this.#pause(tries)
      }
    }
  }

  #pause(tries: number): Promise<void> {
    const { clock, random, delayMs, delayMsMax } = this.#options
    const longest = Math.min(delayMsMax, delayMs * 2 ** tries)
    const pauseMs = Math.ceil(longest / 2) + randomBelow(random, Math.ceil(longest / 2))
    return new Promise((resolve) => void clock.after(pauseMs, resolve))
  }
}
