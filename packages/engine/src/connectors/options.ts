import { inspect } from 'node:util'
import { parseDuration, type Duration } from '@millrace/core'
import { didYouMean } from '../api/option-names.ts'
import { engineError } from '../errors.ts'

/** The names of all options, written out once: the compiler says when one is missing. */
export type OptionNames<O> = { readonly [name in keyof Required<O>]: true }

/**
 * Refuses options that there are not: Node runs TypeScript without checking it, and a name that is misspelled would do nothing, silently.
 *
 * @throws CONNECTOR_OPTION_INVALID, ARGUMENT_INVALID
 */
export function checkOptionNames<O extends object>(connector: string, options: O, names: OptionNames<O>): void {
  if (typeof options !== 'object' || options === null) {
    const value = inspect(options, { depth: 0 })
    throw engineError('ARGUMENT_INVALID', { call: connector, argument: 'its argument', expected: 'an object of options', value })
  }
  const option = Object.keys(options).find((name) => !Object.hasOwn(names, name))
  if (option === undefined) return
  throw engineError('CONNECTOR_OPTION_INVALID', {
    connector,
    option,
    problem: `is none that it has${didYouMean(option, Object.keys(names))}`,
  })
}

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
