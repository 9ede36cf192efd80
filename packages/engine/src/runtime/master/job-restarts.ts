/**
 * The restarts of a job and of its regions: puts failures before the restart strategy, tells what it says, and waits as long as it wants.
 *
 * 1. Each failure is put before the strategy once, whether it is answered with a restart of the job or of a region.
 * 2. A wait ends at once when somebody is in a hurry, and once somebody was there is none: whoever hears of a restart may end the job then and there.
 */
import { formatDuration, type Clock, type Random } from '@millrace/core'
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
  #givenUp: string | undefined
  /** So many there were, those of regions among them. */
  count = 0

  constructor(parts: JobRestartsParts) {
    this.#parts = parts
    this.#policy = new RestartPolicy(parts.options)
  }

  /** `restorable`: there is something to start from. */
  decide(report: FailureReport, restorable: boolean): RestartDecision {
    const { clock, random } = this.#parts
    const decision = this.#policy.decide({
      atMs: clock.monotonic(),
      recoverable: isRecoverable(report) && restorable,
      random: random.uint32() / 2 ** 32,
    })
    this.#givenUp = decision.kind === 'give-up' ? whyGivenUp(decision.reason, this.#parts.options) : undefined
    return decision
  }

  /** A failure that ends the job, with what the strategy said to it. */
  last(failure: JobFailure): JobFailure {
    return this.#givenUp === undefined ? failure : { ...failure, givenUp: this.#givenUp }
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

/** Undefined where the failure says it by itself, or the job was never to restart. */
function whyGivenUp(reason: Extract<RestartDecision, { kind: 'give-up' }>['reason'], options: RestartOptions): string | undefined {
  if (reason === 'too-many-failures' && options.kind === 'failure-rate') {
    const { maxFailures, intervalMs } = options
    return `${counted(maxFailures, 'failure')} within ${formatDuration(intervalMs)} (restart.failureRate.maxFailures)`
  }
  if (reason !== 'attempts-used-up') return undefined
  if (options.kind === 'fixed-delay') return `after ${counted(options.attempts, 'restart')} (restart.fixedDelay.attempts)`
  if (options.kind !== 'exponential-delay') return undefined
  return `after ${counted(options.attempts ?? 0, 'restart')} in a row (restart.exponentialDelay.attempts)`
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
