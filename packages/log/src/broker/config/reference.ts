/** The page of the reference that the tables make. */
import { brokerConfigs } from './broker-configs.ts'
import type { ConfigDefinition, ConfigTable } from './definition.ts'
import { groupConfigNames, groupConfigs } from './group-config.ts'
import { topicConfigDefinition } from './topic-config.ts'
import { topicConfigNames, topicConfigs } from './topic-configs.ts'

const SCOPES = { 'read-only': 'at the start', 'per-broker': 'for one broker', 'cluster-wide': 'for one broker or all' } as const

/** In Markdown. */
export function configurationReference(): string {
  const broker = Object.entries<ConfigTable[string]>(brokerConfigs).map(
    ([name, definition]) =>
      `| \`${name}\` | ${typeOf(definition)} | ${defaultOf(definition)} | ${SCOPES[definition.scope ?? 'read-only']} | ${definition.documentation} |`,
  )
  const topic = topicConfigNames.map((name) => {
    const { broker: fallback, documentation } = topicConfigs[name]
    return `| \`${name}\` | ${typeOf(topicConfigDefinition(name))} | \`${fallback}\` | ${documentation} |`
  })
  const group = groupConfigNames.map((name) => `| \`${name}\` | \`${groupConfigs[name].broker}\` | ${groupConfigs[name].documentation} |`)
  return [
    section('Brokers', ['name', 'values', 'default', 'set', 'what it does'], broker),
    section('Topics', ['name', 'values', 'default: of the broker', 'what it does'], topic),
    section('Groups', ['name', 'default: of the broker', 'what it does'], group),
  ].join('\n')
}

function section(title: string, columns: readonly string[], rows: readonly string[]): string {
  return [`## ${title}`, '', `| ${columns.join(' | ')} |`, `|${columns.map(() => '---|').join('')}`, ...rows, ''].join('\n')
}

function typeOf({ type, min, max, values }: ConfigDefinition): string {
  if (values !== undefined) return `${type}: ${values.filter((value) => value !== '').join(', ')}`
  if (min !== undefined && max !== undefined) return `${type}, ${min} to ${max}`
  return min === undefined ? type : `${type}, from ${min}`
}

function defaultOf(definition: ConfigDefinition): string {
  const { default: text, synonyms = {} } = definition
  const [other] = Object.keys(synonyms)
  if (text !== null) return text === '' ? 'empty' : `\`${text}\``
  return other === undefined ? 'unset' : `\`${other}\``
}
