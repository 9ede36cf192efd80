import { randomId, type Clock, type MillraceError, type Random } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { JobLock } from '../job-lock.ts'
import { decodeClaim, encodeClaim, type LockClaim } from '../lock-claim.ts'
import { nodeProcesses } from '../node-processes.ts'
import { judgeProcess, type ProcessInspector } from '../process-identity.ts'
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
 * 2. The number above a claim is claimed only if that was released, its process is dead, or it is one's own.
 * 3. A claim that turns out to be below another one, because the row below that was removed meanwhile, is given back.
 * 4. A claim whose writing failed may be there or come to be there: it is known by its mark, and is one's own like any other.
 */
export class ObjectLock implements JobLock {
  readonly #options: ObjectLockOptions
  readonly #instance: string
  readonly #processes: ProcessInspector
  #held: number | undefined

  constructor(options: ObjectLockOptions) {
    this.#options = options
    this.#instance = randomId(options.random)
    this.#processes = options.processes ?? nodeProcesses
  }

  nextAttempt(): Promise<number> {
    return this.#guard(() => this.#claimNext())
  }

  async check(): Promise<void> {
    const held = this.#held
    if (held === undefined) throw this.#fenced(0, 0)
    await this.#guard(async () => {
      const newest = (await this.#attempts()).at(-1) ?? 0
      if (newest > held && !(await this.#isOwn(newest))) throw this.#fenced(held, newest)
      if (newest < held) throw engineError('CHECKPOINT_STORAGE_LOST', { path: this.#url('') })
    })
  }

  async release(): Promise<void> {
    const held = this.#held
    this.#held = undefined
    if (held === undefined) return
    await this.#guard(async () => {
      const newest = (await this.#attempts()).at(-1) ?? 0
      if (await this.#isOwn(newest)) await this.#options.place.store.put(this.#key(`${name(newest)}.released`), new Uint8Array(0))
    })
  }

  async #claimNext(): Promise<number> {
    const { store } = this.#options.place
    for (;;) {
      const newest = (await this.#attempts()).at(-1) ?? 0
      if (newest > 0) await this.#judge(newest)
      const attempt = newest + 1
      if (!(await store.putIfAbsent(this.#key(name(attempt)), this.#claim(attempt)))) continue
      const attempts = await this.#attempts()
      if (attempts.at(-1) !== attempt) {
        await this.#remove([attempt])
        continue
      }
      this.#held = attempt
      await this.#remove(attempts.filter((older) => older < attempt))
      return attempt
    }
  }

  /** Whether a claim stands in nobody's way. @throws JOB_FENCED, JOB_LOCKED, JOB_LOCK_UNDECIDED if it does */
  async #judge(attempt: number): Promise<void> {
    const claim = await this.#read(attempt)
    if (claim?.instance === this.#instance) return
    if (this.#held !== undefined) throw this.#fenced(this.#held, attempt)
    if (claim === undefined || (await this.#isReleased(attempt))) return
    const state = judgeProcess(claim.owner, this.#processes)
    if (state === 'alive') throw this.#refusal('JOB_LOCKED', claim)
    if (state === 'unknown') throw this.#refusal('JOB_LOCK_UNDECIDED', claim)
  }

  async #isOwn(attempt: number): Promise<boolean> {
    return (await this.#read(attempt))?.instance === this.#instance
  }

  /** Undefined for one that is gone, or that is no claim. */
  async #read(attempt: number): Promise<StoredClaim | undefined> {
    try {
      const bytes = await this.#options.place.store.get(this.#key(name(attempt)))
      const claim = decodeClaim(bytes)
      if (claim === undefined) return undefined
      const { instance } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { readonly instance?: unknown }
      return { ...claim, instance: typeof instance === 'string' ? instance : '' }
    } catch (error) {
      if (isObjectMissing(error)) return undefined
      throw error
    }
  }

  #claim(attempt: number): Uint8Array {
    const { jobName, clock } = this.#options
    const claim = encodeClaim({ jobName, attempt, sinceMs: clock.now(), owner: this.#processes.self() })
    const fields = JSON.parse(Buffer.from(claim).toString('utf8')) as object
    return Buffer.from(`${JSON.stringify({ ...fields, instance: this.#instance })}\n`)
  }

  async #isReleased(attempt: number): Promise<boolean> {
    return (await this.#list()).includes(`${name(attempt)}.released`)
  }

  async #attempts(): Promise<number[]> {
    const numbers = (await this.#list()).flatMap((each) => {
      const digits = /^attempt-([1-9]\d{0,14})$/.exec(each)?.[1]
      return digits === undefined ? [] : [Number(digits)]
    })
    return numbers.toSorted((a, b) => a - b)
  }

  async #list(): Promise<readonly string[]> {
    const folder = this.#key('')
    return (await this.#options.place.store.list(folder)).map(({ key }) => key.slice(folder.length))
  }

  async #remove(attempts: readonly number[]): Promise<void> {
    if (attempts.length === 0) return
    await this.#options.place.store.delete(
      attempts.flatMap((attempt) => [this.#key(name(attempt)), this.#key(`${name(attempt)}.released`)]),
    )
  }

  #refusal(code: 'JOB_LOCKED' | 'JOB_LOCK_UNDECIDED', { attempt, sinceMs, owner }: LockClaim): MillraceError {
    const { jobName } = this.#options
    const since = new Date(sinceMs).toISOString()
    return engineError(code, { jobName, pid: owner.pid, host: owner.host, attempt, since, path: this.#url(name(attempt)) })
  }

  #fenced(attempt: number, newer: number): MillraceError {
    return engineError('JOB_FENCED', { jobName: this.#options.jobName, attempt, newer })
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

function name(attempt: number): string {
  return `attempt-${attempt}`
}
