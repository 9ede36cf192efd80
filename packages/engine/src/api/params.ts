import { inspect } from 'node:util'
import { nearestName } from '@millrace/core'
import { engineError } from '../errors.ts'

/** What a parameter of a job may be; numbers are finite. */
export type ParamValue = string | number | boolean

/** Parameters of a job by name; their defaults say their types. */
export type Params = { readonly [name: string]: ParamValue }

type WidenParam<V> = V extends string ? string : V extends number ? number : V extends boolean ? boolean : never

/** What a job's build function gets for the defaults it declared: `'eu'` becomes `string`, `8` becomes `number`. */
export type WidenParams<P extends Params> = { readonly [N in keyof P]: WidenParam<P[N]> }

const paramName = /^[A-Za-z][A-Za-z0-9_-]{0,127}$/

/** @throws PARAM_INVALID */
export function checkDefaults(job: string, defaults: Params): void {
  for (const [param, value] of Object.entries(defaults)) {
    if (!paramName.test(param)) {
      throw engineError('PARAM_INVALID', { job, param, expected: 'named by letters, digits, _ and -', value: JSON.stringify(param) })
    }
    if (!isParamValue(value)) {
      throw engineError('PARAM_INVALID', {
        job,
        param,
        expected: 'a string, a finite number or a boolean',
        value: inspect(value, { depth: 0 }),
      })
    }
  }
}

/**
 * The defaults with what is overridden, frozen.
 *
 * @throws PARAM_UNKNOWN, PARAM_INVALID
 */
export function resolveParams(job: string, defaults: Params, given: { readonly [name: string]: unknown } = {}): Params {
  const overrides = Object.entries(given).filter(([, value]) => value !== undefined)
  for (const [param, value] of overrides) {
    const expected = typeof defaultOf(job, defaults, param)
    // oxlint-disable-next-line valid-typeof
    if (typeof value !== expected || !isParamValue(value)) throw wrongType(job, param, expected, value)
  }
  return Object.freeze({ ...defaults, ...(Object.fromEntries(overrides) as Params) })
}

/**
 * Parameters as text, from a command line, as values of the types of their defaults.
 *
 * @throws PARAM_UNKNOWN, PARAM_INVALID
 */
export function parseParams(job: { readonly name: string; readonly params: Params }, texts: { readonly [name: string]: string }): Params {
  const parsed: { [name: string]: ParamValue } = {}
  for (const [param, text] of Object.entries(texts)) {
    const kind = typeof defaultOf(job.name, job.params, param) as 'string' | 'number' | 'boolean'
    const value = readers[kind](text)
    if (value === undefined) throw wrongType(job.name, param, kind, text)
    parsed[param] = value
  }
  return parsed
}

const readers: { readonly [kind in 'string' | 'number' | 'boolean']: (text: string) => ParamValue | undefined } = {
  string: (text) => text,
  number: (text) => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : undefined),
  boolean: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
}

function defaultOf(job: string, defaults: Params, param: string): ParamValue {
  if (Object.hasOwn(defaults, param)) return defaults[param]!
  const nearest = nearestName(param, Object.keys(defaults))
  throw engineError('PARAM_UNKNOWN', { job, param, hint: nearest === undefined ? '' : `; did you mean "${nearest}"?` })
}

function wrongType(job: string, param: string, kind: string, value: unknown): Error {
  const expected = kind === 'boolean' ? 'true or false' : kind === 'number' ? 'a finite number' : 'a string'
  return engineError('PARAM_INVALID', { job, param, expected, value: inspect(value, { depth: 0 }) })
}

function isParamValue(value: unknown): value is ParamValue {
  return typeof value === 'string' || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))
}
