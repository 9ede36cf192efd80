import { inspect } from 'node:util'
import { formatDuration, parseDuration, unknownOption, type Duration, type OptionNames } from '@millrace/core'
import { didYouMean } from '../api/option-names.ts'
import { engineError } from '../errors.ts'

export type { OptionNames } from '@millrace/core'

/**
 * Refuses options that there are not.
 *
 * @throws CONNECTOR_OPTION_INVALID, ARGUMENT_INVALID
 */
export function checkOptionNames<O extends object>(connector: string, options: O, names: OptionNames<O>): void {
  if (typeof options !== 'object' || options === null) {
    const value = inspect(options, { depth: 0 })
    throw engineError('ARGUMENT_INVALID', { call: connector, argument: 'its argument', expected: 'an object of options', value })
  }
  const unknown = unknownOption(options, names)
  if (unknown === undefined) return
  const { option, known } = unknown
  throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem: `is none that it has${didYouMean(option, known)}` })
}

/**
 * As `checkOptionNames`, for an option that is itself an object of options: `security.ssl`. Undefined is none.
 *
 * @throws CONNECTOR_OPTION_INVALID
 */
export function checkNestedNames<O extends object>(connector: string, path: string, value: O | undefined, names: OptionNames<O>): void {
  if (value === undefined) return
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const problem = `is ${inspect(value, { depth: 0 })}, and must be an object`
    throw engineError('CONNECTOR_OPTION_INVALID', { connector, option: path, problem })
  }
  const unknown = unknownOption(value, names)
  if (unknown === undefined) return
  const { option, known } = unknown
  const problem = `is none that there is${didYouMean(option, known) || `: ${known.join(', ')}`}`
  throw engineError('CONNECTOR_OPTION_INVALID', { connector, option: `${path}.${option}`, problem })
}

/** A duration option in milliseconds. Throws `CONNECTOR_OPTION_INVALID` unless it is one. */
export function durationOption(connector: string, option: string, value: Duration): number {
  const ms = parseDuration(value)
  if (ms === undefined)
    throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem: `is ${String(value)}, which is no duration` })
  return ms
}

/** The time that something is waited for, in milliseconds: none at all, or more than can be waited, would not be what was asked for. Throws `CONNECTOR_OPTION_INVALID`. */
export function patienceOption(connector: string, option: string, value: Duration, highMs: number): number {
  const ms = durationOption(connector, option, value)
  if (ms >= 1 && ms <= highMs) return ms
  throw engineError('CONNECTOR_OPTION_INVALID', {
    connector,
    option,
    problem: `is ${String(value)}, not a duration from 1ms to ${formatDuration(highMs)}`,
  })
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

/** An option that is one of few texts. Throws `CONNECTOR_OPTION_INVALID` unless it is. */
export function choiceOption<const C extends string>(connector: string, option: string, value: C, choices: readonly C[]): C {
  if (choices.includes(value)) return value
  const problem = `is ${inspect(value, { depth: 0, maxStringLength: 80 })}, not one of ${choices.join(', ')}`
  throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem })
}

/** An option of a type, where it is given. Throws `CONNECTOR_OPTION_INVALID` unless it is of that type. */
export function checkType(connector: string, option: string, value: unknown, type: 'string' | 'boolean' | 'function'): void {
  // oxlint-disable-next-line valid-typeof
  if (value === undefined || typeof value === type) return
  const expected = { string: 'no text', boolean: 'neither true nor false', function: 'no function' }[type]
  const problem = `is ${inspect(value, { depth: 0, maxStringLength: 80 })}, ${expected}`
  throw engineError('CONNECTOR_OPTION_INVALID', { connector, option, problem })
}
