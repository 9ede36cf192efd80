import { inspect } from 'node:util'
import { configError } from './errors.ts'
import { nearestName } from './nearest.ts'
import { defaultOf, formatOption, parseOption, type OptionValue } from './parse.ts'
import { environmentNameOf, flagOf, type OptionInput, type OptionTable, type OptionValues } from './table.ts'

/** Where a value came from, for people: `the default`, `millrace.yaml`, `MILLRACE_PARALLELISM`, `--parallelism`, `the job`. */
export type OptionOrigins = { readonly [key: string]: string }

/** Options with every layer merged, frozen plain data that can cross threads. */
export interface ResolvedOptions<T extends OptionTable> {
  /** Nested by their keys; durations in milliseconds, sizes in bytes. */
  readonly values: OptionValues<T>
  /** By dotted key. */
  readonly origins: OptionOrigins
}

/** The sources of options, from the strongest to the weakest: code, flags, environment, file; the defaults are below all. */
export interface OptionLayers<T extends OptionTable> {
  readonly code?: OptionInput<T> | undefined
  /** Texts and switches by dotted key. */
  readonly flags?: { readonly [key: string]: string | boolean | undefined } | undefined
  /** The process's environment; only names that begin with `MILLRACE_` are looked at. */
  readonly environment?: { readonly [name: string]: string | undefined } | undefined
  readonly file?: { readonly path: string; readonly content: unknown } | undefined
}

/**
 * Merges the layers. A key or a `MILLRACE_` name that no option has is an error that names the nearest.
 *
 * @throws OPTION_UNKNOWN, OPTION_INVALID, OPTION_TWICE
 */
export function resolveOptions<const T extends OptionTable>(table: T, layers: OptionLayers<T>): ResolvedOptions<T> {
  const state: Merging = { values: new Map(), origins: new Map() }
  for (const [key, definition] of Object.entries(table)) {
    state.values.set(key, defaultOf(definition))
    state.origins.set(key, 'the default')
  }
  mergeFile(table, state, layers.file)
  mergeEnvironment(table, state, layers.environment)
  mergeFlags(table, state, layers.flags)
  mergeNested(table, state, layers.code, 'the job')
  return finish(state)
}

/** Options that the job's code sets, over options resolved before the code was loaded. */
export function overrideOptions<const T extends OptionTable>(
  table: T,
  resolved: ResolvedOptions<T>,
  code: OptionInput<T> | undefined,
): ResolvedOptions<T> {
  const state: Merging = { values: flatten(table, resolved.values), origins: new Map(Object.entries(resolved.origins)) }
  mergeNested(table, state, code, 'the job')
  return finish(state)
}

/**
 * Options changed while they are in use: all of these, or none. Values are texts, as on the command line; `none` unsets.
 *
 * @throws OPTION_UNKNOWN, OPTION_INVALID, OPTION_FIXED
 */
export function changeOptions<const T extends OptionTable>(
  table: T,
  resolved: ResolvedOptions<T>,
  changes: { readonly [key: string]: string },
  where: string,
): ResolvedOptions<T> {
  const state: Merging = { values: flatten(table, resolved.values), origins: new Map(Object.entries(resolved.origins)) }
  for (const [key, text] of Object.entries(changes)) {
    const definition = Object.hasOwn(table, key) ? table[key] : undefined
    if (definition === undefined) throw unknown(key, Object.keys(table), where)
    if (definition.dynamic !== true) throw configError('OPTION_FIXED', { where, key })
    set(table, state, key, text, where)
  }
  return finish(state)
}

/** One option as it stands, for people. */
export interface OptionState {
  readonly key: string
  /** As a user would write it; undefined: it is unset. */
  readonly value: string | undefined
  readonly origin: string
  readonly dynamic: boolean
}

/** Every option in the order of the table. */
export function describeOptions<const T extends OptionTable>(table: T, { values, origins }: ResolvedOptions<T>): readonly OptionState[] {
  const flat = flatten(table, values)
  return Object.entries(table as OptionTable).map(([key, definition]) => {
    const value = flat.get(key)
    const origin = origins[key] ?? 'the default'
    return { key, value: value === undefined ? undefined : formatOption(definition, value), origin, dynamic: definition.dynamic === true }
  })
}

interface Merging {
  readonly values: Map<string, OptionValue | undefined>
  readonly origins: Map<string, string>
}

function mergeFile(table: OptionTable, state: Merging, file: OptionLayers<OptionTable>['file']): void {
  if (file === undefined || file.content === undefined || file.content === null) return
  if (!isRecord(file.content)) {
    throw configError('CONFIG_FILE_MALFORMED', { path: file.path, problem: 'it is not a mapping of options' })
  }
  mergeNested(table, state, file.content, file.path, asText)
}

/** In a file `interval: 5` says no more than on the command line: 5 of what? Only in code is a number one of milliseconds or bytes. */
function asText({ type }: OptionTable[string], given: unknown): unknown {
  return typeof given === 'number' && (type === 'duration' || type === 'bytes') ? String(given) : given
}

