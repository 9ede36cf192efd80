// The page about compatibility, made of stored results and of the code's own table of APIs.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { protocol } from '@millrace/log'
import { HANDLERS } from '../packages/log/src/broker/apis/index.ts'
import { clients } from './catalogue.ts'
import { readRun, type Result, type Run } from './results.ts'
import { scenarios, toolScenarios } from './scenarios.ts'

const here = import.meta.dirname
const marks = { pass: '✓', fail: '✗', skipped: '–' } as const

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

function text(of: string): string {
  return of.replaceAll('|', '\\|').replaceAll(/[<>]/g, '').replaceAll(/\s+/g, ' ').trim()
}

function resultOf({ results }: Run, client: string, scenario: string): Result | undefined {
  return results.find((result) => result.client === client && result.scenario === scenario)
}

function mark(run: Run, client: string, scenario: string): string {
  const result = resultOf(run, client, scenario)
  return result === undefined ? '?' : marks[result.result]
}

function versionsIn(run: Run): Map<string, string> {
  return new Map(run.results.map(({ client, version }) => [client, version]))
}

function clientSection(run: Run): string {
  const versions = versionsIn(run)
  const rows = clients.map(({ name, about }) => [name, versions.get(name) ?? 'not run', about])
  return table(['client', 'version', 'what it is'], rows)
}

function scenarioSection(run: Run): string {
  const names = clients.filter((client) => client.scenarios === undefined).map(({ name }) => name)
  const rows = Object.entries(scenarios).map(([scenario, about]) => [
    `\`${scenario}\`: ${about}`,
    ...names.map((name) => mark(run, name, scenario)),
  ])
  return table(['scenario', ...names], rows)
}

function toolSection(run: Run): string {
  return table(
    ['scenario', 'what is done', 'result'],
    Object.entries(toolScenarios).map(([scenario, about]) => [`\`${scenario}\``, about, mark(run, 'tools', scenario)]),
  )
}

function failureSection(run: Run, peer: Run | undefined): string {
  const failures = run.results.filter(({ result }) => result === 'fail')
  if (failures.length === 0) return 'Nothing.'
  return failures
    .map(({ client, scenario, reason = '' }) => {
      const there = peer === undefined ? undefined : resultOf(peer, client, scenario)
      const beside = there?.result === 'fail' ? ` It fails against ${peer!.header.broker} too: the client's own.` : ''
      return `- ${client}, \`${scenario}\`: ${text(reason)}.${beside}`
    })
    .join('\n')
}

/** Which clients skip what, by reason. */
function skipSection(run: Run): string {
  const byReason = new Map<string, string[]>()
  for (const { client, scenario, result, reason = '' } of run.results) {
    if (result !== 'skipped') continue
    const key = `${client}: ${text(reason)}`
    byReason.set(key, [...(byReason.get(key) ?? []), `\`${scenario}\``])
  }
  return [...byReason].map(([reason, names]) => `- ${reason} (${names.join(', ')})`).join('\n') || 'Nothing.'
}

function counts({ results }: Run): string {
  const count = (outcome: Result['result']): number => results.filter(({ result }) => result === outcome).length
  return `${count('pass')} pass, ${count('fail')} fail, ${count('skipped')} skipped`
}

function peerSection(run: Run, peer: Run): string {
  const differences = peer.results.filter((there) => {
    const here = resultOf(run, there.client, there.scenario)
    return here !== undefined && here.result !== there.result
  })
  const list = differences.map(({ client, scenario, result }) => {
    const ours = resultOf(run, client, scenario)!.result
    return `- ${client}, \`${scenario}\`: ${ours} here, ${result} there`
  })
  const same = 'Every scenario has the same result here and there.'
  return `The same programs ran against ${peer.header.broker} on ${peer.header.date}, so that it is known that they ask for the right thing: ${counts(peer)}. ${
    list.length === 0 ? same : `What differs:\n\n${list.join('\n')}`
  }`
}

function apiSection(): string {
  const rows = HANDLERS.map(({ key, minVersion, maxVersion }) => {
    const { name } = Object.values(protocol.APIS).find((api) => api.key === key)!
    return [String(key), name, minVersion === maxVersion ? String(minVersion) : `${minVersion} to ${maxVersion}`]
  })
  return table(
    ['key', 'API', 'versions'],
    rows.toSorted((a, b) => Number(a[0]) - Number(b[0])),
  )
}

/** The page of the reference. */
export function compatibilityPage(): string {
  const run = readRun(join(here, 'results.jsonl'))
  const peerPath = join(here, 'apache-kafka.jsonl')
  const peer = existsSync(peerPath) ? readRun(peerPath) : undefined
  return `# Compatibility with Apache Kafka

<!-- Written by \`npm run docs\` from clients/results.jsonl, which \`npm run clients\` makes; changes here are lost. -->

\`npm run clients\` starts a broker and lets the clients of Apache Kafka go through named scenarios against it. This is the run of ${run.header.date}
against ${run.header.broker}: ${counts(run)}. ✓ passes, ✗ fails, – is skipped.

## Clients

${clientSection(run)}

## Scenarios

${scenarioSection(run)}

\`across-read\` reads every topic that each of the other clients wrote in \`across-write\`: every client reads every codec of every other.

## Command-line tools of Apache Kafka

${toolSection(run)}

## What fails

${failureSection(run, peer)}

## What is skipped

${skipSection(run)}
${peer === undefined ? '' : `\n## Beside Apache Kafka\n\n${peerSection(run, peer)}\n`}
## APIs

These are served, and ApiVersions tells of them. A request of another API or version ends its connection, as in Apache Kafka; ApiVersions itself is answered with the versions there are.

${apiSection()}
`
}
