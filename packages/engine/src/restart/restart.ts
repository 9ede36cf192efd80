/** What follows a failure. All durations in milliseconds. */
export type RestartOptions =
  | { readonly kind: 'none' }
  | { readonly kind: 'fixed-delay'; readonly attempts: number; readonly delayMs: number }
  /** Up to `maxFailures` within any `intervalMs` are answered with a restart; one more ends the job. */
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
