// The walk-through of `guide/savepoints.md`, as it stands there: its files, its commands in one shell, and what must come of them.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fencesOf, type Fence } from './snippets.ts'

const root = join(import.meta.dirname, '..')
const fences = fencesOf(readFileSync(join(root, 'docs/guide/savepoints.md'), 'utf8'))
const folder = mkdtempSync(join(tmpdir(), 'millrace-walk-'))
after(() => rmSync(folder, { recursive: true }))

const bin = join(folder, 'bin')
mkdirSync(bin)
const command = [
  process.execPath,
  ...process.execArgv.filter((flag) => flag.startsWith('--conditions')),
  join(root, 'packages/millrace/src/bin.ts'),
]
writeFileSync(join(bin, 'millrace'), `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`)
chmodSync(join(bin, 'millrace'), 0o755)
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))

interface Row {
  readonly n: number
  readonly product: string
  readonly count: number
  readonly revenue?: number
}

function rows(): Row[] {
  const counts = join(folder, 'counts')
  if (!existsSync(counts)) return []
  const names = readdirSync(counts).filter((name) => !name.startsWith('.'))
  const lines = names.flatMap((name) => readFileSync(join(counts, name), 'utf8').split('\n').slice(0, -1))
  return lines.map((line) => JSON.parse(line) as Row)
}

async function until(condition: () => boolean, what: () => string): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    assert.ok(waited < 60_000, what())
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** One shell, so that its variables live from block to block. */
class Shell {
  readonly output = { stdout: '', stderr: '' }
  readonly #child = spawn('sh', {
    cwd: folder,
    env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
    stdio: 'pipe',
    // A process group of its own, to be ended as a whole.
    detached: true,
  })
  #blocks = 0

  constructor() {
    for (const name of ['stdout', 'stderr'] as const)
      this.#child[name].setEncoding('utf8').on('data', (text: string) => (this.output[name] += text))
  }

  /** Answers what the block has printed, when its last command has come to its end, or is in the background. */
  async run(text: string): Promise<string> {
    const from = this.output.stdout.length
    const end = `end of block ${++this.#blocks}\n`
    this.#child.stdin.write(`${text}\necho '${end.trimEnd()}'\n`)
    await until(
      () => this.output.stdout.endsWith(end),
      () => `no end of:\n${text}\n${this.output.stderr}`,
    )
    return this.output.stdout.slice(from, -end.length)
  }

  /** Ends everything that it has begun. */
  abandon(): void {
    try {
      process.kill(-this.#child.pid!, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin.end('wait\n')
    await closed
  }
}

async function walk(shell: Shell, fence: Fence): Promise<void> {
  const { language, words, text } = fence
  const file = words.find((word) => word.startsWith('file='))?.slice('file='.length)
  if (file !== undefined) return writeFileSync(join(folder, file), text)
  if (language !== 'sh' || !words.includes('run')) return
  const before = rows().length
  const printed = await shell.run(text)
  const next = fences[fences.indexOf(fence) + 1]
  if (next?.words.includes('output')) assert.equal(printed, next.text)
  if (text.trimEnd().endsWith('&'))
    await until(
      () => rows().length > before,
      () => `the job does not begin: ${shell.output.stderr}`,
    )
}

void test('the walk-through does what it says', { timeout: 300_000 }, async (context) => {
  const shell = new Shell()
  context.after(() => shell.abandon())
  for (const fence of fences) await walk(shell, fence)
  await shell.close()
  assert.match(shell.output.stdout, /\norders +running [^]*_metadata\nshared\n/)
  assert.match(shell.output.stderr, /RESTORE_STATE_UNMAPPED/)
  assert.match(shell.output.stderr, /dealt out anew, from 128 key groups to 256/)
  const all = rows()
  assert.equal(new Set(all.map(({ n }) => n)).size, all.length, 'no order is counted twice')
  for (const [product, list] of Map.groupBy(all, (row) => row.product)) {
    const counts = list.map(({ count }) => count).toSorted((a, b) => a - b)
    assert.deepEqual(
      counts,
      counts.map((_, index) => index + 1),
      `${product} has been counted over both versions`,
    )
  }
  assert.ok(all.some(({ revenue }) => revenue === undefined) && all.some(({ revenue }) => revenue !== undefined))
  assert.deepEqual(readdirSync(join(folder, 'savepoints')).length, 1, 'one was disposed of, one moved, one is of the end')
})
