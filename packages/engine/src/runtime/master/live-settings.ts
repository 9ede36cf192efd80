/**
 * The options of a running job, some of which its user changes meanwhile.
 *
 * 1. A change is made whole, or not at all; it holds over restarts of the job, and ends with its process.
 * 2. No change breaks a promise of a sink: each is asked first.
 */
import { changeOptions, describeOptions, type OptionState } from '@millrace/core'
import type { JobFunctions } from '../../api/functions.ts'
import { checkCombinations } from '../../config/job-options.ts'
import { engineOptionTable, type EngineOptions, type ResolvedEngineOptions } from '../../config/options.ts'

/** Whom `millrace config` names as the origin of what it has changed. */
const ORIGIN = '`millrace config`'

export class LiveSettings {
  #resolved: ResolvedEngineOptions
  readonly #functions: JobFunctions

  constructor(resolved: ResolvedEngineOptions, functions: JobFunctions) {
    this.#resolved = resolved
    this.#functions = functions
  }

  get resolved(): ResolvedEngineOptions {
    return this.#resolved
  }

  get options(): EngineOptions {
    return this.#resolved.values
  }

  describe(): readonly OptionState[] {
    return describeOptions(engineOptionTable, this.#resolved)
  }

  /** @throws OPTION_UNKNOWN, OPTION_INVALID, OPTION_FIXED, CHECKPOINT_UNALIGNED_CONFLICT; what a sink says to other times of checkpoints */
  change(changes: { readonly [key: string]: string }): void {
    const changed = changeOptions(engineOptionTable, this.#resolved, changes, ORIGIN)
    checkCombinations(changed.values)
    const { interval: intervalMs, timeout: timeoutMs } = changed.values.checkpointing
    for (const operator of this.#functions.operators.values()) {
      if (operator.kind === 'sink') operator.sink.checkCheckpoints?.({ intervalMs, timeoutMs })
    }
    this.#resolved = changed
  }
}
