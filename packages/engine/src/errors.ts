import { defineErrors, type ErrorDetails, type ErrorTable, type MillraceError } from '@millrace/core'

/** Every error of the engine: who must act, and whether the same attempt may succeed later. */
const table = {
  // connectors
  CONNECTOR_OPTION_INVALID: { who: 'user', retry: false, message: '{connector}: option {option} {problem}' },
  SINK_FORMAT_FAILED: { who: 'user', retry: false, message: '{connector}: a record cannot be written as {format}: {problem}' },
  PRINT_CLOSED: { who: 'operator', retry: false, message: 'print: nobody reads the standard output any more (EPIPE)' },
  PRINT_FAILED: { who: 'operator', retry: false, message: 'print: the standard output cannot be written: {problem}' },
} as const satisfies ErrorTable

export type EngineErrorCode = keyof typeof table

/** Makes an error of this package: `throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem })`. */
export const engineError: (code: EngineErrorCode, details?: ErrorDetails, cause?: unknown) => MillraceError = defineErrors(table)
