import { DiskError, messageOf, type Clock, type Disk, type FileHandle, type MillraceError } from '@millrace/core'
import { engineError } from '../../errors.ts'
import { makeDurableFolder } from '../filesystem/durable-folders.ts'
import { decodeClaim, encodeClaim, type LockClaim } from './lock-claim.ts'
import { claimRefusal, jobFenced, lockGivenUp, lookingOn } from './lock-errors.ts'
import { LEASE_MS, watchLease, type LeaseSight } from './lock-lease.ts'
import { claimName, namesBelow, newestOf, releaseName, renewalName } from './lock-names.ts'
import { LockRenewal } from './lock-renewal.ts'
import { nodeProcesses } from './node-processes.ts'
import { judgeProcess, type ProcessInspector } from './process-identity.ts'
import { isNotFound, unlessNotFound, withStorageErrors } from '../storage-errors.ts'

export interface JobLockOptions {
  readonly disk: Disk
  readonly clock: Clock
  /** The claims are kept in `lock` in it: the folder of the job's checkpoints, so that whoever shares them shares the lock. */
  readonly folder: string
  readonly jobName: string
  /** What can be seen of other processes; a simulation has its own. Default: those of this machine. */
  readonly processes?: ProcessInspector
}

/** Hears what is to be said to the user. */
export type Waiting = (message: string) => void

/** Keeps a second instance of a job from its checkpoints, and numbers the attempts. */
export interface JobLock {
  /**
   * Takes the lock if it is not held yet, and begins an attempt: answers its number once that is durable. Larger than all before, of any process.
   * Where the process that has it cannot be seen from here, looks on whether that renews it, and tells `waiting` so; until `stopped` is aborted.
   * @throws JOB_LOCKED while another process lives that holds it; JOB_LOCK_UNDECIDED if that cannot be found out; JOB_LOCK_GIVEN_UP if it was looked on no longer;
   * JOB_FENCED if it was held and has been taken over; CHECKPOINT_STORAGE_*
   */
  nextAttempt(waiting?: Waiting, stopped?: AbortSignal): Promise<number>
  /**
   * Begins another attempt of the holder, with a number that is also larger than this one: of whoever took the snapshot that the job starts from, and counted in another place.
   * @throws JOB_FENCED if the lock has been taken over; CHECKPOINT_STORAGE_*
   */
  attemptAbove(attempt: number): Promise<number>
  /** Before and after anything is completed, and before anything is removed. @throws JOB_FENCED if another instance has taken over */
  check(): Promise<void>
  /** From now on `tell` hears, once, that another instance has taken over: with the next renewal at the latest. */
  onFenced(tell: (error: MillraceError) => void): void
  /** Lets others take it without looking for this process. Fine if it is not held. */
  release(): Promise<void>
}

/** How often, and for how long, a claim without contents is looked at again before its writer is taken for dead. */
const INCOMPLETE_POLL_MS = 50
const INCOMPLETE_POLLS = 20

/** Of the count of renewals: each is written over the one before. */
const RENEWAL_DIGITS = 16

export function openJobLock(options: JobLockOptions): JobLock {
  return new FileJobLock(options)
}

/**
 * A lock as a row of claims, `lock/attempt-<n>`; the highest one counts.
 *
 * 1. A number is claimed by creating its file, which only one can; it is never given twice, and the highest claim is never removed once it
 *    has been held.
 * 2. A claim is taken over (by a higher one) only if it was released or its process is dead, if it never got its contents, or if nobody here can see
 *    its process and its lease has run out (`lock-lease.ts`).
 * 3. Who claims writes its contents first and then looks at the others: above its own, or a claim below that was empty and has come to life,
 *    and it yields. Of two at most one holds.
 * 4. A holder that is taken over all the same finds the higher claim at its next `check`, or renewal.
 * 5. A holder may leave numbers out. Whoever claims one of those meanwhile has taken over: the holder finds that claim below its own, and yields.
 * 6. Claiming, checking and renewing take turns: the claim of an attempt that is about to begin is not taken for someone else's.
 */
