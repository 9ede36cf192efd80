import { resolve } from 'node:path'
import {
  flagsOf,
  isFileUrl,
  nodeDisk,
  overrideOptions,
  pathOfFileUrl,
  readConfigFile,
  resolveOptions,
  type OptionFlag,
  type OptionValues,
} from '@millrace/core'
import { engineOptionTable, type ResolvedEngineOptions } from '@millrace/engine/options'
import { cliError } from './errors.ts'
import { logOptionTable, type LogOptionTable } from './log-options.ts'
import type { CommandIo } from './terminal.ts'

/** What a parsed command line holds, by the names commander gives. */
export type ParsedFlags = { readonly [attribute: string]: unknown }

export const engineFlags: readonly OptionFlag[] = flagsOf(engineOptionTable)
export const logFlags: readonly OptionFlag[] = flagsOf(logOptionTable)

const optionTable = { ...engineOptionTable, ...logOptionTable } as const

/** Settings by Kafka's names, which have no place in a table of ours: mappings of the configuration file. */
const kafkaSections = ['broker', 'client'] as const

export interface LogSettings {
  readonly options: OptionValues<LogOptionTable>
  /** `broker.config` of the file, then `--config`. */
  readonly brokerConfig: Readonly<Record<string, string>>
  /** `client.config` of the file, then `--client-config`. */
  readonly clientConfig: Readonly<Record<string, string>>
}

/** The name under which commander keeps a flag: `--checkpoint-interval` is `checkpointInterval`. */
function attributeOf(flag: OptionFlag): string {
  const name = /--([\w-]+)/.exec(flag.syntax)![1]!
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** The options of the engine, from flags, environment and `millrace.yaml`; the job's own come on top later. */
export async function resolveSettings(io: CommandIo, flags: ParsedFlags): Promise<ResolvedEngineOptions> {
  const { content, path } = await configFile(io, flags['config'])
  const resolved = resolveOptions(optionTable, {
    flags: givenFlags(engineFlags, flags),
    environment: io.environment,
    file: { path, content: withoutKafka(content) },
  })
  const { values, origins } = overrideOptions(engineOptionTable, resolved as unknown as ResolvedEngineOptions, undefined)
  return { values, origins: Object.fromEntries(Object.entries(origins).filter(([key]) => Object.hasOwn(engineOptionTable, key))) }
}

/** The options of the log's commands, from the same places. `kafka` are `NAME=VALUE` of the command line. */
export async function resolveLogSettings(io: CommandIo, flags: ParsedFlags, file: unknown): Promise<LogSettings> {
  const { content, path } = await configFile(io, file)
  const { values } = resolveOptions(optionTable, {
    flags: givenFlags(logFlags, flags),
    environment: io.environment,
    file: { path, content: withoutKafka(content) },
  })
  const { broker, client } = values
  return {
    options: { broker, client },
    brokerConfig: { ...kafkaConfig(content, path, 'broker'), ...readPairs('--config', flags['config']) },
    clientConfig: { ...kafkaConfig(content, path, 'client'), ...readPairs('--client-config', flags['clientConfig']) },
  }
}

/** `['a=1', 'b=x=y']` is `{ a: '1', b: 'x=y' }`. @throws CLI_PAIR_MALFORMED, CLI_PAIR_TWICE */
export function readPairs(flag: string, texts: unknown): Readonly<Record<string, string>> {
  const pairs = readPairList(flag, texts)
  const twice = pairs.find(([name], at) => pairs.findIndex((other) => other[0] === name) < at)
  if (twice !== undefined) throw cliError('CLI_PAIR_TWICE', { flag, name: twice[0] })
  return Object.fromEntries(pairs)
}

/** As they are given: a name may be there more than once. @throws CLI_PAIR_MALFORMED */
export function readPairList(flag: string, texts: unknown): readonly (readonly [name: string, value: string])[] {
  if (!Array.isArray(texts)) return []
  return (texts as readonly string[]).map((text) => {
    const at = text.indexOf('=')
    if (at <= 0) throw cliError('CLI_PAIR_MALFORMED', { flag, text })
    return [text.slice(0, at), text.slice(at + 1)]
  })
}

/**
 * A folder of the command line, absolute, or the URL of a store.
 *
 * @throws CLI_ARGUMENT where it is empty: a variable of the shell that is not set, mostly; or a `file:` URL that names no path
 */
export function placeOf(io: CommandIo, text: string): string {
  if (text === '') throw cliError('CLI_ARGUMENT', { flag: 'a folder', expected: 'be named', value: 'empty' })
  const path = isFileUrl(text) ? pathOfFileUrl(text) : text
  if (path === undefined)
    throw cliError('CLI_ARGUMENT', {
      flag: 'a file: URL',
      expected: 'name an absolute path of this machine, as file:///data does',
      value: text,
    })
  return path.includes('://') ? path : resolve(io.cwd, path)
}

/** A file of the command line, absolute. @throws CLI_ARGUMENT where it is empty, which would otherwise be the working folder */
export function fileOf(io: CommandIo, text: string): string {
  if (text === '') throw cliError('CLI_ARGUMENT', { flag: 'a file', expected: 'be named', value: 'empty' })
  return resolve(io.cwd, text)
}

interface ReadFile {
  readonly path: string
  readonly content: unknown
}

async function configFile(io: CommandIo, named: unknown): Promise<ReadFile> {
  const path = typeof named === 'string' ? named : 'millrace.yaml'
  const file = await readConfigFile(nodeDisk, fileOf(io, path), typeof named !== 'string')
  if (file === undefined) await checkOtherEnding(io)
  return { path, content: file?.content }
}

/** The other usual ending of such files: its settings would be silently missing. */
async function checkOtherEnding(io: CommandIo): Promise<void> {
  const other = 'millrace.yml'
  const isThere = await nodeDisk.stat(resolve(io.cwd, other)).then(
    () => true,
    () => false,
  )
  if (isThere) throw cliError('CLI_CONFIG_NAME', { path: other })
}

function givenFlags(known: readonly OptionFlag[], flags: ParsedFlags): { readonly [key: string]: string | boolean | undefined } {
  return Object.fromEntries(known.map((flag) => [flag.key, flags[attributeOf(flag)] as string | boolean | undefined] as const))
}

/** The file without the settings by Kafka's names. */
function withoutKafka(content: unknown): unknown {
  if (!isMapping(content)) return content
  const left: Record<string, unknown> = { ...content }
  for (const name of kafkaSections) {
    const section = left[name]
    if (isMapping(section)) left[name] = Object.fromEntries(Object.entries(section).filter(([key]) => key !== 'config'))
  }
  return left
}

function kafkaConfig(content: unknown, path: string, name: (typeof kafkaSections)[number]): Readonly<Record<string, string>> {
  const section = isMapping(content) ? content[name] : undefined
  const config = isMapping(section) ? section['config'] : undefined
  if (config === undefined || config === null) return {}
  if (!isMapping(config)) throw cliError('CLI_CONFIG_NO_MAPPING', { path, key: `${name}.config` })
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      if (typeof value === 'object') throw cliError('CLI_CONFIG_NO_MAPPING', { path, key: `${name}.config.${key}` })
      return [key, `${value as string | number | boolean}`]
    }),
  )
}

function isMapping(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
