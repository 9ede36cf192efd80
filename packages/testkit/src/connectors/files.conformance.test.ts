import { equal, ok } from 'node:assert/strict'
import { posix } from 'node:path'
import { describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Disk } from '@millrace/core'
import { files } from '@millrace/engine'
import type { TestMachine } from './machine.ts'
import { sourceConformance } from './source-conformance.ts'

async function append(disk: Disk, path: string, text: string): Promise<void> {
  const handle = await disk.open(path, 'append')
  await handle.write(Buffer.from(text), 0)
  await handle.close()
}

async function write(disk: Disk, path: string, content: string | Uint8Array): Promise<void> {
  const handle = await disk.open(path, 'write')
  await handle.write(Buffer.from(content as string), 0)
  await handle.close()
}

const line = (name: string, n: number): string => `${name} ${n} ${'äx€'.repeat(n % 40)}`

/** Bounded input: a few files of some hundred lines, one compressed, one without a newline at its end. */
class Folder {
  readonly lines: string[] = []

  async write(machine: TestMachine): Promise<void> {
    const { disk, folder } = machine
    await disk.makeDirectory(posix.join(folder, 'in', 'deep'))
    for (const name of ['a.log', 'b.log', 'c.log.gz', 'deep/d.log', 'empty.log']) {
      const lines = Array.from({ length: name === 'empty.log' ? 0 : machine.random.between(1, 900) }, (_, n) => line(name, n))
      const text = lines.map((each) => `${each}\n`).join('')
      const end = name === 'b.log' ? text.slice(0, -1) : text
      await write(disk, posix.join(folder, 'in', name), name.endsWith('.gz') ? gzipSync(end) : end)
      this.lines.push(...lines)
    }
    await write(disk, posix.join(folder, 'in', '.hidden.log'), 'not to be read\n')
  }
}

/** A log that is appended to, in pieces that end anywhere, and rotated in all manners. */
class GrowingLog {
  readonly lines: string[] = []
  readonly #path: (machine: TestMachine) => string
  readonly #kinds: readonly ('rename' | 'copy-truncate' | 'compress')[]
  #rest = ''
  #rotations = 0
  #steps = 40

  constructor(path: (machine: TestMachine) => string, kinds: readonly ('rename' | 'copy-truncate' | 'compress')[]) {
    this.#path = path
    this.#kinds = kinds
  }

  /** The log is there before anybody looks: what is rotated away unseen by its first reader cannot be known. */
  async create(machine: TestMachine): Promise<void> {
    await machine.disk.makeDirectory(posix.dirname(this.#path(machine)))
    await append(machine.disk, this.#path(machine), '')
  }

  async change(machine: TestMachine): Promise<boolean> {
    const { disk, random } = machine
    const path = this.#path(machine)
    await new Promise<void>((resolve) => void machine.clock.after(10, resolve))
    if (--this.#steps === 0) {
      await append(disk, path, this.#rest)
      return false
    }
    for (let count = random.between(0, 20); count > 0; count--) {
      this.lines.push(line('log', this.lines.length))
      this.#rest += `${this.lines.at(-1)!}\n`
    }
    // The writer's buffer ends anywhere, but a file is only rotated between lines.
    const cut = random.chance(0.5) ? Math.floor(this.#rest.length / 2) : this.#rest.length
    await append(disk, path, this.#rest.slice(0, cut))
    this.#rest = this.#rest.slice(cut)
    if (this.#kinds.length > 0 && random.chance(0.2)) {
      await append(disk, path, this.#rest)
      this.#rest = ''
      await this.#rotate(machine, path)
    }
    return true
  }

  async #rotate(machine: TestMachine, path: string): Promise<void> {
    const { disk, clock } = machine
    const content = await disk.readFile(path)
    if (content.length === 0) return
    // Who copies or compresses leaves no inode to follow: a log must have been looked at (once a second) before it is gone without a trace.
    if (this.#kinds.length > 0 && !this.#kinds.every((kind) => kind === 'rename'))
      await new Promise<void>((resolve) => void clock.after(2_500, resolve))
    this.#rotations++
    const rotated = `${path}.${this.#rotations}`
    const kind = machine.random.pick(this.#kinds)
    if (kind === 'copy-truncate') {
      await write(disk, rotated, content)
      await write(disk, path, '')
      return
    }
    await disk.rename(path, rotated)
    if (kind === 'compress') {
      await write(disk, `${rotated}.gz`, gzipSync(content))
      await disk.remove(rotated)
    }
    if (machine.random.chance(0.5)) await write(disk, path, '')
  }
}

const seeds = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)
const lane = (each: string): string => each.slice(0, each.indexOf(' '))

describe('files, read once', () => {
  for (const machine of ['simulated', 'real'] as const) {
    it(`conform on a ${machine} disk`, async () => {
      let folder = new Folder()
      const report = await sourceConformance<string>({
        machine,
        seeds: seeds(machine === 'real' ? 3 : 10),
        prepare: async (of) => {
          folder = new Folder()
          await of.run(folder.write(of))
        },
        create: (of) => files({ path: [posix.join(of.folder, 'in'), posix.join(of.folder, 'in/**/*.log')] }),
        expected: () => folder.lines,
        lane,
      })
      ok(report.restores > 5, JSON.stringify(report))
      equal(report.overran, 0)
    })
  }
})

describe('files, followed', () => {
  const cases = {
    'that only grow': [],
    'that are renamed': ['rename'],
    'that are copied and truncated': ['copy-truncate'],
    'that are renamed or compressed': ['rename', 'compress'],
  } as const
  for (const [name, kinds] of Object.entries(cases)) {
    it(`conform when they are ones ${name}`, async () => {
      const path = (machine: TestMachine): string => posix.join(machine.folder, 'logs', 'log')
      let log = new GrowingLog(path, kinds)
      const report = await sourceConformance<string>({
        seeds: seeds(8),
        prepare: async (machine) => {
          log = new GrowingLog(path, kinds)
          await machine.run(log.create(machine))
        },
        disturb: (machine) => log.change(machine),
        create: (machine) => files({ path: path(machine), follow: true }),
        expected: () => log.lines,
        lane,
      })
      ok(report.restores > 5, JSON.stringify(report))
      equal(report.overran, 0)
    })
  }

  it('conform when a whole folder is, on a real disk too', async () => {
    const path = (machine: TestMachine): string => posix.join(machine.folder, 'logs', 'log')
    for (const machine of ['simulated', 'real'] as const) {
      let log = new GrowingLog(path, ['rename'])
      await sourceConformance<string>({
        machine,
        seeds: seeds(machine === 'real' ? 1 : 5),
        prepare: async (of) => {
          log = new GrowingLog(path, ['rename'])
          await of.run(log.create(of))
        },
        disturb: (of) => log.change(of),
        create: (of) => files({ path: posix.join(of.folder, 'logs'), follow: true, discoverEvery: '20ms' }),
        expected: () => log.lines,
      })
    }
  })
})
