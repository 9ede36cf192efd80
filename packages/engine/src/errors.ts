import { defineErrors, type ErrorDefinition, type ErrorDetails, type MillraceError } from '@millrace/core'
import { checkpointErrors } from './errors/checkpoint-errors.ts'
import { connectorErrors } from './errors/connector-errors.ts'
import { jobErrors } from './errors/job-errors.ts'
import { runtimeErrors } from './errors/runtime-errors.ts'
import { stateErrors } from './errors/state-errors.ts'

export type EngineErrorCode =
  | keyof typeof connectorErrors
  | keyof typeof jobErrors
  | keyof typeof checkpointErrors
  | keyof typeof stateErrors
  | keyof typeof runtimeErrors

/** Every error of the engine: who must act, and whether the same attempt may succeed later. */
const table: { readonly [code in EngineErrorCode]: ErrorDefinition } = {
  ...connectorErrors,
  ...jobErrors,
  ...checkpointErrors,
  ...stateErrors,
  ...runtimeErrors,
}

/** Makes an error of this package: `throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem })`. */
export const engineError: (code: EngineErrorCode, details?: ErrorDetails, cause?: unknown) => MillraceError = defineErrors(table)
