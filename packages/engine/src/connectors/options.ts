import { parseDuration, type Duration } from '@millrace/core'
import { engineError } from '../errors.ts'

/** A duration option in milliseconds. Throws `CONNECTOR_OPTION_INVALID` unless it is one. */
export function durationOption(connector: string, option: string, value: Duration): number {
  const ms = parseDuration(value)
  if (ms === undefined)
    throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem: `is ${String(value)}, which is no duration` })
  return ms
}

/** A number option from `low` to `high`. Throws `CONNECTOR_OPTION_INVALID` unless it is one. */
export function numberOption(
  connector: string,
  option: string,
  value: number,
  low: number,
  high: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || !(value >= low && value <= high)) {
    throw engineError('CONNECTOR_OPTION_INVALID', {
      connector,
      option,
      problem: `is ${String(value)}, not a number from ${low} to ${high}`,
    })
  }
  return value
}

/** A whole-number option from `low` to `high`. Throws `CONNECTOR_OPTION_INVALID` unless it is one. */
export function wholeNumberOption(
  connector: string,
  option: string,
  value: number,
  low: number,
  high: number = Number.MAX_SAFE_INTEGER,
): number {
  if (!Number.isSafeInteger(numberOption(connector, option, value, low, high))) {
    throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem: `is ${value}, not a whole number` })
  }
  return value
}
