import { randomBelow, type Clock, type Random } from '@millrace/core'
import {
  ObjectStoreError,
  type ByteRange,
  type ObjectStore,
  type ObjectStoreReason,
  type ObjectUpload,
  type StoredObject,
} from '../../engine/src/checkpoint/object-store/object-store.ts'

/** Chances, each from 0 to 1. */
export interface StoreFaults {
  /** The call has no effect and fails: throttled, unavailable or unreachable. */
  readonly refused?: number
  /** The call takes effect; its answer is lost. */
  readonly answerLost?: number
  /** The answer is lost at once; the call takes effect later, up to `lateMsMax`. */
  readonly late?: number
  readonly lateMsMax?: number
}

export interface Bucket {
  readonly objects: Map<string, Uint8Array<ArrayBuffer>>
  readonly uploads: Map<number, { readonly key: string; readonly parts: Map<number, Uint8Array<ArrayBuffer>> }>
}

export function emptyBucket(): Bucket {
  return { objects: new Map(), uploads: new Map() }
}

export interface SimulatedStoreOptions {
  readonly bucket: Bucket
  readonly clock?: Clock
  readonly random: Random
  readonly faults?: StoreFaults
  /** Each call takes up to so long. */
  readonly latencyMsMax?: number
  /** Called before every call: what it throws, or never resolves, is what comes of it. */
  readonly before?: (call: StoreCall) => Promise<void> | void
}

export interface StoreCall {
  readonly operation: 'put' | 'putIfAbsent' | 'get' | 'delete' | 'list' | 'beginUpload' | 'part' | 'complete' | 'abort' | 'abortUploads'
  readonly key: string
}

/** One process's way to a bucket in memory, under a plan of faults. What took effect is visible to all at once, as S3 has it. */
export class SimulatedStore implements ObjectStore {
  readonly #options: SimulatedStoreOptions
  readonly calls: StoreCall[] = []
  faults: StoreFaults
  #isDead = false
  #nextUpload = 1

  constructor(options: SimulatedStoreOptions) {
    this.#options = options
    this.faults = options.faults ?? {}
  }

  /** The process dies: nothing of it is answered any more. What is under way may still take effect. */
  kill(): void {
    this.#isDead = true
  }

  put(key: string, bytes: Uint8Array): Promise<void> {
    const content = new Uint8Array(bytes)
    return this.#call({ operation: 'put', key }, () => void this.#objects.set(key, content))
  }

  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    const content = new Uint8Array(bytes)
    return this.#call({ operation: 'putIfAbsent', key }, () => {
      if (this.#objects.has(key)) return false
      this.#objects.set(key, content)
      return true
    })
  }

  get(key: string, range?: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
    return this.#call({ operation: 'get', key }, () => {
      const bytes = this.#objects.get(key)
      if (bytes === undefined) throw new ObjectStoreError('not-found', `there is no ${key}`)
      return range === undefined ? bytes.slice() : bytes.slice(range.offset, range.offset + range.length)
    })
  }

  delete(keys: readonly string[]): Promise<void> {
    return this.#call({ operation: 'delete', key: keys.join() }, () => {
      for (const key of keys) this.#objects.delete(key)
    })
  }

  list(prefix: string): Promise<readonly StoredObject[]> {
    return this.#call({ operation: 'list', key: prefix }, () =>
      [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([key, { length }]) => ({ key, sizeBytes: length })),
    )
  }

  async beginUpload(key: string): Promise<ObjectUpload> {
    const { uploads } = this.#options.bucket
    const id = await this.#call({ operation: 'beginUpload', key }, () => {
      const next = Math.max(this.#nextUpload++, ...uploads.keys()) + 1
      uploads.set(next, { key, parts: new Map() })
      return next
    })
    const found = (): { readonly parts: Map<number, Uint8Array<ArrayBuffer>> } => {
      const upload = uploads.get(id)
      if (upload === undefined) throw new ObjectStoreError('not-found', `there is no upload ${id}`)
      return upload
    }
    let count = 0
    return {
      part: async (bytes) => {
        const [content, number] = [new Uint8Array(bytes), count]
        await this.#call({ operation: 'part', key }, () => void found().parts.set(number, content))
        count = number + 1
      },
      complete: () =>
        this.#call({ operation: 'complete', key }, () => {
          const { parts } = found()
          const contents = Array.from({ length: count }, (_, index) => parts.get(index)!)
          this.#objects.set(key, new Uint8Array(Buffer.concat(contents)))
          uploads.delete(id)
        }),
      abort: () => this.#call({ operation: 'abort', key }, () => void uploads.delete(id)).catch(() => {}),
    }
  }

  abortUploads(prefix: string): Promise<readonly string[]> {
    return this.#call({ operation: 'abortUploads', key: prefix }, () => {
      const { uploads } = this.#options.bucket
      const found = [...uploads].filter(([, { key }]) => key.startsWith(prefix))
      for (const [id] of found) uploads.delete(id)
      return found.map(([, { key }]) => key)
    })
  }

  get #objects(): Map<string, Uint8Array<ArrayBuffer>> {
    return this.#options.bucket.objects
  }

  async #call<T>(call: StoreCall, perform: () => T): Promise<T> {
    const { clock, random, before, latencyMsMax = 0 } = this.#options
    if (this.#isDead) return never
    this.calls.push(call)
    await before?.(call)
    if (clock !== undefined && latencyMsMax > 0) await sleep(clock, randomBelow(random, latencyMsMax + 1))
    const { refused = 0, answerLost = 0, late = 0, lateMsMax = 1_000 } = this.faults
    const draw = random.uint32() / 2 ** 32
    if (draw < refused) return this.#answer(() => fail(pick(random)))
    if (draw < refused + late && clock !== undefined) {
      // Only what changes something can come late: nobody looks at the answer.
      clock.after(randomBelow(random, lateMsMax), () => {
        try {
          perform()
        } catch {
          // Nobody hears of it.
        }
      })
      return this.#answer(() => fail('unreachable'))
    }
    let result: { readonly value: T } | { readonly error: unknown }
    try {
      result = { value: perform() }
    } catch (error) {
      result = { error }
    }
    if (draw < refused + late + answerLost) return this.#answer(() => fail('unreachable'))
    return this.#answer(() => {
      if ('error' in result) throw result.error
      return result.value
    })
  }

  #answer<T>(answer: () => T): T | Promise<T> {
    return this.#isDead ? never : answer()
  }
}

const never: Promise<never> = new Promise(() => {})

function sleep(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => void clock.after(delayMs, resolve))
}

function pick(random: Random): ObjectStoreReason {
  return (['throttled', 'unavailable', 'unreachable'] as const)[randomBelow(random, 3)]!
}

function fail(reason: ObjectStoreReason): never {
  throw new ObjectStoreError(reason, `simulated: ${reason}`)
}
