// What the job should have written, and what it has.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAccessLogLine } from '../../examples/shared/parse-access-log.ts'

export type CountPerPath = ReadonlyMap<string, number>

/** A plain recount, without the job. */
export function recount(lines: Iterable<string>): CountPerPath {
  const counts = new Map<string, number>()
  for (const line of lines) {
    const path = parseAccessLogLine(line)?.target.split(/[?#]/, 1)[0]
    if (path !== undefined) counts.set(path, (counts.get(path) ?? 0) + 1)
  }
  return counts
}

export function total(counts: CountPerPath): number {
  return counts.values().reduce((sum, count) => sum + count, 0)
}

/** The lines that the job has published in a folder: `/docs 17`. Files that were read once are not read again, as a finished file never changes. */
export class PublishedCounts {
  readonly folder: string
  readonly #files = new Set<string>()
  readonly #counts = new Map<string, number[]>()
  #numLines = 0

  constructor(folder: string) {
    this.folder = folder
  }

  get numLines(): number {
    return this.#numLines
  }

  get numFiles(): number {
    return this.#files.size
  }

  /** Reads what is new. */
  refresh(): void {
    for (const name of visibleFiles(this.folder)) {
      if (this.#files.has(name)) continue
      this.#files.add(name)
      for (const line of readFileSync(join(this.folder, name), 'utf8').split('\n').slice(0, -1)) this.#add(line)
    }
  }

  /** The last count of each path. */
  last(): CountPerPath {
    return new Map([...this.#counts].map(([path, counts]) => [path, counts.reduce((a, b) => Math.max(a, b))]))
  }

  /**
   * What is wrong, a line each: the counts of every path must be 1, 2, … up to its last, each exactly once. A request lost, counted twice or
   * written twice would leave a gap, a number too many, or one that is there twice.
   */
  problems(): string[] {
    return [...this.#counts].flatMap(([path, counts]) => problemsOf(path, counts))
  }

  #add(line: string): void {
    const end = line.lastIndexOf(' ')
    const path = line.slice(0, end)
    const counts = this.#counts.get(path)
    this.#numLines++
    if (counts === undefined) this.#counts.set(path, [Number(line.slice(end + 1))])
    else counts.push(Number(line.slice(end + 1)))
  }
}

/** Where the published counts end otherwise than the recount, a line each. */
export function differences(published: CountPerPath, expected: CountPerPath): string[] {
  return [...new Set([...published.keys(), ...expected.keys()])].flatMap((path) => {
    const [is, should] = [published.get(path) ?? 0, expected.get(path) ?? 0]
    return is === should ? [] : [`${path} ends at ${is} instead of ${should}`]
  })
}

/** What is published must not be ahead of the log. */
export function tooMany(published: CountPerPath, expected: CountPerPath): string[] {
  return [...published].flatMap(([path, count]) => {
    const most = expected.get(path) ?? 0
    return count <= most ? [] : [`${path} is counted ${count} times and was asked for ${most} times`]
  })
}

function problemsOf(path: string, counts: readonly number[]): string[] {
  const sorted = Float64Array.from(counts).sort()
  const wrong = sorted.findIndex((count, index) => count !== index + 1)
  if (wrong < 0) return []
  const is = sorted[wrong]!
  return [wrong > 0 && is === sorted[wrong - 1] ? `${path} ${is} is written twice` : `${path}: ${is} stands where ${wrong + 1} should`]
}

function visibleFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
