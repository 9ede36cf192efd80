/** Checks of what callers give that no compiler has told what is right. */
import { inspect } from 'node:util'
import { unknownOption, type OptionNames } from '@millrace/core'
import { clientError } from './errors.ts'

export type { OptionNames } from '@millrace/core'

/** Refuses options that there are not. `whose`: 'a producer'. @throws `CLIENT_OPTION` */
export function checkOptionNames<O extends object>(whose: string, options: O, names: OptionNames<O>): void {
  const unknown = unknownOption(options, names)
  if (unknown === undefined) return
  const { option, known, nearest } = unknown
  const which = nearest === undefined ? `: ${known.join(', ')}` : ` (${nearest}?)`
  throw clientError('CLIENT_OPTION', { option, expected: `be one of ${whose}${which}`, value: 'none' })
}

/** @throws `CLIENT_OPTION` */
export function checkOneOf<T>(option: string, value: T, values: readonly T[]): void {
  if (!values.includes(value)) throw clientError('CLIENT_OPTION', { option, expected: `be ${values.join(' or ')}`, value: shown(value) })
}

/** What the protocol has room for, in sizes and times. */
export const INT32_MAX = 0x7fff_ffff

/** @throws `CLIENT_OPTION` */
export function checkWholeNumber(option: string, value: unknown, min: number, max: number): void {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) return
  throw clientError('CLIENT_OPTION', { option, expected: `be a whole number from ${min} to ${max}`, value: shown(value) })
}

/** Half of a surrogate pair is no text: as UTF-8 it is the same as any other half. @throws `CLIENT_OPTION` */
export function checkName(option: string, value: unknown): void {
  if (typeof value === 'string' && !value.isWellFormed())
    throw clientError('CLIENT_OPTION', { option, expected: 'be whole characters', value: JSON.stringify(value) })
  if (typeof value !== 'string' || value === '') throw clientError('CLIENT_OPTION', { option, expected: 'be a name', value: shown(value) })
}

/** A place in a partition: one that has a name, or one of the `kinds` that are numbered. @throws `CLIENT_OPTION` */
export function checkPlace(option: string, place: unknown, names: readonly string[], kinds: readonly ('offset' | 'timestampMs')[]): void {
  if (typeof place === 'string' && names.includes(place)) return
  if (typeof place === 'object' && place !== null) {
    const kind = kinds.find((each) => each in place)
    const value = kind === undefined ? undefined : (place as { readonly [K in typeof kind]?: unknown })[kind]
    // Below zero the protocol has names of its own for other places.
    if (Number.isSafeInteger(value) && (value as number) >= 0) return
  }
  const expected = `be ${[...names, ...kinds.map((kind) => `{ ${kind} } with a whole number`)].join(', or ')}`
  throw clientError('CLIENT_OPTION', { option, expected, value: shown(place) })
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value, { depth: 1, maxStringLength: 80 })
}
