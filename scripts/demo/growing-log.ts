import { closeSync, createReadStream, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'

/** The lines of a log, decompressed if its name ends in `.gz`. */
export async function readLog(path: string): Promise<readonly string[]> {
  const file = createReadStream(path)
  const lines: string[] = []
  for await (const line of createInterface({ input: path.endsWith('.gz') ? file.pipe(createGunzip()) : file, crlfDelay: Infinity })) {
    lines.push(line)
  }
  if (lines.length === 0) throw new Error(`${path} is empty`)
  return lines
}

const tickMs = 20

/**
 * Appends the lines of a log to a file at a steady rate, from the beginning again once all are through. As of a real server, whose writes end
 * wherever its buffer is full, the end of the file is mostly within a line.
 */
export class GrowingLog {
  readonly path: string
  readonly #lines: readonly string[]
  readonly #descriptor: number
  readonly #linesPerSecond: number
  #appended = 0
  #unwritten = ''
  #startedMs = 0
  #timer: NodeJS.Timeout | undefined

  constructor(path: string, lines: readonly string[], linesPerSecond: number) {
    this.path = path
    this.#lines = lines
    this.#linesPerSecond = linesPerSecond
    this.#descriptor = openSync(path, 'a')
  }

  get appended(): number {
    return this.#appended
  }

  start(): void {
    this.#startedMs = performance.now()
    this.#timer = setInterval(() => this.#append(), tickMs)
  }

  /** The last line is completed. */
  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    writeSync(this.#descriptor, this.#unwritten)
    closeSync(this.#descriptor)
  }

  #append(): void {
    const due = Math.floor(((performance.now() - this.#startedMs) * this.#linesPerSecond) / 1_000)
    let text = this.#unwritten
    for (; this.#appended < due; this.#appended++) text += `${this.#lines[this.#appended % this.#lines.length]}\n`
    const end = Math.max(0, text.length - 40)
    this.#unwritten = text.slice(end)
    writeSync(this.#descriptor, text.slice(0, end))
  }
}
