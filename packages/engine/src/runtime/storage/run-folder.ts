/**
 * A folder for what one run keeps on the disk and no other run ever reads: databases of a job whose checkpoints are in memory. Such jobs have no place that a lock
 * keeps for one instance, and two of one name may run side by side, as in tests.
 *
 * 1. A run has the first of `run-1`, `run-2`, … that nobody has; the lock in it says who does, by the rules of the lock of a job.
 * 2. What a process that did not end in order has left goes with the next run, as far as it can be seen that it is gone.
 */
import { DiskError, MillraceError, type Clock, type Disk } from '@millrace/core'
import { openJobLock, type JobLock, type Waiting } from '../../checkpoint/lock/job-lock.ts'
import { isLockGivenUp, isLockHeld } from '../../checkpoint/lock/lock-errors.ts'
import type { ProcessInspector } from '../../checkpoint/lock/process-identity.ts'
import { isAbsent } from '../../checkpoint/storage-errors.ts'
import { withStateDiskErrors } from '../../state/rocksdb/state-disk-errors.ts'

export interface RunFolderOptions {
  readonly disk: Disk
  readonly clock: Clock
  /** The folders of runs are in it. */
  readonly dir: string
  readonly jobName: string
  readonly processes?: ProcessInspector
}

export class RunFolder implements JobLock {
  readonly #options: RunFolderOptions
  #taken: { readonly path: string; readonly lock: JobLock } | undefined

  constructor(options: RunFolderOptions) {
    this.#options = options
  }

  /** From the first attempt on. */
  get path(): string {
    return this.#own.path
  }

  async nextAttempt(waiting?: Waiting, stopped?: AbortSignal): Promise<number> {
    return await ofStateDisk(() =>
      this.#taken === undefined ? this.#take(waiting, stopped) : this.#own.lock.nextAttempt(waiting, stopped),
    )
  }

  async attemptAbove(attempt: number): Promise<number> {
    return await ofStateDisk(() => this.#own.lock.attemptAbove(attempt))
  }

  async check(): Promise<void> {
    await ofStateDisk(() => this.#own.lock.check())
  }

  onFenced(tell: (error: MillraceError) => void): void {
    this.#own.lock.onFenced(tell)
  }

  async release(): Promise<void> {
    if (this.#taken === undefined) return
    const { path, lock } = this.#taken
    // What cannot be removed now goes when the next run opens a database here.
    await this.#empty(path).catch(() => {})
    await lock.release()
  }

  get #own(): { readonly path: string; readonly lock: JobLock } {
    if (this.#taken === undefined) throw new Error('the run has no folder yet')
    return this.#taken
  }

  async #take(waiting: Waiting | undefined, stopped: AbortSignal | undefined): Promise<number> {
    for (let run = 1; ; run++) {
      const path = this.#pathOf(run)
      const lock = this.#lockOf(path)
      const attempt = await lock.nextAttempt(waiting, stopped).catch(unlessHeld)
      if (attempt === undefined) continue
      this.#taken = { path, lock }
      await this.#emptyOthers(path)
      return attempt
    }
  }

  async #emptyOthers(own: string): Promise<void> {
    const { disk, dir } = this.#options
    const runs = (await disk.list(dir)).flatMap((name) => /^run-([1-9]\d*)$/.exec(name)?.[1] ?? [])
    for (const path of runs.map((run) => this.#pathOf(Number(run)))) {
      if (path === own) continue
      const lock = this.#lockOf(path)
      try {
        if ((await this.#databasesIn(path)).length === 0) continue
        // One that cannot be seen is not looked at for long.
        await lock.nextAttempt(undefined, AbortSignal.abort())
        await this.#empty(path)
        await lock.release()
      } catch {
        // It is there for the next run.
        await lock.release().catch(() => {})
      }
    }
  }

  async #empty(path: string): Promise<void> {
    for (const name of await this.#databasesIn(path)) await this.#options.disk.removeTree(`${path}/${name}`)
  }

  async #databasesIn(path: string): Promise<readonly string[]> {
    const names = await this.#options.disk.list(path).catch((error: unknown) => {
      if (isAbsent(error)) return []
      throw error
    })
    return names.filter((name) => name !== 'lock')
  }

  #pathOf(run: number): string {
    return `${this.#options.dir}/run-${run}`
  }

  #lockOf(folder: string): JobLock {
    return openJobLock({ ...this.#options, folder })
  }
}

/** @throws what says nothing of another run; JOB_LOCK_GIVEN_UP, as whoever waits is to end */
function unlessHeld(error: unknown): undefined {
  if (!isLockHeld(error) || isLockGivenUp(error)) throw error
}

/** The lock speaks of the storage of checkpoints, which this disk is not. */
function ofStateDisk<T>(work: () => Promise<T>): Promise<T> {
  return withStateDiskErrors(async () => {
    try {
      return await work()
    } catch (error) {
      throw error instanceof MillraceError && error.cause instanceof DiskError ? error.cause : error
    }
  })
}
