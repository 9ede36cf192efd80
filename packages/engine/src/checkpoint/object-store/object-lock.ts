import { randomId, type Clock, type MillraceError, type Random } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { JobLock, Waiting } from '../lock/job-lock.ts'
import { decodeClaim, encodeClaim, type LockClaim } from '../lock/lock-claim.ts'
import { claimRefusal, jobFenced, lockGivenUp, lookingOn } from '../lock/lock-errors.ts'
import { LEASE_MS, watchLease, type LeaseSight } from '../lock/lock-lease.ts'
import { claimName, namesBelow, newestOf, releaseName, renewalName } from '../lock/lock-names.ts'
import { LockRenewal } from '../lock/lock-renewal.ts'
import { nodeProcesses } from '../lock/node-processes.ts'
import { judgeProcess, type ProcessInspector } from '../lock/process-identity.ts'
import { isObjectMissing } from './object-store.ts'
import type { ObjectPlace } from './object-state-files.ts'
import { withObjectStorageErrors } from './store-errors.ts'

export interface ObjectLockOptions {
  readonly place: ObjectPlace
  readonly clock: Clock
  readonly random: Random
  readonly jobName: string
  /** What can be seen of other processes; a simulation has its own. Default: those of this machine. */
  readonly processes?: ProcessInspector
}

/** A claim as it is stored: with a mark that no other instance has, so that an instance knows its own. */
type StoredClaim = LockClaim & { readonly instance: string }

/**
 * A lock as a row of claims, `lock/attempt-<n>`, in a store of objects; the highest one counts. `FileJobLock` says more about why.
 *
 * 1. A number is claimed by writing its object, whole, if there is none: only one can.
 * 2. A number above a claim is claimed only if that was released, its process is dead, its lease has run out where nobody here can see its process
 *    (`lock-lease.ts`), or it is one's own.
 * 3. A claim that turns out to be below another one, because the row below that was removed meanwhile, is given back; so is one that left out a number which another has claimed meanwhile.
 * 4. A claim whose writing failed may be there or come to be there: it is known by its mark, and is one's own like any other.
 */
export class ObjectLock implements JobLock {
  readonly #options: ObjectLockOptions
  readonly #instance: string
  readonly #processes: ProcessInspector
  readonly #renewal: LockRenewal
  #held: number | undefined
  #renewals = 0

  constructor(options: ObjectLockOptions) {
    this.#options = options
    this.#instance = randomId(options.random)
    this.#processes = options.processes ?? nodeProcesses
    this.#renewal = new LockRenewal({ clock: options.clock, renew: () => this.#renew() })
  }

  nextAttempt(waiting?: Waiting, stopped?: AbortSignal): Promise<number> {
    return this.#guard(() => this.#claimNext(0, waiting, stopped))
  }

