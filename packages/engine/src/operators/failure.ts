import { describeThrown, isError } from './thrown.ts'

/** What an operator was doing when it failed. */
export interface FailureSite {
  readonly operator: string
  readonly stateId: string
  readonly subtask: number
  /** 'onElement', 'onProcessingTimer', 'map', 'key selector', … */
  readonly during: string
  /** Where the record came from, as far as it is known: 'access.log:8812', 'record 17 of channel 3'. */
  readonly position: string | undefined
  readonly key?: unknown
  readonly record?: unknown
  /** The record was being sent when one of the functions of the edge failed, of the sender's `channels`: it is what the operator has put out. Undefined: one of its own did. */
  readonly edge?: { readonly id: number; readonly channels: number } | undefined
}

/**
 * An exception of user code, with the place in the job where it happened. The user's own error, stack included, is the `cause`.
 */
export class OperatorFailure extends Error {
  override readonly name = 'OperatorFailure'
  readonly code = 'OPERATOR_FAILED'
  readonly site: FailureSite

  constructor(site: FailureSite, cause: unknown) {
    super(describe(site, cause), { cause })
    this.site = site
    if (isError(cause)) this.stack = `${this.name}: ${this.message}\n${describeThrown(cause).stack}`
  }
}

function describe(site: FailureSite, cause: unknown): string {
  const { name, message } = describeThrown(cause)
  const reason = isError(cause) ? `${name}: ${message}` : message
  const position = site.position === undefined ? '' : ` at ${site.position}`
  return `operator '${site.operator}', subtask ${site.subtask}, failed in ${site.during}${position}: ${reason}`
}
