/** What is known of a configuration: its entry in one of the tables, and how its text is read. */

/** As DescribeConfigs numbers them. */
export const CONFIG_TYPE = { boolean: 1, string: 2, int: 3, short: 4, long: 5, double: 6, list: 7, class: 8, password: 9 } as const

export type ConfigType = keyof typeof CONFIG_TYPE

/**
 * Where it may be changed while the broker runs: nowhere, for one broker, or for one or all of them.
 */
export type ConfigScope = 'read-only' | 'per-broker' | 'cluster-wide'

export interface ConfigDefinition {
  readonly type: ConfigType
  /** As text; null: unset. */
  readonly default: string | null
  readonly documentation: string
  /** Read-only by default. */
  readonly scope?: ConfigScope
  readonly min?: number
  readonly max?: number
  /** A number between the limits that is none. */
  readonly except?: number
  /** What a string, or each part of a list, may be. */
  readonly values?: readonly string[]
  /** Whether a list must have a part. */
  readonly notEmpty?: true
  /** Other names that set the same, in the order in which they count after this one, and what they are multiplied by. */
  readonly synonyms?: { readonly [name: string]: number }
}

export type ConfigTable = { readonly [name: string]: ConfigDefinition }

type ValueOfType<T extends ConfigType> = T extends 'boolean'
  ? boolean
  : T extends 'int' | 'short' | 'long' | 'double'
    ? number
    : T extends 'list'
      ? readonly string[]
      : string

/** What a configuration's text means; undefined while it is unset. */
export type ConfigValue<D extends ConfigDefinition> = D['default'] extends string
  ? ValueOfType<D['type']>
  : ValueOfType<D['type']> | undefined

export type AnyConfigValue = boolean | number | string | readonly string[]

const LIMITS = {
  int: [-2_147_483_648n, 2_147_483_647n],
  short: [-32_768n, 32_767n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
} as const

/** The text's meaning. Above the safe integers there is no difference to be told. */
export function parseConfig(definition: ConfigDefinition, text: string): { readonly value: AnyConfigValue } | { readonly problem: string } {
  const trimmed = text.trim()
  switch (definition.type) {
    case 'boolean':
      return /^(true|false)$/i.test(trimmed) ? { value: trimmed.toLowerCase() === 'true' } : { problem: 'it is true or false' }
    case 'int':
    case 'short':
    case 'long': {
      const [from, to] = LIMITS[definition.type]
      if (!/^[+-]?\d{1,19}$/.test(trimmed) || BigInt(trimmed) < from || BigInt(trimmed) > to) {
        return { problem: `it is a number of type ${definition.type}` }
      }
      return inRange(definition, Math.max(Math.min(Number(trimmed), Number.MAX_SAFE_INTEGER), -Number.MAX_SAFE_INTEGER))
    }
    case 'double': {
      const value = trimmed === '' ? Number.NaN : Number(trimmed)
      return Number.isNaN(value) ? { problem: 'it is a number' } : inRange(definition, value)
    }
    case 'list': {
      const parts = trimmed === '' ? [] : trimmed.split(',').map((part) => part.trim())
      const unknown = parts.find((part) => definition.values?.includes(part) === false)
      if (unknown !== undefined) return { problem: `${unknown} is none of ${definition.values!.join(', ')}` }
      return parts.length === 0 && definition.notEmpty === true ? { problem: 'it may not be empty' } : { value: parts }
    }
    case 'string':
    case 'class':
    case 'password':
      if (definition.values?.includes(trimmed) === false) return { problem: `it is one of ${definition.values.join(', ')}` }
      return { value: definition.type === 'password' ? text : trimmed }
  }
}

function inRange({ min, max, except }: ConfigDefinition, value: number): { readonly value: number } | { readonly problem: string } {
  if (min !== undefined && value < min) return { problem: `it is at least ${min}` }
  if (max !== undefined && value > max) return { problem: `it is at most ${max}` }
  if (value === except) return { problem: `it is not ${except}` }
  return { value }
}
