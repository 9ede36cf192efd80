// npm test: every *.test.ts in the workspace on node:test, small files together in one process, those that need one to themselves apart.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'

const asked = process.argv.slice(2)
const patterns =
  asked.length > 0
    ? asked
    : [
        'packages/*/src/**/*.test.ts',
        'packages/*/test/**/*.test.ts',
        'sim/**/*.test.ts',
        'examples/**/*.test.ts',
        'docs/**/*.test.ts',
        'bench/**/*.test.ts',
        'scripts/**/*.test.ts',
      ]
const files = globSync(patterns, { exclude: (path) => path.includes('node_modules') || path.includes('/dist/') }).toSorted()
if (files.length === 0) {
  console.error('no test files found')
  process.exit(1)
}
// `*.process.test.ts` start child processes, threads or servers: each has a process of its own, so that none inherits another's handles.
const apart = files.filter((file) => file.endsWith('.process.test.ts'))
const together = files.filter((file) => !apart.includes(file))
const node = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning', '--test', '--test-timeout=120000']
const run = (flags: string[], list: string[]): boolean =>
  list.length === 0 || spawnSync(process.execPath, [...node, ...flags, ...list], { stdio: 'inherit' }).status === 0
const ok = [run(['--test-isolation=none'], together), run(['--test-concurrency=2'], apart)].every(Boolean)
process.exit(ok ? 0 : 1)
