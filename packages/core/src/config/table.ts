import type { Duration } from '../durations.ts'
import type { Size } from '../sizes.ts'

/**
 * Options as one declarative table, from which everything else derives: the TypeScript type, parsing in every layer, flags,
 * environment names, keys of the configuration file, help texts, and the reference page.
 */
export type OptionTable = { readonly [key: string]: OptionDefinition }

/** One option. Its key is dotted (`checkpointing.minPause`); an option without a default is unset until someone sets it. */
export type OptionDefinition = Described &
  (
    | { readonly type: 'duration'; readonly default?: Duration; readonly min?: Duration; readonly max?: Duration }
    | { readonly type: 'bytes'; readonly default?: Size; readonly min?: Size; readonly max?: Size }
    | { readonly type: 'integer' | 'number'; readonly default?: number; readonly min?: number; readonly max?: number }
    | { readonly type: 'boolean'; readonly default?: boolean }
    | { readonly type: 'string' | 'path'; readonly default?: string }
    | {
        readonly type: 'enum'
        readonly values: readonly string[]
        readonly default?: string
        /** Other names of values. Who has `off` among them has `false` as well: what YAML 1.1 makes of a bare `off`. */
        readonly aliases?: { readonly [alias: string]: string }
      }
  )

interface Described {
  /** One or two sentences: what it does, for the help and the reference. */
  readonly documentation: string
  /** What holds while it is unset; only for options without a default. */
  readonly whenUnset?: string
  /** What the number counts, where the type does not say it: 'subtasks', 'checkpoints'. */
  readonly unit?: string
  /** The command-line flag, without dashes, where it is not the key in kebab case. */
  readonly flag?: string
  /** One letter. */
  readonly shortFlag?: string
  /** The name of the same option in Apache Flink. */
  readonly flink?: string
  /** It can be changed while the job runs, by `millrace config`. */
  readonly dynamic?: true
  /** Checks beyond the type: answers what is wrong, after "must". */
  readonly validate?: (value: unknown) => string | undefined
}

type ValueOfType<D extends OptionDefinition> = D extends { readonly type: 'duration' | 'bytes' | 'integer' | 'number' }
  ? number
  : D extends { readonly type: 'boolean' }
    ? boolean
    : D extends { readonly type: 'enum'; readonly values: readonly (infer V)[] }
      ? V
      : string

type ResolvedValue<D> = D extends OptionDefinition
  ? D extends { readonly default: string | number | boolean }
    ? ValueOfType<D>
    : ValueOfType<D> | undefined
  : never

type InputValue<D> = D extends OptionDefinition
  ?
      | (D extends { readonly type: 'duration' } ? Duration : D extends { readonly type: 'bytes' } ? Size : ValueOfType<D>)
      | (D extends { readonly type: 'enum'; readonly aliases: infer A } ? keyof A & string : never)
      | undefined
  : never

type Head<Key> = Key extends `${infer First}.${string}` ? First : Key
type Under<T, First extends string> = { readonly [Key in keyof T as Key extends `${First}.${infer Rest}` ? Rest : never]: T[Key] }

/** The options of a table once all layers are merged: nested by the dots of the keys; durations in milliseconds, sizes in bytes. */
export type OptionValues<T> = {
  readonly [First in Head<keyof T> & string]: First extends keyof T ? ResolvedValue<T[First]> : OptionValues<Under<T, First>>
}

/** What code may set of a table: nested by the dots of the keys, all of it optional. */
export type OptionInput<T> = {
  readonly [First in Head<keyof T> & string]?: (First extends keyof T ? InputValue<T[First]> : OptionInput<Under<T, First>>) | undefined
}

const words = (key: string, between: string): string => key.replace(/\.|(?<=[a-z0-9])(?=[A-Z])/g, between)

/** `checkpointing.minPause` is `--checkpointing-min-pause`, unless the table says otherwise; without the dashes. */
export function flagOf(key: string, definition: OptionDefinition): string {
  return definition.flag ?? words(key, '-').toLowerCase()
}

/** `checkpointing.minPause` is `MILLRACE_CHECKPOINTING_MIN_PAUSE`. */
export function environmentNameOf(key: string): string {
  return `MILLRACE_${words(key, '_').toUpperCase()}`
}
