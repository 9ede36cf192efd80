/**
 * What the whole job, and any region of it, is started with: a number of its own, and what it restores.
 *
 * 1. Each start has a larger number than every one before it, those of former processes included, and than the one that took what it starts from, which may have been counted in another place.
 * 2. The whole job starts from the newest completed checkpoint that can be read, or from where the user says; never from anything half-written.
 * 3. A region starts from where all others are, or not at all.
 * 4. Where the job is known to have had checkpoints, it does not begin without state unless the user says so.
 * 5. What this process knows to be complete does not vanish unnoticed: the job goes back behind it to an older checkpoint of its own, and says so, or not at all.
 */
import type { JobLock } from '../../checkpoint/lock/job-lock.ts'
import type { RestoreRequest } from '../../checkpoint/storage.ts'
import { engineError } from '../../errors.ts'
import type { Region } from '../../graph/regions.ts'
import type { SlotSettings } from '../deployment/deployment.ts'
import type { CompletedCheckpoint } from '../job-types.ts'
import {
  deploymentsOf,
  findRegionRestoration,
  findRestoration,
  type Restoration,
  type RestorationParts,
  type Restored,
  type Warn,
} from '../restore/restoration.ts'
import type { RegionStart } from './region-run.ts'

export interface JobStartsParts extends RestorationParts {
  readonly regions: readonly Region[]
  readonly lock: JobLock
  readonly settings: () => SlotSettings
  readonly warn: Warn
}

export interface WholeStart {
  readonly attempt: number
  readonly restoration: Restoration
  /** By region. */
  readonly starts: readonly RegionStart[]
}

export class JobStarts {
  readonly #parts: JobStartsParts
  /** The newest number. */
  attempt = 0
  /** What the whole job has started from. */
  restored: CompletedCheckpoint | undefined
  /** Whether the newest number is taken: the first one comes with the lock. */
  #used = true
  /** By region. */
  #attempts: number[] = []
  readonly #waiting = new AbortController()

  constructor(parts: JobStartsParts) {
    this.#parts = parts
  }

  /** @throws as `JobLock.nextAttempt` */
  async lock(): Promise<void> {
    this.attempt = await this.#parts.lock.nextAttempt((message) => this.#parts.warn(message, {}), this.#waiting.signal)
    this.#used = false
  }

  /** Aborted once the job is to end: what takes a while is not waited for. */
  get hurried(): AbortSignal {
    return this.#waiting.signal
  }

  /** Whoever looks on whether the lock is still held, or looks through what there is to start from, does so no longer, as the job is to end. */
  hurry(): void {
    this.#waiting.abort()
  }

  /**
   * `known`: the newest checkpoint there was when this process last looked.
   *
   * @throws as `JobLock.nextAttempt` and `findRestoration`; CHECKPOINT_STORAGE_LOST; CHECKPOINTS_MISSING; JOB_START_GIVEN_UP once the job is to end
   */
  async whole(request: RestoreRequest, known: CompletedCheckpoint | undefined): Promise<WholeStart> {
    if (this.#used) this.attempt = await this.#parts.lock.nextAttempt()
    this.#used = true
    const { regions, warn, lock } = this.#parts
    const restoration = await findRestoration(this.#parts, request, warn, this.#waiting.signal)
    if (request === 'latest' && known !== undefined) this.#noteLoss(known, restoration)
    const { missingFrom } = restoration
    if (missingFrom !== undefined) throw engineError('CHECKPOINTS_MISSING', { jobName: this.#parts.plan.graph.name, place: missingFrom })
    if (restoration.takenBy >= this.attempt) this.attempt = await lock.attemptAbove(restoration.takenBy)
    const { attempt } = this
    this.restored = restoration.checkpoint
    this.#attempts = regions.map(() => attempt)
    return { attempt, restoration, starts: regions.map((region) => this.#start(region, attempt, restoration)) }
  }

  /**
   * `completedId`: what all others take for the newest checkpoint. `over`: the region is not needed any more. Undefined: that is not what there is to start from.
   *
   * @throws as `JobLock.nextAttempt` and `findRegionRestoration`
   */
  async region(
    region: Region,
    request: RestoreRequest,
    completedId: number | undefined,
    over: AbortSignal,
  ): Promise<RegionStart | undefined> {
    const attempt = await this.#parts.lock.nextAttempt()
    this.attempt = Math.max(this.attempt, attempt)
    const found = await findRegionRestoration(this.#parts, request, { completedId, startedFrom: this.restored?.path }, over)
    if (found === undefined) {
      this.#parts.warn(`region ${region.id} cannot start from where the others are: the whole job restarts`, { region: region.id })
      return undefined
    }
    this.#attempts[region.id] = attempt
    return this.#start(region, attempt, found)
  }

  /** What is damaged was told when it was found. @throws CHECKPOINT_STORAGE_LOST */
  #noteLoss(known: CompletedCheckpoint, { checkpoint, ownId, completed }: Restoration): void {
    if ((checkpoint?.id === known.id && checkpoint.path === known.path) || completed.includes(known.id)) return
    if (ownId === undefined) throw engineError('CHECKPOINT_STORAGE_LOST', { path: known.path ?? `of checkpoint ${known.id}` })
    this.#parts.warn(`checkpoint ${known.id} was there and is gone: the job goes back to checkpoint ${ownId}`, { path: known.path })
  }

  #start(region: Region, attempt: number, restoration: Restored): RegionStart {
    const numbers = { attempt, oldestAttempt: Math.min(...this.#attempts) }
    const operators = new Set(region.tasks.flatMap((task) => this.#parts.plan.tasks[task]!.operators))
    return {
      attempt,
      deployments: deploymentsOf(this.#parts, region, restoration, numbers, this.#parts.settings()),
      restoredSources: restoration.plan.sources.filter(({ operator }) => operators.has(operator)),
    }
  }
}