class FileJobLock implements JobLock {
  readonly #options: JobLockOptions
  readonly #dir: string
  readonly #processes: ProcessInspector
  readonly #renewal: LockRenewal
  #held: number | undefined
  /** What the claim that is held says: in another folder one of the same number says something else. */
  #claimed: Uint8Array | undefined
  #renewals = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: JobLockOptions) {
    this.#options = options
    this.#dir = `${options.folder}/lock`
    this.#processes = options.processes ?? nodeProcesses
    this.#renewal = new LockRenewal({ clock: options.clock, renew: () => this.#inTurn(() => this.#renew()) })
  }

  nextAttempt(waiting?: Waiting, stopped?: AbortSignal): Promise<number> {
    return this.#inTurn(() => (this.#held === undefined ? this.#acquire(waiting, stopped) : this.#advance(this.#held + 1)))
  }

  attemptAbove(attempt: number): Promise<number> {
    return this.#inTurn(async () => {
      if (this.#held === undefined) throw this.#fenced(0, 0)
      return await this.#advance(Math.max(this.#held, attempt) + 1)
    })
  }

  check(): Promise<void> {
    return this.#inTurn(() => this.#check())
  }

  onFenced(tell: (error: MillraceError) => void): void {
    this.#renewal.onFenced(tell)
  }

  async release(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    await this.#renewal.stop()
    if (held === undefined) return
    await withStorageErrors(this.#dir, async () => {
      const file = await this.#options.disk.open(this.#path(releaseName(held)), 'write')
      await file.close()
      await this.#options.disk.syncDirectory(this.#dir)
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => withStorageErrors(this.#dir, work))
    this.#last = turn.catch(() => {})
    return turn
  }

  async #check(): Promise<void> {
    const held = this.#held
    if (held === undefined) throw this.#fenced(0, 0)
    const newest = newestOf(await this.#names())
    if (newest > held) throw this.#fenced(held, newest)
    if (newest === held && (await this.#isOwn(held))) return
    // A successor removes the claims below its own.
    const again = newestOf(await this.#names())
    if (again > held) throw this.#fenced(held, again)
    throw engineError('CHECKPOINT_STORAGE_LOST', { path: this.#dir })
  }

  async #isOwn(attempt: number): Promise<boolean> {
    const found = await this.#options.disk.readFile(this.#path(claimName(attempt))).catch(unlessNotFound)
    return found !== undefined && this.#claimed !== undefined && Buffer.compare(found, this.#claimed) === 0
  }

  /**
   * Not synced: it is for those who look on while this process lives, and what was written before a file is closed is read by all who open it then.
   * Nothing is truncated: on a full disk there is room for what takes the place of its like.
   */
  async #renew(): Promise<void> {
    await this.#check()
    const file = await this.#options.disk.open(this.#path(renewalName(this.#held!)), 'update')
    try {
      await file.write(Buffer.from(`${String(++this.#renewals).padStart(RENEWAL_DIGITS, '0')}\n`), 0)
    } finally {
      await file.close()
    }
  }

  async #acquire(waiting: Waiting | undefined, stopped: AbortSignal | undefined): Promise<number> {
    await makeDurableFolder(this.#options.disk, this.#dir).catch((error: unknown) => {
      // What cannot be made was never there to be lost.
      if (isNotFound(error)) throw engineError('CHECKPOINT_STORAGE_NOT_WRITABLE', { path: this.#dir, problem: messageOf(error) }, error)
      throw error
    })
    for (;;) {
      const newest = newestOf(await this.#names())
      const newestState = newest === 0 ? 'released' : await this.#judge(newest, waiting, stopped)
      const attempt = newest + 1
      const claimed = await this.#claim(attempt)
      if (claimed === undefined) continue
      if (newestState === 'incomplete') await this.#yieldTo(newest, attempt)
      await this.#confirm(attempt, claimed)
      return attempt
    }
  }

  /** Where the claim that is held is no more, another folder has come into the place of this one: whoever holds the lock in that is not known. */
  async #advance(attempt: number): Promise<number> {
    await this.#check()
    const claimed = await this.#claim(attempt)
    if (claimed === undefined) throw this.#fenced(this.#held!, attempt)
    await this.#confirm(attempt, claimed)
    return attempt
  }

  /** Whether this claim stands in nobody's way. @throws JOB_LOCKED, JOB_LOCK_UNDECIDED if it does, JOB_LOCK_GIVEN_UP */
  async #judge(
    attempt: number,
    waiting: Waiting | undefined,
    stopped: AbortSignal | undefined,
  ): Promise<'released' | 'dead' | 'incomplete'> {
    if (await this.#isReleased(attempt)) return 'released'
    let claim = await this.#read(attempt)
    for (let poll = 0; claim === undefined && poll < INCOMPLETE_POLLS; poll++) {
      await new Promise<void>((resolve) => void this.#options.clock.after(INCOMPLETE_POLL_MS, resolve))
      claim = await this.#read(attempt)
    }
    if (claim === undefined) return 'incomplete'
    const state = judgeProcess(claim.owner, this.#processes)
    if (state === 'alive') throw this.#refusal('JOB_LOCKED', claim)
    return state === 'dead' ? 'dead' : await this.#lookOn(claim, waiting, stopped)
  }

  async #lookOn(claim: LockClaim, waiting: Waiting | undefined, stopped: AbortSignal | undefined): Promise<'released' | 'dead'> {
    if (claim.leaseMs === undefined) throw this.#refusal('JOB_LOCK_UNDECIDED', claim)
    waiting?.(lookingOn(claim))
    const found = await watchLease(this.#options.clock, claim.leaseMs, () => this.#look(claim.attempt), stopped)
    if (found === 'given-up') throw lockGivenUp(claim)
    if (found === 'alive') throw this.#refusal('JOB_LOCKED', (await this.#read(newestOf(await this.#names()))) ?? claim)
    return found === 'released' ? 'released' : 'dead'
  }

  async #look(attempt: number): Promise<LeaseSight> {
    const names = await this.#names()
    const renewal = await this.#options.disk.readFile(this.#path(renewalName(attempt))).catch((error: unknown) => {
      unlessNotFound(error)
      return undefined
    })
    return {
      newest: newestOf(names),
      released: names.includes(releaseName(attempt)),
      renewal: renewal === undefined ? undefined : Buffer.from(renewal).toString('latin1'),
    }
  }

  /** Creates the claim, durably, and answers what it says; undefined if someone else was first. */
  async #claim(attempt: number): Promise<Uint8Array | undefined> {
    const { disk, clock, jobName } = this.#options
    const file = await disk.open(this.#path(claimName(attempt)), 'create').catch((error: unknown) => {
      if (error instanceof DiskError && error.reason === 'exists') return undefined
      throw error
    })
    if (file === undefined) return undefined
    try {
      const claim = encodeClaim({ jobName, attempt, sinceMs: clock.now(), leaseMs: LEASE_MS, owner: this.#processes.self() })
      await this.#write(file, claim)
      await disk.syncDirectory(this.#dir)
      return claim
    } catch (error) {
      // An empty claim would make the next start wait for its contents.
      await this.#remove(attempt).catch(() => {})
      throw error
    }
  }

  async #write(file: FileHandle, claim: Uint8Array): Promise<void> {
    try {
      await file.write(claim, 0)
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

  async #confirm(attempt: number, claimed: Uint8Array): Promise<void> {
    const names = await this.#names()
    const newest = newestOf(names)
    if (newest !== attempt) {
      if (this.#held !== undefined) throw this.#fenced(attempt, newest)
      const claim = await this.#read(newest)
      // The higher one may yield as well: what stays would keep everybody out for as long as this process lives.
      await this.#remove(attempt)
      throw claim === undefined ? this.#fenced(attempt, newest) : this.#refusal('JOB_LOCKED', claim)
    }
    const before = newestOf(namesBelow(names, attempt))
    if (this.#held !== undefined && before > this.#held) {
      await this.#remove(attempt)
      throw this.#fenced(this.#held, before)
    }
    this.#held = attempt
    this.#claimed = claimed
    this.#renewal.start()
    for (const name of namesBelow(names, attempt)) await this.#options.disk.remove(this.#path(name)).catch(unlessNotFound)
  }

  /** A claim of our own that a higher one has come before, or that never held anything. */
  async #remove(attempt: number): Promise<void> {
    await this.#options.disk.remove(this.#path(claimName(attempt))).catch(unlessNotFound)
  }

  async #read(attempt: number): Promise<LockClaim | undefined> {
    try {
      return decodeClaim(await this.#options.disk.readFile(this.#path(claimName(attempt))))
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  async #isReleased(attempt: number): Promise<boolean> {
    return (await this.#names()).includes(releaseName(attempt))
  }

  #names(): Promise<readonly string[]> {
    return this.#options.disk.list(this.#dir)
  }

  #refusal(code: 'JOB_LOCKED' | 'JOB_LOCK_UNDECIDED', claim: LockClaim): MillraceError {
    return claimRefusal(code, claim, this.#path(claimName(claim.attempt)))
  }

  #fenced(attempt: number, newer: number): MillraceError {
    return jobFenced(this.#options.jobName, attempt, newer)
  }

  #path(name: string): string {
    return `${this.#dir}/${name}`
  }
}
