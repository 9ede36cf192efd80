// npm test: every *.test.ts in the workspace on node:test, small files together in one process, those that need one to themselves apart.
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

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
// So many in one process. One for all would save starts, but takes half as much processor time again: its heap is large, and its code has seen every kind of value.
const FILES_TOGETHER = 32
const preload = (name: string): string => '--import=' + new URL(name, import.meta.url).href
const node = [
  '--conditions=@millrace/source',
  preload('./property-seed.ts'),
  ...(asked.length > 0 ? [] : [preload('./untracked-promises.ts')]),
  '--disable-warning=ExperimentalWarning',
  // For what hangs: a slow machine that does other things as well takes many times as long as a fast one.
  '--test-timeout=300000',
]
// Most of what the small processes and threads do is compile the same sources: with this, once.
const compileCache = fileURLToPath(new URL('../node_modules/.cache/compile', import.meta.url))
const totals = new Map<string, number>()

/** Runs some test files, hands on what they say, and adds up the runner's closing lines. */
function run(flags: readonly string[], list: readonly string[], show: (text: string) => void): Promise<boolean> {
  if (list.length === 0) return Promise.resolve(true)
  const color = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  const child = spawn(process.execPath, [...node, ...flags, ...list], {
    stdio: ['inherit', 'pipe', 'inherit'],
    env: { NODE_COMPILE_CACHE: compileCache, ...process.env, ...color },
  })
  let last = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    show(text)
    const lines = (last + text).split('\n')
    last = lines.pop()!
    for (const line of lines) {
      const [, what, count] = /ℹ (tests|pass|fail|cancelled|skipped|todo) (\d+)/.exec(line) ?? []
      if (what !== undefined) totals.set(what, (totals.get(what) ?? 0) + Number(count))
    }
  })
  return new Promise((resolve) => child.on('close', (code) => resolve(code === 0)))
}

async function runTogether(): Promise<boolean> {
  let ok = true
  for (let at = 0; at < together.length; at += FILES_TOGETHER) {
    const list = together.slice(at, at + FILES_TOGETHER)
    const passed = await run(
      [fileURLToPath(new URL('./test-together.ts', import.meta.url))],
      list,
      (text) => void process.stdout.write(text),
    )
    ok &&= passed
  }
  return ok
}

// Both at once: the first needs one core. What the second says waits until the first is done, so that neither is shown within the other.
let waiting: string[] | undefined = []
const first = runTogether().finally(() => {
  process.stdout.write(waiting!.join(''))
  waiting = undefined
})
const second = run(
  ['--test', '--test-concurrency=2', preload('./left-open.ts')],
  apart,
  (text) => void (waiting === undefined ? process.stdout.write(text) : waiting.push(text)),
)
const ok = (await Promise.all([first, second])).every(Boolean)
console.log(`\n${files.length} files: ${[...totals].map(([what, count]) => `${what} ${count}`).join(', ')}`)
process.exit(ok ? 0 : 1)
