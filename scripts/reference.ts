// npm run docs: writes the pages of the reference that derive from the tables in the code. `reference.test.ts` checks that they are up to date.
import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { messagePattern, optionReference, type ErrorTable } from '@millrace/core'
import { engineOptionTable } from '@millrace/engine/options'
import { compatibilityPage } from '../clients/page.ts'
import { logOptionTable } from '../packages/cli/src/log-options.ts'
import { configurationReference } from '../packages/log/src/broker/config/reference.ts'
import { checkpointOptionsPage } from './checkpoint-options.ts'

const root = join(import.meta.dirname, '..')

const notice = '<!-- Written by `npm run docs` from the tables in the code; changes here are lost. -->'

function optionsPage(): string {
  return `# Options

${notice}

Each option can be set in four places; the first that sets it wins:

1. the job's own code, for \`checkpointing\` and \`restart\`: \`env.checkpointing.interval = '5s'\`;
2. a flag of the command line;
3. the environment;
4. the file \`millrace.yaml\` in the working folder, or the one that \`--config\` names: keys nested or with dots; \`<<:\` merges one mapping into another.

That is the command line. A program that calls \`execute\` or \`startJob\` gives them as \`options\`, and nothing else is looked at ([how](../guide/embedded.md)).

A key that no option has is an error, in every one of them. Durations are numbers with a unit (\`250ms\`, \`5s\`, \`10m\`, \`1h\`, \`7d\`), sizes with \`B\`, \`KiB\`, \`MiB\` or \`GiB\`; only 0 needs none. In code, and
there alone, a number is one of milliseconds or bytes. An option without a default is unset by \`none\`.

${optionReference({ ...engineOptionTable, ...logOptionTable })}`
}

/** The tables of errors by package: every factory that a file named `errors.ts` exports. */
async function errorTables(): Promise<Map<string, ErrorTable>> {
  const tables = new Map<string, ErrorTable>()
  for (const path of globSync('packages/*/src/**/errors.ts', { cwd: root }).toSorted()) {
    const exported = Object.values((await import(join(root, path))) as object)
    const name = path.split('/')[1]!
    for (const { table } of exported.filter(hasTable)) tables.set(name, { ...tables.get(name), ...table })
  }
  return tables
}

function hasTable(value: unknown): value is { readonly table: ErrorTable } {
  return typeof value === 'function' && 'table' in value
}

const actors = {
  user: 'you: the job or its options',
  operator: 'whoever runs the machine',
  bug: 'the authors of Millrace; please report it',
} as const

async function errorsPage(): Promise<string> {
  const sections = [...(await errorTables())].map(([name, table]) => {
    const entries = Object.entries(table)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([code, definition]) => {
        const { who, retry, final } = definition
        return `### \`${code}\`\n\n${codeSpan(messagePattern(definition))}\n\nTo act: ${actors[who]}.${retry ? ' Trying again may help.' : ''}${final === true ? ' A job that fails with it is not restarted.' : ''}\n`
      })
    return `## ${name}\n\n${entries.join('\n')}`
  })
  return `# Errors

${notice}

Every error has a stable code, in brackets at the end of its message and as \`error.code\`. \`error.who\` says who must act, \`error.retry\`
whether the same attempt may succeed later, \`error.final\` whether no restart of a job can mend it, \`error.details\` holds what stands in braces below, \`error.cause\` what was behind it.

${sections.join('\n')}`
}

/** Text as it is, whatever it means in Markdown. */
function codeSpan(text: string): string {
  const [fence, space] = text.includes('`') ? ['``', ' '] : ['`', '']
  return `${fence}${space}${text.replaceAll('\n', ' ')}${space}${fence}`
}

function logConfigurationsPage(): string {
  return `# Configurations of the log

${notice}

By the names of Apache Kafka, as text: \`Log.start({ dir, config: { 'num.partitions': '3' } })\`. A name that is not listed is an error. Those that are set for one broker or all can be changed
while it runs, by \`kafka-configs\` and every other admin client; topics and groups have configurations of their own. \`listener.name.<name in lower case>.\` before a name of TLS or SASL sets it for one listener.

${configurationReference()}`
}

/** The pages by path from the root of the repository. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['docs/reference/kafka-compatibility.md', compatibilityPage()],
    ['docs/reference/options.md', optionsPage()],
    ['docs/reference/checkpoints.md', checkpointOptionsPage(notice)],
    ['docs/reference/errors.md', await errorsPage()],
    ['docs/reference/log-configurations.md', logConfigurationsPage()],
  ])
}

if (import.meta.main) for (const [path, text] of await referencePages()) writeFileSync(join(root, path), text)
