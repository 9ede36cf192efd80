/**
 * npm run sim:log:mutations -- --seeds N: takes each sync away in turn, and runs what must notice: the crash tests of the storage, and the simulation.
 * Whatever nobody notices is either not needed or not tested.
 */
import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import { syncSites, type SyncSite } from './sync-sites.ts'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '60' }, 'first-seed': { type: 'string', default: '1' }, only: { type: 'string' } },
})
const conditions = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']

/** @returns whether a run fails, and the first thing it says of it. */
function fails(args: readonly string[], env: Record<string, string>): Promise<string | undefined> {
  const child = spawn(process.execPath, [...conditions, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const why = /(?:Assertion|Millrace|Range|Type)?Error[^\n]*: ([^\n]*)/.exec(said)?.[1] ?? said.trim().split('\n')[0] ?? ''
      resolve(code === 0 ? undefined : why.slice(0, 110))
    })
  })
}

const storage = ['--test', '--test-isolation=none', 'packages/log/src/storage/crash/*.test.ts']
/** The quickest first. */
const suites: readonly Suite[] = [
  { name: 'coordination', of: 'packages/core/src/coordination', args: ['--test', 'packages/core/src/coordination/**/*.test.ts'], env: {} },
  { name: 'storage', of: 'packages/log/src/storage', args: storage, env: {} },
  { name: 'storage at length', of: 'packages/log/src/storage', args: storage, env: { MILLRACE_SEEDS: '500' } },
  {
    name: 'simulation',
    of: '',
    args: ['sim/log/main.ts', '--bail', '--seeds', values.seeds, '--first-seed', values['first-seed']],
    env: {},
  },
]

interface Suite {
  readonly name: string
  /** It runs for syncs in this folder. */
  readonly of: string
  readonly args: readonly string[]
  readonly env: Record<string, string>
}

async function noticed({ path, line }: SyncSite): Promise<string | undefined> {
  for (const { name, of, args, env } of suites) {
    if (!path.startsWith(of)) continue
    const why = await fails(['--import=./sim/log/forget-sync.ts', ...args], { ...env, MILLRACE_FORGET: `${path}:${line}` })
    if (why !== undefined) return `${name}: ${why}`
  }
  return undefined
}

let unnoticed = 0
const sites = syncSites().filter(({ path, line }) => `${path}:${line}`.includes(values.only ?? ''))
if (sites.length === 0) throw new Error(`no sync is at ${values.only}`)
for (const site of sites) {
  const why = await noticed(site)
  if (why === undefined) unnoticed++
  console.log(`${why === undefined ? 'NOBODY NOTICES' : 'noticed       '}  ${site.path}:${site.line}  ${site.text}\n    ${why ?? ''}`)
}
console.log(unnoticed === 0 ? 'every sync is needed and tested' : `${unnoticed} syncs could be taken away`)
process.exitCode = unnoticed === 0 ? 0 : 1
