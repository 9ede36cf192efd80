/**
 * The two-phase commit of one sink instance.
 *
 * 1. A handle is stored in every checkpoint from the one it was prepared for until its commit is confirmed: whatever checkpoint is restored, nothing prepared is forgotten.
 * 2. A handle is committed only after a checkpoint that holds it is complete.
 * 3. Commits of one sink instance are one after the other, in order; after one that failed for good there is none.
 */
import { inspect } from 'node:util'
import { MillraceError, type Clock } from '@millrace/core'
import type { SinkWriter } from '../../connectors/sink.ts'
import { OperatorFailure } from '../../operators/failure.ts'
import { isError, propertyOf } from '../../operators/thrown.ts'

const COMMIT_ATTEMPTS_MAX = 8
const COMMIT_RETRY_MS = 100

interface Prepared {
  readonly checkpointId: number
  readonly handles: Promise<readonly unknown[]>
}

/** The sink's place in the job. */
export interface SinkPlace {
  readonly operator: string
  readonly stateId: string
  readonly subtask: number
}

export class SinkCommits {
  readonly #place: SinkPlace | undefined
  readonly #writer: SinkWriter<unknown>
  readonly #clock: Clock
  readonly #failed: (error: unknown) => void
  /** Not yet confirmed, in order. */
  #prepared: Prepared[] = []
  #tail: Promise<void> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #hasStaged = false

  /** `place`: named where the writer fails with an error of its own. */
  constructor(writer: SinkWriter<unknown>, clock: Clock, failed: (error: unknown) => void, place?: SinkPlace) {
    this.#place = place
    this.#writer = writer
    this.#clock = clock
    this.#failed = failed
  }

  /** Whether a handle was ever prepared: before that nobody waits for a commit. */
  get hasStaged(): boolean {
    return this.#hasStaged
  }

  /** At the barrier, synchronously; the promise answers all handles that the checkpoint must hold. */
  prepare(checkpointId: number): Promise<readonly unknown[]> {
    const handles = this.#prepare(checkpointId)
    // A failure is told by whoever waits for `all`, also where this checkpoint is given up before.
    handles.catch(() => {})
    this.#prepared.push({ checkpointId, handles })
    const all = Promise.all(this.#prepared.map((each) => each.handles))
    return all.then((lists) => lists.flat())
  }

  async #prepare(checkpointId: number): Promise<readonly unknown[]> {
    try {
      const handles: unknown = await this.#writer.prepare(checkpointId)
      if (Array.isArray(handles)) {
        if (handles.length > 0) this.#hasStaged = true
        return handles
      }
      throw new TypeError(`it answered ${inspect(handles, { depth: 0 })}, where an array of handles is needed`)
    } catch (error) {
      throw this.#failedIn('prepare', error)
    }
  }

  /** What the writer threw, with its place in the job; what a connector says itself stays as it is. */
  #failedIn(during: string, error: unknown): unknown {
    if (this.#place === undefined || (isError(error) && (error instanceof MillraceError || error instanceof OperatorFailure))) return error
    return new OperatorFailure({ ...this.#place, during, position: undefined }, error)
  }

  /** The checkpoint is complete. Answers, once nothing is to be committed for it any more, whether all is. */
  complete(checkpointId: number): Promise<boolean> {
    this.#tail = this.#tail
      .then(() => this.#commit(checkpointId))
      .catch((error: unknown) => {
        this.#failure ??= { error }
        this.#failed(error)
      })
    return this.#tail.then(() => this.#failure === undefined)
  }

  /** Resolves when all commits asked for are done. @throws why one failed: at the end of a job nobody listens to its tasks any more */
  async settled(): Promise<void> {
    await this.#tail
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #commit(checkpointId: number): Promise<void> {
    if (this.#failure !== undefined) return
    for (const prepared of this.#prepared.filter((each) => each.checkpointId <= checkpointId)) {
      const handles = await prepared.handles
      if (handles.length > 0) await this.#commitWithRetries(handles, checkpointId)
      this.#prepared = this.#prepared.filter((each) => each !== prepared)
    }
  }

  async #commitWithRetries(handles: readonly unknown[], checkpointId: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#writer.commit?.(handles, checkpointId)
        return
      } catch (error) {
        if (attempt === COMMIT_ATTEMPTS_MAX || propertyOf(error, 'retry') !== true) {
          throw this.#failedIn('commit', error)
        }
        await new Promise<void>((resolve) => this.#clock.after(COMMIT_RETRY_MS * 2 ** (attempt - 1), resolve))
      }
    }
  }
}