/** Kubernetes adds these to the environment of every container beside a service of the same name. */
const serviceName = /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP)(_|$)/
const serviceAddress = /^(tcp|udp):\/\//

function mergeEnvironment(table: OptionTable, state: Merging, environment: OptionLayers<OptionTable>['environment']): void {
  const keys = new Map(Object.keys(table).map((key) => [environmentNameOf(key), key]))
  for (const [name, text] of Object.entries(environment ?? {})) {
    if (!name.startsWith('MILLRACE_') || text === undefined) continue
    const key = keys.get(name)
    if (key !== undefined) set(table, state, key, text, name)
    else if (!serviceName.test(name) && !serviceAddress.test(text)) throw unknown(name, keys.keys(), 'the environment')
  }
}

function mergeFlags(table: OptionTable, state: Merging, flags: OptionLayers<OptionTable>['flags']): void {
  for (const [key, given] of Object.entries(flags ?? {})) {
    if (given === undefined) continue
    const definition = Object.hasOwn(table, key) ? table[key] : undefined
    if (definition === undefined) throw unknown(key, Object.keys(table), 'the command line')
    set(table, state, key, given, `--${flagOf(key, definition)}`)
  }
}

/** Objects whose members are options or further such objects; a member's name may also hold dots. */
function mergeNested(
  table: OptionTable,
  state: Merging,
  given: unknown,
  where: string,
  read: (definition: OptionTable[string], given: unknown) => unknown = (_, value) => value,
): void {
  const seen = new Set<string>()
  const visit = (node: object, prefix: string): void => {
    for (const [name, value] of Object.entries(node)) {
      const key = `${prefix}${name}`
      if (value === undefined) continue
      if (Object.hasOwn(table, key)) {
        if (seen.has(key)) throw configError('OPTION_TWICE', { where, key })
        seen.add(key)
        set(table, state, key, read(table[key]!, value), where)
        continue
      }
      const members = membersOf(key, Object.keys(table))
      if (members.length === 0) throw unknown(key, Object.keys(table), where)
      if (isRecord(value)) visit(value, `${key}.`)
      // `checkpointing:` with nothing under it, as where all lines of a section are comments.
      else if (value !== null) throw configError('OPTION_INVALID', { where, key, expected: `be ${sectionOf(members)}`, value: show(value) })
    }
  }
  if (isRecord(given)) visit(given, '')
}

/** Text that unsets an option which has no default. */
const unset = 'none'

function set(table: OptionTable, state: Merging, key: string, given: unknown, where: string): void {
  const definition = table[key]!
  const unsets = definition.default === undefined && (given === null || (given === unset && !accepts(definition, unset)))
  if (!unsets) {
    const parsed = parseOption(definition, given)
    if (!parsed.ok) {
      const orNone = definition.default === undefined && !accepts(definition, unset) ? ', or none' : ''
      throw configError('OPTION_INVALID', { where, key, expected: parsed.expected + orNone, value: show(given) })
    }
    state.values.set(key, parsed.value)
  } else state.values.set(key, undefined)
  state.origins.set(key, where)
}

function accepts(definition: OptionTable[string], text: string): boolean {
  return definition.type === 'enum' && definition.values.includes(text)
}

function unknown(name: string, names: Iterable<string>, where: string): Error {
  const known = [...names]
  const members = membersOf(name, known)
  const nearest = nearestName(name, known)
  const hint = members.length > 0 ? `, which is ${sectionOf(members)}` : nearest === undefined ? '' : `; did you mean "${nearest}"?`
  return configError('OPTION_UNKNOWN', { where, name, hint })
}

/** The options of a section: none if the name is not that of one. */
function membersOf(section: string, names: readonly string[]): readonly string[] {
  return names.filter((name) => name.startsWith(`${section}.`))
}

/** What a section is. */
function sectionOf(members: readonly string[]): string {
  return `a section with options in it: ${members.slice(0, 3).join(', ')}${members.length > 3 ? ', …' : ''}`
}

function show(given: unknown): string {
  const text = inspect(given, { depth: 1, breakLength: Infinity })
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

function isRecord(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function flatten(table: OptionTable, values: unknown): Map<string, OptionValue | undefined> {
  const at = (key: string): unknown => key.split('.').reduce((node, name) => (node as { [name: string]: unknown })[name], values)
  return new Map(Object.keys(table).map((key) => [key, at(key) as OptionValue | undefined]))
}

function finish<T extends OptionTable>(state: Merging): ResolvedOptions<T> {
  const root: Tree = {}
  for (const [key, value] of state.values) {
    const names = key.split('.')
    const last = names.pop()!
    const node = names.reduce<Tree>((tree, name) => (tree[name] ??= {}) as Tree, root)
    node[last] = value
  }
  return Object.freeze({ values: freeze(root) as OptionValues<T>, origins: Object.freeze(Object.fromEntries(state.origins)) })
}

interface Tree {
  [name: string]: Tree | OptionValue | undefined
}

function freeze(tree: Tree): Tree {
  for (const child of Object.values(tree)) if (typeof child === 'object') freeze(child)
  return Object.freeze(tree)
}
