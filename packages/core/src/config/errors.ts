import { defineErrors, type ErrorDetails, type MillraceError } from '../errors.ts'

/** What can be wrong with an option or with the file that sets it. */
const configErrors = {
  OPTION_UNKNOWN: { who: 'user', retry: false, message: '{where}: there is no option "{name}"{hint}' },
  OPTION_INVALID: { who: 'user', retry: false, message: '{where}: {key} must {expected}, and is {value}' },
  OPTION_TWICE: { who: 'user', retry: false, message: '{where}: {key} is set twice, once nested and once with dots' },
  OPTION_FIXED: {
    who: 'user',
    retry: false,
    message:
      '{where}: {key} cannot be changed while the job runs: stop the job with a savepoint, and start it from there with the new value',
  },
  CONFIG_FILE_UNREADABLE: { who: 'user', retry: false, message: 'The configuration file {path} cannot be read: {problem}' },
  CONFIG_FILE_MALFORMED: { who: 'user', retry: false, message: 'The configuration file {path} is malformed: {problem}' },
} as const

export const configError: (code: keyof typeof configErrors, details?: ErrorDetails, cause?: unknown) => MillraceError =
  defineErrors(configErrors)
