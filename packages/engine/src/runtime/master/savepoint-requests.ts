/**
 * The savepoints that the user has asked for and not been answered about.
 *
 * 1. Each request is answered once: with a savepoint that is complete, or with an error after which nothing of it will be left.
 * 2. A folder is made before anybody hears of the request.
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { randomId, type Random } from '@millrace/core'
import type { AbortReason, SavepointRequest } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { FilesystemSavepoints } from '../../checkpoint/savepoints.ts'
import { checkpointPlace, isCheckpointUrl, parseCheckpointUrl } from '../../checkpoint/object-store/checkpoint-url.ts'
import { engineError } from '../../errors.ts'
import type { CompletedCheckpoint } from '../job-types.ts'

export interface SavepointRequestsOptions {
  readonly jobName: string
  readonly storage: FilesystemSavepoints
  /** Where savepoints go for which no folder is named. */
  readonly defaultDir: string
  readonly random: Random
}

/** What the coordinator says to a request. */
export interface RequestOutcome {
  readonly kind: 'completed' | 'aborted'
  readonly checkpointId: number
  readonly reason?: AbortReason
}

type Deliver = (request: SavepointRequest) => AbortReason | undefined

interface Open {
  readonly dir: string
  /** Sources are told to end for it, whatever becomes of it. */
  readonly drain: boolean
  readonly answer: PromiseWithResolvers<CompletedCheckpoint>
}

const SHORT_ID_DIGITS = 6
const RANDOM_DIGITS = 12

export class SavepointRequests {
  readonly #options: SavepointRequestsOptions
  readonly #open: Map<number, Open> = new Map()
  readonly #asking: Set<Promise<unknown>> = new Set()
  #lastId = 0

  constructor(options: SavepointRequestsOptions) {
    this.#options = options
  }

  /**
   * Makes the folder of a savepoint in `dir`, hands the request on, and waits for the answer. `deliver` answers why nobody takes it, if so. `drain`: sources end for it.
   *
   * @throws SAVEPOINT_FAILED, SAVEPOINT_JOB_ENDED, SAVEPOINT_PLACE_UNUSABLE, CHECKPOINT_URL_INVALID, CHECKPOINT_STORAGE_*
   */
  ask(dir: string | undefined, deliver: Deliver, drain: boolean): Promise<CompletedCheckpoint> {
    const asking = this.#ask(dir, deliver, drain)
    this.#asking.add(asking)
    void Promise.allSettled([asking]).then(() => this.#asking.delete(asking))
    return asking
  }

  /** Resolves when every request has been answered. */
  async settled(): Promise<void> {
    while (this.#asking.size > 0) await Promise.allSettled(this.#asking)
  }

  async #ask(dir: string | undefined, deliver: Deliver, drain: boolean): Promise<CompletedCheckpoint> {
    const request = await this.#begin(dir, drain)
    const { promise } = this.#open.get(request.requestId)!.answer
    const reason = deliver(request)
    if (reason !== undefined) await this.answered(request.requestId, { kind: 'aborted', checkpointId: 0, reason }, undefined)
    return await promise
  }

  async #begin(dir: string | undefined, drain: boolean): Promise<SavepointRequest> {
    const { storage, jobName, random, defaultDir } = this.#options
    const name = `savepoint-${shortJobId(jobName)}-${randomId(random).slice(0, RANDOM_DIGITS)}`
    const request = { requestId: ++this.#lastId, dir: inFolder(dir ?? defaultDir, name) }
    try {
      await storage.begin(request.dir)
    } catch (error) {
      await storage.discard(request.dir).catch(() => {}) // noted, if it is there at all
      throw error
    }
    this.#open.set(request.requestId, { dir: request.dir, drain, answer: Promise.withResolvers() })
    return request
  }

  /** `problem`: what is known about a failure besides its kind. */
  async answered(requestId: number, outcome: RequestOutcome, problem: string | undefined): Promise<void> {
    const request = this.#open.get(requestId)
    if (request === undefined) return
    this.#open.delete(requestId)
    const { dir, drain, answer } = request
    const { storage } = this.#options
    if (outcome.kind === 'completed') {
      await storage.announced(dir).catch(() => {}) // a note too many does no harm: what is complete stays
      return answer.resolve({ id: outcome.checkpointId, path: dir })
    }
    // What cannot be removed now is noted, and removed at the next start.
    await storage.discard(dir).catch(() => {})
    answer.reject(failure(outcome.reason, problem, drain))
  }
}

/** @throws CHECKPOINT_URL_INVALID before anything is noted about a place that cannot be reached ever */
function inFolder(named: string, name: string): string {
  const dir = checkpointPlace(named)
  if (!isCheckpointUrl(dir)) return join(dir, name)
  parseCheckpointUrl(dir)
  return `${dir.replace(/\/+$/, '')}/${name}`
}

function failure(reason: AbortReason | undefined, problem: string | undefined, drain: boolean): Error {
  if (reason === 'closed' || reason === 'stopping') return engineError('SAVEPOINT_JOB_ENDED')
  if (reason === 'task-failed')
    return engineError('SAVEPOINT_FAILED', {
      outcome: 'starts over or fails, as its restart strategy says',
      problem: problem ?? 'a task failed meanwhile',
    })
  const waited = reason === 'timeout' ? 'not all of the job ran within checkpointing.timeout, so that none could begin' : String(reason)
  return savepointFailed(problem ?? waited, drain ? 'comes to its end without one, as its sources were told to end' : undefined)
}

/** The error of a savepoint that comes to nothing. `outcome`: what becomes of the job; by default nothing. */
export function savepointFailed(problem: string, outcome = 'goes on'): Error {
  return engineError('SAVEPOINT_FAILED', { outcome, problem })
}

/** Tells the savepoints of jobs in one folder apart, as the job ids in Flink's names do. */
function shortJobId(jobName: string): string {
  return createHash('sha256').update(jobName).digest('hex').slice(0, SHORT_ID_DIGITS)
}
