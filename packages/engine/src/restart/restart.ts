import type { EngineOptions } from '../config/options.ts'

/** What follows a failure. All durations in milliseconds. */
export type RestartOptions =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed-delay'; readonly attempts: number; readonly delayMs: number }
  /** The failure that makes `maxFailures` within `intervalMs` ends the job; both ends of the interval belong to it. */
  | { readonly kind: 'failure-rate'; readonly maxFailures: number; readonly intervalMs: number; readonly delayMs: number }
  | {
      readonly kind: 'exponential-delay'
      readonly initialMs: number
      readonly maxMs: number
      readonly multiplier: number
      /** So long without a failure, and the delay starts at `initialMs` again. */
      readonly resetAfterMs: number
      /** Share of the delay that is added or taken away at random, 0 to 1. */
      readonly jitter: number
      /** Restarts in a row before the job ends; undefined: no limit. */
      readonly attempts: number | undefined
    }

export interface JobFailureFact {
  /** Monotonic time. */
  readonly atMs: number
  /** False for what no restart can mend: a wrong option, a changed job, a fenced instance. */
  readonly recoverable: boolean
  /** Uniform in [0, 1), for the jitter. */
  readonly random: number
}

export type RestartDecision =
  /** `restart`: how many there have been, this one included. */
  | { readonly kind: 'restart'; readonly delayMs: number; readonly restart: number }
  | { readonly kind: 'give-up'; readonly reason: 'no-restarts' | 'attempts-used-up' | 'too-many-failures' | 'not-recoverable' }

/** What `options.restart` asks for; where it names no strategy: exponential delay if checkpoints are taken periodically, else none. */
export function restartOptions(options: EngineOptions): RestartOptions {
  const { strategy, fixedDelay, failureRate, exponentialDelay } = options.restart
  switch (strategy ?? (options.checkpointing.interval === undefined ? 'none' : 'exponential-delay')) {
    case 'none':
      return { kind: 'none' }
    case 'fixed-delay':
      return { kind: 'fixed-delay', attempts: fixedDelay.attempts, delayMs: fixedDelay.delay }
    case 'failure-rate':
      return { kind: 'failure-rate', maxFailures: failureRate.maxFailures, intervalMs: failureRate.interval, delayMs: failureRate.delay }
    case 'exponential-delay':
      return {
        kind: 'exponential-delay',
        initialMs: exponentialDelay.initial,
        maxMs: Math.max(exponentialDelay.initial, exponentialDelay.max),
        multiplier: exponentialDelay.multiplier,
        resetAfterMs: exponentialDelay.resetAfter,
        jitter: exponentialDelay.jitter,
        attempts: exponentialDelay.attempts,
      }
  }
}

/**
 * Decides after each failure of a job whether it is started again, and when.
 *
 * 1. `restart` counts up by one with each restart and is never reset: it says how often the job was restarted in all.
 * 2. What cannot be mended is not tried again.
 * 3. Memory is bounded: at most the times of the last `maxFailures` failures are kept.
 */
export class RestartPolicy {
  readonly #options: RestartOptions
  #restarts = 0
  /** failure-rate: times of the failures that still count, the last one's among them. */
  #failures: number[] = []
  /** exponential-delay: restarts since the last long quiet. */
  #inRow = 0
  #delayMs = 0
  #restartedAtMs: number | undefined

  constructor(options: RestartOptions) {
    this.#options = options
  }

  get restarts(): number {
    return this.#restarts
  }

  decide(failure: JobFailureFact): RestartDecision {
    if (!failure.recoverable) return { kind: 'give-up', reason: 'not-recoverable' }
    const options = this.#options
    switch (options.kind) {
      case 'none':
        return { kind: 'give-up', reason: 'no-restarts' }
      case 'fixed-delay':
        return this.#restarts < options.attempts ? this.#restart(options.delayMs) : { kind: 'give-up', reason: 'attempts-used-up' }
      case 'failure-rate':
        return this.#decideByRate(options, failure)
      case 'exponential-delay':
        return this.#decideExponentially(options, failure)
    }
  }

  #decideByRate(options: Extract<RestartOptions, { kind: 'failure-rate' }>, { atMs }: JobFailureFact): RestartDecision {
    this.#failures = [...this.#failures.filter((failedAtMs) => atMs - failedAtMs <= options.intervalMs), atMs]
    if (this.#failures.length >= options.maxFailures) return { kind: 'give-up', reason: 'too-many-failures' }
    return this.#restart(options.delayMs)
  }

  #decideExponentially(options: Extract<RestartOptions, { kind: 'exponential-delay' }>, { atMs, random }: JobFailureFact): RestartDecision {
    const isFresh = this.#restartedAtMs === undefined || atMs - this.#restartedAtMs >= options.resetAfterMs
    if (isFresh) this.#inRow = 0
    if (options.attempts !== undefined && this.#inRow >= options.attempts) return { kind: 'give-up', reason: 'attempts-used-up' }
    this.#inRow++
    this.#delayMs = isFresh ? options.initialMs : Math.min(options.maxMs, this.#delayMs * options.multiplier)
    const delayMs = Math.round(Math.min(options.maxMs, this.#delayMs * (1 + options.jitter * (2 * random - 1))))
    this.#restartedAtMs = atMs + delayMs
    return this.#restart(delayMs)
  }

  #restart(delayMs: number): RestartDecision {
    this.#restarts++
    return { kind: 'restart', delayMs, restart: this.#restarts }
  }
}
