import { defineErrors, type ErrorDetails, type MillraceError } from '../errors.ts'

/** What can be wrong with a metric that user code declares. */
const metricErrors = {
  METRIC_NAME: {
    who: 'user',
    retry: false,
    message: 'A metric is named "{name}": letters, digits and _ are allowed, not a digit first, at most {limit}',
  },
  METRIC_KIND: { who: 'user', retry: false, message: 'The metric "{name}" is a {is} and is asked for as a {asked}' },
  METRIC_LIMIT: {
    who: 'user',
    retry: false,
    message: 'More than {limit} metrics: is something that varies without end part of a name or label?',
  },
} as const

export const metricError: (code: keyof typeof metricErrors, details?: ErrorDetails, cause?: unknown) => MillraceError =
  defineErrors(metricErrors)
