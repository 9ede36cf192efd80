import { nearestName } from './nearest.ts'

/** The names of all options of a call, written out once: the compiler says when one is missing. */
export type OptionNames<O> = { readonly [name in keyof Required<O>]: true }

/** An option that there is not. */
export interface UnknownOption {
  readonly option: string
  /** Those that there are. */
  readonly known: readonly string[]
  /** What was meant, perhaps. */
  readonly nearest: string | undefined
}

/** The first of the options that there is not: Node runs TypeScript without checking it, and a name that is misspelled would do nothing, silently. Undefined: there are all. */
export function unknownOption<O extends object>(
  options: O,
  names: { readonly [name in keyof Required<O>]: unknown },
): UnknownOption | undefined {
  const option = Object.keys(options).find((name) => !Object.hasOwn(names, name))
  if (option === undefined) return undefined
  const known = Object.keys(names)
  return { option, known, nearest: nearestName(option, known) }
}
