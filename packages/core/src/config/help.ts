import { defaultOf, formatOption } from './parse.ts'
import { environmentNameOf, flagOf, type OptionDefinition, type OptionTable } from './table.ts'

/** What a command line needs to know of one option. */
export interface OptionFlag {
  readonly key: string
  /** With its placeholder: `-p, --parallelism <integer>`; a switch has none. */
  readonly syntax: string
  /** For switches that are on by default: `--no-crash-capsules`. */
  readonly negated: string | undefined
  /** Documentation, accepted values and default, in one line. */
  readonly description: string
}

/** The flags of a table, in its order. */
export function flagsOf(table: OptionTable): readonly OptionFlag[] {
  return Object.entries(table).map(([key, definition]) => {
    const flag = flagOf(key, definition)
    const short = definition.shortFlag === undefined ? '' : `-${definition.shortFlag}, `
    return {
      key,
      syntax: `${short}--${flag}${definition.type === 'boolean' ? '' : ` <${placeholder(definition)}>`}`,
      negated: definition.type === 'boolean' ? `--no-${flag}` : undefined,
      description: `${definition.documentation} (${describeDefault(definition)})`,
    }
  })
}

function placeholder(definition: OptionDefinition): string {
  return definition.type === 'enum' ? definition.values.join('|') : definition.type
}

/** As `default: 5s`, or what holds while the option is unset. */
export function describeDefault(definition: OptionDefinition): string {
  const value = defaultOf(definition)
  return value === undefined ? `default: ${definition.whenUnset ?? 'none'}` : `default: ${formatOption(definition, value)}`
}

/** The table as a page of the reference, in Markdown. */
export function optionReference(table: OptionTable): string {
  const groups = Map.groupBy(Object.entries(table), ([key]) => (key.includes('.') ? key.slice(0, key.indexOf('.')) : ''))
  const sections = [...groups].map(([group, options]) => {
    const heading = group === '' ? '## General' : `## ${group}`
    return [heading, ...options.map(([key, definition]) => optionSection(key, definition))].join('\n\n')
  })
  return `${sections.join('\n\n')}\n`
}

function optionSection(key: string, definition: OptionDefinition): string {
  const flag = `--${flagOf(key, definition)}`
  const short = definition.shortFlag === undefined ? '' : `, \`-${definition.shortFlag}\``
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Type', describeType(definition)],
    ['Default', describeDefault(definition).replace(/^default: /, '')],
    ['Flag', `\`${flag}\`${short}${definition.type === 'boolean' ? `, \`--no-${flag.slice(2)}\`` : ''}`],
    ['Environment', `\`${environmentNameOf(key)}\``],
    ['In Flink', definition.flink === undefined ? undefined : `\`${definition.flink}\``],
    ['While the job runs', definition.dynamic === true ? 'can be changed by `millrace config`' : undefined],
  ]
  const list = rows.flatMap(([name, text]) => (text === undefined ? [] : [`- ${name}: ${text}`]))
  return [`### \`${key}\``, definition.documentation, list.join('\n')].join('\n\n')
}

function describeType(definition: OptionDefinition): string {
  const { type } = definition
  if (type === 'enum') return definition.values.map((value) => `\`${value}\`${describeAliases(definition.aliases ?? {}, value)}`).join(', ')
  const ranged = type === 'duration' || type === 'bytes' || type === 'integer' || type === 'number'
  const range = ranged
    ? [
        ...(definition.min === undefined ? [] : [`at least ${definition.min}`]),
        ...(definition.max === undefined ? [] : [`at most ${definition.max}`]),
      ]
    : []
  return [type, ...(definition.unit === undefined ? [] : [definition.unit]), ...range].join(', ')
}

function describeAliases(aliases: { readonly [alias: string]: string }, value: string): string {
  const names = Object.keys(aliases).filter((alias) => aliases[alias] === value)
  return names.length === 0 ? '' : ` (also ${names.map((name) => `\`${name}\``).join(', ')})`
}
