// npm run verify: everything that is checked of a change except its tests. All steps run, also after one has failed.
import { spawn } from 'node:child_process'
import { globSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { docstringProblems, publicEntries } from './docstrings.ts'
import { layeringProblems } from './layering/check.ts'
import { edges, lineLimits, order, protocol } from './layering/order.ts'
import { root, workspaceSources } from './layering/workspace.ts'

interface Outcome {
  readonly ok: boolean
  readonly output: string
}

function command(name: string, ...flags: string[]): () => Promise<Outcome> {
  return () =>
    new Promise((resolve) => {
      const child = spawn(name, flags, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } })
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
      child.on('error', (error) => resolve({ ok: false, output: error.message }))
      child.on('close', (code) => resolve({ ok: code === 0, output }))
    })
}

/** From nothing, so that what was once built of a file since removed is not packed. */
async function build(): Promise<Outcome> {
  for (const path of globSync('packages/*/dist', { cwd: root })) rmSync(join(root, path), { recursive: true })
  return await command('npm', 'run', '--silent', 'build', '--', '--pretty', 'false')()
}

async function layering(): Promise<Outcome> {
  const sources = workspaceSources()
  const lengths = [...sources].map(([path, source]) => ({ path, lines: source.split('\n').length - 1 }))
  const outgrown = lengths.filter(({ lines }) => lines > lineLimits.refused).map(({ path, lines }) => `${path} has ${lines} lines`)
  const problems = [...layeringProblems(sources, { order, protocol, edges }), ...outgrown]
  const long = lengths.filter(({ lines }) => lines > lineLimits.reported).toSorted((a, b) => b.lines - a.lines)
  const report = long.map(({ path, lines }) => `(longer than ${lineLimits.reported} lines: ${path}, ${lines})`)
  return { ok: problems.length === 0, output: [...problems, ...report].join('\n') }
}

async function docstrings(): Promise<Outcome> {
  const problems = docstringProblems(join(root, 'tsconfig.json'), publicEntries())
  return { ok: problems.length === 0, output: problems.map((problem) => `${problem} has no docstring`).join('\n') }
}

const steps: readonly (readonly [name: string, run: () => Promise<Outcome>])[] = [
  ['format', command('oxfmt', '--check')],
  ['lint', command('oxlint', '--type-aware', '--quiet')],
  ['types', command('tsc', '-p', '.', '--pretty', 'false')],
  ['layering', layering],
  ['docstrings', docstrings],
  ['dead code', command('knip', '--no-progress')],
  ['build', build],
  ['packing', command(process.execPath, 'scripts/packing.ts')],
]

const asked = process.argv.slice(2)
let failures = 0
for (const [name, run] of steps.filter(([name]) => asked.length === 0 || asked.includes(name))) {
  const start = performance.now()
  const { ok, output } = await run()
  if (!ok) failures++
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name.padEnd(10)} ${((performance.now() - start) / 1000).toFixed(1)} s`)
  if (!ok || name === 'layering') console.log(output.trim().replace(/^(?=.)/gm, '       '))
}
console.log(failures === 0 ? 'verify: all is well' : `verify: ${failures} of ${steps.length} steps failed`)
process.exitCode = failures === 0 ? 0 : 1
