import { inspect } from 'node:util'
import { nearestName } from '@millrace/core'
import { engineError } from '../errors.ts'

/**
 * Refuses options that there are not: Node runs TypeScript without checking it, and a name that is misspelled would do nothing, silently.
 *
 * @throws ARGUMENT_INVALID
 */
export function checkOptions(call: string, options: unknown, names: readonly string[]): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null) {
    const value = inspect(options, { depth: 0, maxStringLength: 80 })
    throw engineError('ARGUMENT_INVALID', { call, argument: 'the last argument', expected: 'an object of options', value })
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return
  const expected = `one of ${names.join(', ')}`
  throw engineError('ARGUMENT_INVALID', { call, argument: 'an option', expected, value: `${unknown}${didYouMean(unknown, names)}` })
}

/** The end of a message about a name that there is not. */
export function didYouMean(name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names)
  return nearest === undefined ? '' : `; did you mean ${nearest}?`
}
