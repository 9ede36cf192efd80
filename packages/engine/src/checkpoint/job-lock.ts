import { DiskError, type Clock, type Disk, type FileHandle, type MillraceError } from '@millrace/core'
import { engineError } from '../errors.ts'
import { makeDurableFolder } from './durable-folders.ts'
import { decodeClaim, encodeClaim, type LockClaim } from './lock-claim.ts'
import { nodeProcesses } from './node-processes.ts'
import { judgeProcess, type ProcessInspector } from './process-identity.ts'
import { isNotFound, withStorageErrors } from './storage-errors.ts'

export interface JobLockOptions {
  readonly disk: Disk
  readonly clock: Clock
  /** The claims are kept in `lock` in it: the folder of the job's checkpoints, so that whoever shares them shares the lock. */
  readonly folder: string
  readonly jobName: string
  /** What can be seen of other processes; a simulation has its own. Default: those of this machine. */
  readonly processes?: ProcessInspector
}

/** Keeps a second instance of a job from its checkpoints, and numbers the attempts. */
export interface JobLock {
  /**
   * Takes the lock if it is not held yet, and begins an attempt: answers its number once that is durable. Larger than all before, of any process.
   * @throws JOB_LOCKED while another process lives that holds it; JOB_LOCK_UNDECIDED if that cannot be seen from here; JOB_FENCED if it was held and has been taken over; CHECKPOINT_STORAGE_*
   */
  nextAttempt(): Promise<number>
  /** Before anything is completed or removed. @throws JOB_FENCED if another instance has taken over */
  check(): Promise<void>
  /** Lets others take it without looking for this process. Fine if it is not held. */
  release(): Promise<void>
}

/** How often, and for how long, a claim without contents is looked at again before its writer is taken for dead. */
const INCOMPLETE_POLL_MS = 50
const INCOMPLETE_POLLS = 20

export function openJobLock(options: JobLockOptions): JobLock {
  return new FileJobLock(options)
}

/**
 * A lock as a row of claims, `lock/attempt-<n>`; the highest one counts.
 *
 * 1. A number is claimed by creating its file, which only one can; it is never given twice, and the highest claim is never removed once it
 *    has been held.
 * 2. A claim is taken over (by a higher one) only if it was released or its process is dead, or if it never got its contents.
 * 3. Who claims writes its contents first and then looks at the others: above its own, or a claim below that was empty and has come to life,
 *    and it yields. Of two at most one holds.
 * 4. A holder that is taken over all the same finds the higher claim at its next `check`.
 * 5. Claiming and checking take turns: the claim of an attempt that is about to begin is not taken for someone else's.
 */
