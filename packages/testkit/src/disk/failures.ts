import type { DiskErrorReason } from '@millrace/core'

/** The operations of `Disk` and `FileHandle` that can be made to fail, by their names there. */
export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'stat'
  | 'close'
  | 'readFile'
  | 'list'
  | 'makeDirectory'
  | 'rename'
  | 'link'
  | 'remove'
  | 'removeTree'
  | 'syncDirectory'

/** What is to go wrong, where, and how often. */
export interface DiskFailure {
  /** Which operations; all by default. `write` is also `writeAll`. */
  readonly operations?: readonly DiskOperation[]
  /** Which paths (absolute, normalized); all by default. */
  readonly path?: string | RegExp
  /** Fails with this reason; without one the operation is only slow. A failing write may leave a part of it written. */
  readonly reason?: DiskErrorReason
  /** Takes so much longer, on the disk's clock. */
  readonly delayMs?: number
  /** Leaves the first few matching operations alone; 0 by default. */
  readonly skip?: number
  /** Ends after so many; never by default. */
  readonly times?: number
}

interface ActiveFailure {
  readonly failure: DiskFailure
  skip: number
  times: number
}

/** The failures a test has asked for. */
export class FailureList {
  readonly #active = new Set<ActiveFailure>()

  add(failure: DiskFailure): () => void {
    const active = { failure, skip: failure.skip ?? 0, times: failure.times ?? Infinity }
    this.#active.add(active)
    return () => void this.#active.delete(active)
  }

  clear(): void {
    this.#active.clear()
  }

  /** What this operation suffers: the sum of delays, the first reason. */
  draw(operation: DiskOperation, path: string): { readonly delayMs: number; readonly reason: DiskErrorReason | undefined } {
    let delayMs = 0
    let reason: DiskErrorReason | undefined
    for (const active of this.#active) {
      if (!matches(active.failure, operation, path)) continue
      if (active.skip > 0) {
        active.skip--
        continue
      }
      if (--active.times <= 0) this.#active.delete(active)
      delayMs += active.failure.delayMs ?? 0
      reason ??= active.failure.reason
    }
    return { delayMs, reason }
  }
}

function matches(failure: DiskFailure, operation: DiskOperation, path: string): boolean {
  if (failure.operations !== undefined && !failure.operations.includes(operation)) return false
  if (failure.path === undefined) return true
  return typeof failure.path === 'string' ? failure.path === path : failure.path.test(path)
}
