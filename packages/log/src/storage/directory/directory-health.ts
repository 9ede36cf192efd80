/**
 * What is wrong with a log directory, and what of it an operator has been told.
 *
 * 1. Once offline it stays so: every operation fails with the same error, nothing is tried again.
 * 2. A refusal, which leaves everything as it was, is told when the first operation meets it, not for each of them; its end when something
 *    has been written a while after the last one: a disk that takes small writes and refuses large ones says nothing in between.
 */
import { DiskError, MillraceError, type Clock, messageOf } from '@millrace/core'
import { logError, type LogErrorCode } from '../../errors.ts'
import type { StorageNotice } from '../partition/log-host.ts'

export interface DirectoryHealthOptions {
  readonly path: string
  readonly clock: Clock
  readonly onNotice: (notice: StorageNotice) => void
  /** Called once, when the directory goes offline. */
  readonly onOffline: (error: MillraceError) => void
}

type RefusalCode = Extract<LogErrorCode, 'STORAGE_FULL' | 'STORAGE_UNAVAILABLE'>

const NOTICE_KINDS = { STORAGE_FULL: 'full', STORAGE_UNAVAILABLE: 'unavailable' } as const

/** For so long nothing must have been refused before a refusal is over. */
const SETTLED_AFTER_MS = 10_000

export class DirectoryHealth {
  readonly #options: DirectoryHealthOptions
  /** Times of the first and of the latest operation that met it. */
  readonly #refusals = new Map<RefusalCode, { readonly sinceMs: number; latestMs: number }>()
  /** Folders of logs that could not be read, because of what is in them. */
  readonly #damaged = new Set<string>()
  #offline: MillraceError | undefined

  constructor(options: DirectoryHealthOptions) {
    this.#options = options
  }

  get offline(): MillraceError | undefined {
    return this.#offline
  }

  /** Whether it has refused to write for lack of space, and nothing says that there is some again. */
  get isFull(): boolean {
    return this.#refusals.has('STORAGE_FULL')
  }

  /** As `LogHost.failed`. */
  failed(error: unknown, path: string, isFatal = false): MillraceError {
    if (this.#offline !== undefined) return this.#offline
    if (!isFatal) {
      if (error instanceof MillraceError) {
        if (error.code === 'STORAGE_CORRUPT') this.#tellOfDamage(error, path)
        return error
      }
      const code = refusalCode(error)
      if (code !== undefined) return this.#refused(code, error as DiskError, path)
    }
    const { path: directory, onNotice, onOffline } = this.#options
    this.#offline = logError('STORAGE_OFFLINE', { path: directory, problem: messageOf(error) }, error)
    onNotice({ kind: 'offline', path, problem: this.#offline.message })
    onOffline(this.#offline)
    return this.#offline
  }

  /** Something has been written. */
  wrote(): void {
    if (this.#refusals.size > 0) this.#settle()
  }

  /** What failed without a caller is told, unless it is what has been told already. */
  failedInBackground(error: unknown, path: string): void {
    const isTold = error === this.#offline || (error instanceof MillraceError && this.#refusals.has(error.code as RefusalCode))
    if (!isTold) this.#options.onNotice({ kind: 'background-failure', path, problem: String(error) })
  }

  /** Readers come again and again: of each log it is told once. */
  #tellOfDamage(error: MillraceError, path: string): void {
    if (this.#damaged.has(path)) return
    this.#damaged.add(path)
    this.#options.onNotice({ kind: 'damaged', path, problem: error.message })
  }

  #refused(code: RefusalCode, error: DiskError, path: string): MillraceError {
    const nowMs = this.#options.clock.monotonic()
    const known = this.#refusals.get(code)
    if (known !== undefined) known.latestMs = nowMs
    else {
      this.#refusals.set(code, { sinceMs: nowMs, latestMs: nowMs })
      this.#options.onNotice({ kind: NOTICE_KINDS[code], path, problem: error.message })
    }
    return code === 'STORAGE_FULL' ? logError(code, { path }, error) : logError(code, { path, problem: error.reason }, error)
  }

  #settle(): void {
    const nowMs = this.#options.clock.monotonic()
    for (const [code, { sinceMs, latestMs }] of this.#refusals) {
      if (nowMs - latestMs < SETTLED_AFTER_MS) continue
      this.#refusals.delete(code)
      const { path, onNotice } = this.#options
      onNotice({ kind: 'writable', path, problem: `writes were refused for ${Math.round((latestMs - sinceMs) / 1000)} s (${code})` })
    }
  }
}

function refusalCode(error: unknown): RefusalCode | undefined {
  if (!(error instanceof DiskError)) return undefined
  if (error.reason === 'no-space') return 'STORAGE_FULL'
  return error.reason === 'too-many-open' ? 'STORAGE_UNAVAILABLE' : undefined
}