class FileJobLock implements JobLock {
  readonly #options: JobLockOptions
  readonly #dir: string
  readonly #processes: ProcessInspector
  #held: number | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: JobLockOptions) {
    this.#options = options
    this.#dir = `${options.folder}/lock`
    this.#processes = options.processes ?? nodeProcesses
  }

  nextAttempt(): Promise<number> {
    return this.#inTurn(() => (this.#held === undefined ? this.#acquire() : this.#advance()))
  }

  check(): Promise<void> {
    return this.#inTurn(async () => {
      const held = this.#held
      if (held === undefined) throw engineError('JOB_FENCED', { jobName: this.#options.jobName, attempt: 0, newer: 0 })
      const newest = (await this.#attempts()).at(-1) ?? 0
      if (newest > held) throw this.#fenced(held, newest)
      if (newest < held) throw engineError('CHECKPOINT_STORAGE_LOST', { path: this.#dir })
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => withStorageErrors(this.#dir, work))
    this.#last = turn.catch(() => {})
    return turn
  }

  async release(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    if (held === undefined) return
    await withStorageErrors(this.#dir, async () => {
      const file = await this.#options.disk.open(this.#releasePath(held), 'write')
      await file.close()
      await this.#options.disk.syncDirectory(this.#dir)
    })
  }

  async #acquire(): Promise<number> {
    await makeDurableFolder(this.#options.disk, this.#dir)
    for (;;) {
      const newest = (await this.#attempts()).at(-1) ?? 0
      const newestState = newest === 0 ? 'released' : await this.#judge(newest)
      const attempt = newest + 1
      if (!(await this.#claim(attempt))) continue
      if (newestState === 'incomplete') await this.#yieldTo(newest, attempt)
      await this.#confirm(attempt)
      return attempt
    }
  }

  async #advance(): Promise<number> {
    const attempt = this.#held! + 1
    if (!(await this.#claim(attempt))) throw this.#fenced(this.#held!, attempt)
    await this.#confirm(attempt)
    return attempt
  }

  /** Whether this claim stands in nobody's way. @throws JOB_LOCKED, JOB_LOCK_UNDECIDED if it does */
  async #judge(attempt: number): Promise<'released' | 'dead' | 'incomplete'> {
    if (await this.#isReleased(attempt)) return 'released'
    let claim = await this.#read(attempt)
    for (let poll = 0; claim === undefined && poll < INCOMPLETE_POLLS; poll++) {
      await new Promise<void>((resolve) => void this.#options.clock.after(INCOMPLETE_POLL_MS, resolve))
      claim = await this.#read(attempt)
    }
    if (claim === undefined) return 'incomplete'
    const state = judgeProcess(claim.owner, this.#processes)
    if (state === 'alive') throw this.#refusal('JOB_LOCKED', claim)
    if (state === 'unknown') throw this.#refusal('JOB_LOCK_UNDECIDED', claim)
    return 'dead'
  }

  /** Creates the claim, durably; false if someone else was first. */
  async #claim(attempt: number): Promise<boolean> {
    const { disk, clock, jobName } = this.#options
    const file = await disk.open(this.#path(attempt), 'create').catch((error: unknown) => {
      if (error instanceof DiskError && error.reason === 'exists') return undefined
      throw error
    })
    if (file === undefined) return false
    try {
      await this.#write(file, { jobName, attempt, sinceMs: clock.now(), owner: this.#processes.self() })
      await disk.syncDirectory(this.#dir)
      return true
    } catch (error) {
      // An empty claim would make the next start wait for its contents.
      await this.#remove(attempt).catch(() => {})
      throw error
    }
  }

  async #write(file: FileHandle, claim: LockClaim): Promise<void> {
    try {
      await file.write(encodeClaim(claim), 0)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  /** The claim passed over had no contents then; if it has by now, its process is alive and may hold the lock. */
  async #yieldTo(passedOver: number, attempt: number): Promise<void> {
    const claim = await this.#read(passedOver)
    if (claim === undefined || judgeProcess(claim.owner, this.#processes) === 'dead') return
    await this.#remove(attempt)
    throw this.#refusal('JOB_LOCKED', claim)
  }

  async #confirm(attempt: number): Promise<void> {
    const attempts = await this.#attempts()
    const newest = attempts.at(-1) ?? 0
    if (newest !== attempt) {
      if (this.#held !== undefined) throw this.#fenced(attempt, newest)
      const claim = await this.#read(newest)
      // The higher one may yield as well: what stays would keep everybody out for as long as this process lives.
      await this.#remove(attempt)
      throw claim === undefined ? this.#fenced(attempt, newest) : this.#refusal('JOB_LOCKED', claim)
    }
    this.#held = attempt
    for (const older of attempts) if (older < attempt) await this.#remove(older)
  }

  /** A claim that a higher one has replaced, or that never held anything. */
  async #remove(attempt: number): Promise<void> {
    for (const path of [this.#path(attempt), this.#releasePath(attempt)]) {
      await this.#options.disk.remove(path).catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
    }
  }

  async #read(attempt: number): Promise<LockClaim | undefined> {
    try {
      return decodeClaim(await this.#options.disk.readFile(this.#path(attempt)))
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  async #isReleased(attempt: number): Promise<boolean> {
    return (await this.#options.disk.list(this.#dir)).includes(`attempt-${attempt}.released`)
  }

  async #attempts(): Promise<number[]> {
    const numbers = (await this.#options.disk.list(this.#dir)).flatMap((name) => {
      const digits = /^attempt-([1-9]\d{0,14})$/.exec(name)?.[1]
      return digits === undefined ? [] : [Number(digits)]
    })
    return numbers.toSorted((a, b) => a - b)
  }

  #refusal(code: 'JOB_LOCKED' | 'JOB_LOCK_UNDECIDED', { attempt, sinceMs, owner }: LockClaim): MillraceError {
    const since = new Date(sinceMs).toISOString()
    return engineError(code, {
      jobName: this.#options.jobName,
      pid: owner.pid,
      host: owner.host,
      attempt,
      since,
      path: this.#path(attempt),
    })
  }

  #fenced(attempt: number, newer: number): MillraceError {
    return engineError('JOB_FENCED', { jobName: this.#options.jobName, attempt, newer })
  }

  #path(attempt: number): string {
    return `${this.#dir}/attempt-${attempt}`
  }

  #releasePath(attempt: number): string {
    return `${this.#path(attempt)}.released`
  }
}
