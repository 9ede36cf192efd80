import { isFileUrl, pathOfFileUrl } from '../file-urls.ts'
import { formatDuration, parseDuration } from '../durations.ts'
import { formatSize, parseSize } from '../sizes.ts'
import type { OptionDefinition } from './table.ts'

export type OptionValue = string | number | boolean

/** The value an option takes, or what it must be instead. */
export type Parsed = { readonly ok: true; readonly value: OptionValue } | { readonly ok: false; readonly expected: string }

/**
 * Reads one value of an option. Flags, environment and files give text; code and files may also give numbers and booleans.
 * Durations come out in milliseconds, sizes in bytes.
 */
export function parseOption(definition: OptionDefinition, given: unknown): Parsed {
  const value = readers[definition.type](given, definition)
  if (value === undefined) return { ok: false, expected: expectation(definition) }
  if (!withinRange(definition, value)) return { ok: false, expected: expectation(definition) }
  const problem = definition.validate?.(value)
  return problem === undefined ? { ok: true, value } : { ok: false, expected: problem }
}

/** An option's default as `parseOption` would give it. A table whose own default is invalid is a bug of its author. */
export function defaultOf(definition: OptionDefinition): OptionValue | undefined {
  if (definition.default === undefined) return undefined
  const parsed = parseOption(definition, definition.default)
  if (!parsed.ok) throw new TypeError(`the default ${String(definition.default)} must ${parsed.expected}`)
  return parsed.value
}

const readers: { readonly [T in OptionDefinition['type']]: (given: unknown, definition: OptionDefinition) => OptionValue | undefined } = {
  duration: (given) => parseDuration(unitOfNothing(given)),
  bytes: (given) => parseSize(unitOfNothing(given)),
  integer: (given) => readNumber(given, /^-?\d+$/, Number.isSafeInteger),
  number: (given) => readNumber(given, /^-?\d+(\.\d+)?$/, Number.isFinite),
  boolean: (given) => booleans.get(given),
  string: readText,
  path: readPath,
  enum: readEnum,
}

/** None of it is the same in every unit. */
function unitOfNothing(given: unknown): unknown {
  return given === '0' ? 0 : given
}

const booleans: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  ['true', true],
  ['1', true],
  [false, false],
  ['false', false],
  ['0', false],
])

/** As text only the digits that a person would write: `1e3` and `0x10` are more often another option's value, or a typing error, than meant. */
function readNumber(given: unknown, form: RegExp, accepts: (value: number) => boolean): number | undefined {
  const value = typeof given === 'string' && form.test(given) ? Number(given) : given
  return typeof value === 'number' && accepts(value) ? value : undefined
}

function readText(given: unknown): string | undefined {
  return typeof given === 'string' && given !== '' ? given : undefined
}

function readEnum(given: unknown, definition: OptionDefinition): string | undefined {
  if (definition.type !== 'enum') return undefined
  const { values, aliases = {} } = definition
  const name = given === false ? 'off' : given
  if (typeof name !== 'string') return undefined
  return Object.hasOwn(aliases, name) ? aliases[name] : values.find((value) => value === name)
}

/** Local paths may be written as `file:` URLs, as other systems have them in their configuration. */
function readPath(given: unknown): string | undefined {
  const text = readText(given)
  return text !== undefined && isFileUrl(text) ? pathOfFileUrl(text) : text
}

function withinRange(definition: OptionDefinition, value: OptionValue): boolean {
  if (!('min' in definition || 'max' in definition)) return true
  const [min, max] = [limit(definition, definition.min), limit(definition, definition.max)]
  return (min === undefined || (value as number) >= min) && (max === undefined || (value as number) <= max)
}

function limit(definition: OptionDefinition, bound: number | string | undefined): number | undefined {
  if (bound === undefined || typeof bound === 'number') return bound
  return definition.type === 'duration' ? parseDuration(bound) : parseSize(bound)
}

const forms: { readonly [T in OptionDefinition['type']]: string } = {
  duration: "be a duration like '250ms', '5s', '10m', '1h'",
  bytes: "be a size like '512B', '64KiB', '16MiB'",
  integer: 'be a whole number',
  number: 'be a number',
  boolean: 'be true or false',
  string: 'be a text that is not empty',
  path: "be a path like '/data', 'file:///data'",
  enum: '',
}

/** What an option accepts, after "must": "be a whole number, at least 1, at most 32768". */
export function expectation(definition: OptionDefinition): string {
  if (definition.type === 'enum') return `be one of ${definition.values.join(', ')}`
  const range = 'min' in definition || 'max' in definition ? describeRange(definition, definition.min, definition.max) : ''
  return `${forms[definition.type]}${range}`
}

function describeRange(definition: OptionDefinition, min: number | string | undefined, max: number | string | undefined): string {
  return [
    min === undefined ? '' : `, at least ${formatBound(definition, min)}`,
    max === undefined ? '' : `, at most ${formatBound(definition, max)}`,
  ].join('')
}

function formatBound(definition: OptionDefinition, bound: number | string): string {
  return typeof bound === 'number' ? formatOption(definition, bound) : bound
}

/** A value as a user would write it: `5000` of a duration is `5s`. */
export function formatOption(definition: OptionDefinition, value: OptionValue): string {
  if (typeof value === 'number' && definition.type === 'duration') return formatDuration(value)
  return typeof value === 'number' && definition.type === 'bytes' ? formatSize(value) : String(value)
}
