import assert from 'node:assert/strict'
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fencesOf, type Fence } from './snippets.ts'

const root = join(import.meta.dirname, '..')

/**
 * The walk-through of a page, in a folder of its own: blocks `ts file=NAME` are files, blocks `sh run` are commands in one shell, whose variables live from
 * block to block. A block `text output` right behind commands is what they print; `text errors` what is among what they say on the standard error. In both `…` stands for anything.
 */
export class Walk {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'millrace-walk-'))
  readonly #fences: readonly Fence[]
  readonly #shell: Shell

  constructor(page: string) {
    this.#fences = fencesOf(readFileSync(join(root, page), 'utf8'))
    const bin = join(this.folder, 'bin')
    mkdirSync(bin)
    const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
    const words = (list: readonly string[]): string => list.map((word) => `'${word}'`).join(' ')
    const commands = { node: [], millrace: [join(root, 'packages/millrace/src/bin.ts')] }
    for (const [name, program] of Object.entries(commands)) {
      const script = `#!/bin/sh\nexec ${words([process.execPath, ...conditions, '--disable-warning=ExperimentalWarning', ...program])} "$@"\n`
      writeFileSync(join(bin, name), script)
      chmodSync(join(bin, name), 0o755)
    }
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
    writeFileSync(join(this.folder, 'package.json'), JSON.stringify({ type: 'module' }))
    this.#shell = new Shell(this.folder, bin)
  }

  /** What everything so far has printed. */
  get output(): { readonly stdout: string; readonly stderr: string } {
    return this.#shell.output
  }

  /** Goes through the page. A job that is begun in the background (`&`) is at work when `progress`, how much it has put out, has grown. */
  async go(progress: () => number): Promise<void> {
    for (const [at, fence] of this.#fences.entries()) await this.#step(fence, this.#fences[at + 1], progress)
    await this.#shell.close()
  }

  /** Ends everything that it has begun, and removes its folder. */
  close(): void {
    this.#shell.abandon()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #step({ language, words, text }: Fence, next: Fence | undefined, progress: () => number): Promise<void> {
    const file = words.find((word) => word.startsWith('file='))?.slice('file='.length)
    if (file !== undefined) return writeFileSync(join(this.folder, file), text)
    if (language !== 'sh' || !words.includes('run')) return
    const before = progress()
    const { stdout, stderr } = await this.#shell.run(text)
    if (next?.words.includes('output') === true) assertPrints(stdout, next.text)
    if (next?.words.includes('errors') === true) assert.match(stderr, patternOf(next.text))
    if (text.trimEnd().endsWith('&')) {
      await until(
        () => progress() > before,
        () => `the job does not begin: ${this.output.stderr}`,
      )
    }
  }
}

function assertPrints(stdout: string, text: string): void {
  if (text.includes('…')) assert.match(stdout, new RegExp(`^${patternOf(text).source}\n?$`))
  else assert.equal(stdout, text)
}

function patternOf(text: string): RegExp {
  const literal = (part: string): string => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(text.trimEnd().split('…').map(literal).join('[^]*?'))
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
  readonly #child: ChildProcessWithoutNullStreams
  #blocks = 0

  constructor(folder: string, bin: string) {
    this.#child = spawn('sh', {
      cwd: folder,
      env: { ...process.env, PATH: `${bin}:${process.env['PATH']}` },
      stdio: 'pipe',
      // A process group of its own, to be ended as a whole.
      detached: true,
    })
    for (const name of ['stdout', 'stderr'] as const)
      this.#child[name].setEncoding('utf8').on('data', (text: string) => (this.output[name] += text))
  }

  /** Answers what the block has printed, when its last command has come to its end, or is in the background. */
  async run(text: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
    const from = { stdout: this.output.stdout.length, stderr: this.output.stderr.length }
    const end = `end of block ${++this.#blocks}\n`
    this.#child.stdin.write(`${text}\necho '${end.trimEnd()}'; echo '${end.trimEnd()}' >&2\n`)
    await until(
      () => this.output.stdout.endsWith(end) && this.output.stderr.includes(end, from.stderr),
      () => `no end of:\n${text}\n${this.output.stderr}`,
    )
    return { stdout: this.output.stdout.slice(from.stdout, -end.length), stderr: this.output.stderr.slice(from.stderr) }
  }

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