  async attemptAbove(attempt: number): Promise<number> {
    if (this.#held === undefined) throw this.#fenced(0, 0)
    return await this.#guard(() => this.#claimNext(attempt))
  }

  async check(): Promise<void> {
    const held = this.#held
    if (held === undefined) throw this.#fenced(0, 0)
    await this.#guard(async () => {
      const newest = newestOf(await this.#names())
      if (newest > held && !(await this.#isOwn(newest))) throw this.#fenced(held, newest)
      if (newest < held) throw this.#lost()
    })
  }

  onFenced(tell: (error: MillraceError) => void): void {
    this.#renewal.onFenced(tell)
  }

  async release(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    await this.#renewal.stop()
    if (held === undefined) return
    await this.#guard(async () => {
      const newest = newestOf(await this.#names())
      if (await this.#isOwn(newest)) await this.#options.place.store.put(this.#key(releaseName(newest)), new Uint8Array(0))
    })
  }

  async #renew(): Promise<void> {
    await this.check()
    if (this.#held === undefined) return
    const text = `${this.#instance} ${++this.#renewals}\n`
    await this.#guard(() => this.#options.place.store.put(this.#key(renewalName(this.#held!)), Buffer.from(text)))
  }

  async #claimNext(above: number, waiting?: Waiting, stopped?: AbortSignal): Promise<number> {
    const { store } = this.#options.place
    for (;;) {
      const newest = newestOf(await this.#names())
      if (newest < (this.#held ?? 0)) throw this.#lost()
      if (newest > 0) await this.#judge(newest, waiting, stopped)
      const attempt = Math.max(newest, above) + 1
      if (!(await store.putIfAbsent(this.#key(claimName(attempt)), this.#claim(attempt)))) continue
      const names = await this.#names()
      const older = namesBelow(names, attempt)
      if (newestOf(names) !== attempt || newestOf(older) > newest) {
        await store.delete([this.#key(claimName(attempt))])
        continue
      }
      this.#held = attempt
      this.#renewal.start()
      if (older.length > 0) await store.delete(older.map((name) => this.#key(name)))
      return attempt
    }
  }

  /** Whether a claim stands in nobody's way. @throws JOB_FENCED, JOB_LOCKED, JOB_LOCK_UNDECIDED if it does, JOB_LOCK_GIVEN_UP */
  async #judge(attempt: number, waiting: Waiting | undefined, stopped: AbortSignal | undefined): Promise<void> {
    const claim = await this.#read(attempt)
    if (claim?.instance === this.#instance) return
    if (this.#held !== undefined) throw this.#fenced(this.#held, attempt)
    if (claim === undefined || (await this.#names()).includes(releaseName(attempt))) return
    const state = judgeProcess(claim.owner, this.#processes)
    if (state === 'alive') throw this.#refusal('JOB_LOCKED', claim)
    if (state === 'unknown') await this.#lookOn(claim, waiting, stopped)
  }

  async #lookOn(claim: StoredClaim, waiting: Waiting | undefined, stopped: AbortSignal | undefined): Promise<void> {
    if (claim.leaseMs === undefined) throw this.#refusal('JOB_LOCK_UNDECIDED', claim)
    waiting?.(lookingOn(claim))
    const found = await watchLease(this.#options.clock, claim.leaseMs, () => this.#look(claim.attempt), stopped)
    if (found === 'given-up') throw lockGivenUp(claim)
    if (found === 'alive') throw this.#refusal('JOB_LOCKED', (await this.#read(newestOf(await this.#names()))) ?? claim)
  }

  async #look(attempt: number): Promise<LeaseSight> {
    const names = await this.#names()
    const renewal = names.includes(renewalName(attempt)) ? await this.#get(renewalName(attempt)) : undefined
    return {
      newest: newestOf(names),
      released: names.includes(releaseName(attempt)),
      renewal: renewal === undefined ? undefined : Buffer.from(renewal).toString('latin1'),
    }
  }

  async #isOwn(attempt: number): Promise<boolean> {
    return (await this.#read(attempt))?.instance === this.#instance
  }

  /** Undefined for one that is gone, or that is no claim. */
  async #read(attempt: number): Promise<StoredClaim | undefined> {
    const bytes = await this.#get(claimName(attempt))
    const claim = bytes === undefined ? undefined : decodeClaim(bytes)
    if (bytes === undefined || claim === undefined) return undefined
    const { instance } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly instance?: unknown }
    return { ...claim, instance: typeof instance === 'string' ? instance : '' }
  }

  #claim(attempt: number): Uint8Array {
    const { jobName, clock } = this.#options
    const claim = encodeClaim({ jobName, attempt, sinceMs: clock.now(), leaseMs: LEASE_MS, owner: this.#processes.self() })
    const fields = JSON.parse(Buffer.from(claim).toString('utf8')) as object
    return Buffer.from(`${JSON.stringify({ ...fields, instance: this.#instance })}\n`)
  }

  /** Undefined where there is none. */
  async #get(name: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#options.place.store.get(this.#key(name))
    } catch (error) {
      if (isObjectMissing(error)) return undefined
      throw error
    }
  }

  async #names(): Promise<readonly string[]> {
    const folder = this.#key('')
    return (await this.#options.place.store.list(folder)).map(({ key }) => key.slice(folder.length))
  }

  #refusal(code: 'JOB_LOCKED' | 'JOB_LOCK_UNDECIDED', claim: LockClaim): MillraceError {
    return claimRefusal(code, claim, this.#url(claimName(claim.attempt)))
  }

  #lost(): MillraceError {
    return engineError('CHECKPOINT_STORAGE_LOST', { path: this.#url('') })
  }

  #fenced(attempt: number, newer: number): MillraceError {
    return jobFenced(this.#options.jobName, attempt, newer)
  }

  #key(object: string): string {
    return `${this.#options.place.prefix}lock/${object}`
  }

  #url(object: string): string {
    return `${this.#options.place.url}/lock/${object}`
  }

  #guard<T>(work: () => Promise<T>): Promise<T> {
    return withObjectStorageErrors(this.#options.place.url, work)
  }
}
