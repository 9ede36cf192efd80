// npm run clients: every client of the catalogue goes through every scenario, against our broker or another.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, styleText } from 'node:util'
import { brokerElsewhere, ownBroker, type BrokerUnderTest } from './broker-under-test.ts'
import { hasCommand } from './cache.ts'
import { Capture } from './capture.ts'
import { clients, type Client, type Program } from './catalogue.ts'
import { runProgram } from './program.ts'
import { writeRun, type Answer, type Result } from './results.ts'
import { scenarioNames } from './scenarios.ts'

const usage = `npm run clients -- [options]

  --only A,B           these clients alone (${clients.map(({ name }) => name).join(', ')})
  --scenarios A,B      these scenarios alone (all are listed in clients/scenarios.ts)
  --bootstrap H:P      another broker than ours
  --dir DIR            the log directory of that broker, which some tools read
  --broker NAME        what that broker is, for the header of the results
  --save FILE          where results are kept (clients/results.jsonl after a whole run against our broker)
  --capture FILE       keeps a few frames of every API and version, of our broker's traffic
  --json               prints results as lines of JSON`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    scenarios: { type: 'string' },
    bootstrap: { type: 'string' },
    dir: { type: 'string' },
    broker: { type: 'string' },
    save: { type: 'string' },
    capture: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (options.help) {
  console.log(usage)
  process.exit(0)
}

/** @throws for a name that there is not */
function chosen(asked: string | undefined, all: readonly string[]): readonly string[] {
  const names = asked?.split(',') ?? all
  const unknown = names.find((name) => !all.includes(name))
  if (unknown !== undefined) throw new Error(`there is no ${unknown}\n\n${usage}`)
  return all.filter((name) => names.includes(name))
}

const marks = { pass: styleText('green', '✓'), fail: styleText('red', '✗'), skipped: styleText('yellow', '–') }

function report(result: Result): void {
  const { client, scenario, result: outcome, ms, reason } = result
  if (options.json) console.log(JSON.stringify(result))
  else
    console.log(
      `${marks[outcome]} ${client.padEnd(15)} ${scenario.padEnd(28)} ${ms === undefined ? '' : `${ms} ms`.padStart(9)}  ${reason ?? ''}`,
    )
}

/** Installs a client. @returns the program, or why there is none */
async function programOf({ needs, prepare }: Client): Promise<Program | string> {
  const missing = needs.filter((command) => !hasCommand(command))
  if (missing.length > 0) return `this machine has no ${missing.join(', ')}`
  try {
    return await prepare()
  } catch (error) {
    return `it could not be installed: ${(error as Error).message}`
  }
}

async function matrix(broker: BrokerUnderTest, names: readonly string[], scenarios: readonly string[]): Promise<readonly Result[]> {
  const results: Result[] = []
  const run = `m${Date.now().toString(36)}`
  const dir = broker.dir === undefined ? {} : { MATRIX_DIR: broker.dir }

  async function go(
    { name, version }: Client,
    program: Program | string,
    asked: readonly string[],
    env: Record<string, string>,
  ): Promise<void> {
    const record = (answer: Answer): void => {
      const result = { client: name, version, ...answer }
      results.push(result)
      report(result)
    }
    if (typeof program === 'string') for (const scenario of asked) record({ scenario, result: 'skipped', reason: program })
    else
      await runProgram(
        {
          program,
          bootstrap: capture === undefined ? broker.bootstrap : `127.0.0.1:${capture.port}`,
          run,
          client: name,
          scenarios: asked,
          env: { ...dir, ...env },
        },
        record,
      )
  }

  const programs = new Map<Client, Program | string>()
  for (const client of clients.filter(({ name }) => names.includes(name))) {
    const program = await programOf(client)
    programs.set(client, program)
    const first = (client.scenarios ?? scenarioNames).filter((scenario) => scenarios.includes(scenario) && scenario !== 'across-read')
    await go(client, program, first, {})
  }
  const writers = results.filter(({ scenario, result }) => scenario === 'across-write' && result === 'pass').map(({ client }) => client)
  if (scenarios.includes('across-read') && writers.length > 0) {
    for (const [client, program] of programs) {
      if (client.scenarios === undefined) await go(client, program, ['across-read'], { MATRIX_WRITERS: writers.join(',') })
    }
  }
  return results
}

const allScenarios = [...scenarioNames, ...clients.flatMap((client) => client.scenarios ?? [])]
const names = chosen(
  options.only,
  clients.map(({ name }) => name),
)
const scenarios = chosen(options.scenarios, allScenarios)
const capture = options.capture === undefined ? undefined : await Capture.listen()
const broker =
  options.bootstrap === undefined
    ? await ownBroker(capture === undefined ? undefined : `127.0.0.1:${capture.port}`)
    : brokerElsewhere(options.bootstrap, options.dir)
capture?.aim(broker.bootstrap)
let results: readonly Result[]
try {
  results = await matrix(broker, names, scenarios)
} finally {
  capture?.close()
  await broker.close()
}
if (options.capture !== undefined) capture!.save(options.capture)
const counts = (['pass', 'fail', 'skipped'] as const).map((kind) => `${kind} ${results.filter(({ result }) => result === kind).length}`)
console.error(`\n${counts.join(', ')}`)
if (broker.trouble() !== '') console.error(`\nthe broker said:\n${broker.trouble()}`)

const isWhole = options.only === undefined && options.scenarios === undefined
const save = options.save ?? (isWhole && options.bootstrap === undefined ? join(import.meta.dirname, 'results.jsonl') : undefined)
if (save !== undefined) {
  const header = { date: new Date().toISOString().slice(0, 10), broker: options.broker ?? `Millrace ${ownVersion()}` }
  writeRun(save, { header, results: results.toSorted((a, b) => order(a) - order(b)) })
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../packages/log/package.json'), 'utf8')) as { version: string }
  return version
}

function order({ client, scenario }: Result): number {
  return clients.findIndex(({ name }) => name === client) * 1_000 + allScenarios.indexOf(scenario)
}

process.exitCode = results.some(({ result }) => result === 'fail') ? 1 : 0
