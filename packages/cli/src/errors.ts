import { defineErrors, type ErrorDetails, type MillraceError } from '@millrace/core'

/** What can be wrong with a command before it does anything. */
const cliErrors = {
  CLI_PARAM_MALFORMED: { who: 'user', retry: false, message: '--param takes name=value, and got {text}' },
  CLI_PARAM_TWICE: { who: 'user', retry: false, message: '--param {name} is given twice' },
} as const

export const cliError: (code: keyof typeof cliErrors, details?: ErrorDetails, cause?: unknown) => MillraceError = defineErrors(cliErrors)
