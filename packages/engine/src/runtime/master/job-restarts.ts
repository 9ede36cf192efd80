/**
 * The restarts of a job and of its regions: puts failures before the restart strategy, tells what it says, and waits as long as it wants.
 *
 * 1. Each failure is put before the strategy once, whether it is answered with a restart of the job or of a region.
 * 2. A wait ends at once when somebody is in a hurry, and once somebody was there is none: whoever hears of a restart may end the job then and there.
 */
import type { Clock, Random } from '@millrace/core'
import { RestartPolicy, type RestartDecision, type RestartOptions } from '../../restart/restart.ts'
import { isRecoverable } from './job-failure.ts'
import type { JobEvent, JobFailure, JobRegion } from '../job-types.ts'
import type { FailureReport } from '../deployment/messages.ts'

export interface JobRestartsParts {
  readonly options: RestartOptions
  readonly clock: Clock
  readonly random: Random
  readonly onEvent: (event: JobEvent) => void
}

export class JobRestarts {
  readonly #parts: JobRestartsParts
  readonly #policy: RestartPolicy
  #endWait: (() => void) | undefined
  #hurried = false
  /** So many there were, those of regions among them. */
  count = 0

  constructor(parts: JobRestartsParts) {
    this.#parts = parts
    this.#policy = new RestartPolicy(parts.options)
  }

  /** `restorable`: there is something to start from. */
  decide(report: FailureReport, restorable: boolean): RestartDecision {
    const { clock, random } = this.#parts
    return this.#policy.decide({
      atMs: clock.monotonic(),
      recoverable: isRecoverable(report) && restorable,
      random: random.uint32() / 2 ** 32,
    })
  }

  /** `region`: that alone restarts. */
  tell(failure: JobFailure, { delayMs, restart }: Extract<RestartDecision, { kind: 'restart' }>, region?: JobRegion): void {
    const { clock, onEvent } = this.#parts
    this.count = restart
    onEvent({ kind: 'restarting', timeMs: clock.now(), failure, delayMs, restart, ...(region === undefined ? {} : { region }) })
  }

  wait(delayMs: number): Promise<void> {
    if (this.#hurried) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(delayMs, resolve)
      this.#endWait = () => {
        cancel()
        resolve()
      }
    })
  }

  /** The job is to end. */
  hurry(): void {
    this.#hurried = true
    this.#endWait?.()
  }
}
