import { LineCutter } from '../lines/line-cutter.ts'
import type { SourceOutput } from '../source.ts'

const linesPerPoll = 256
/** Bytes that have arrived and were not yet read as lines: from here on the sender is to wait. */
const waitingBytesMax = 1_024 * 1_024

export interface LineQueueOptions {
  readonly lineBytesMax: number
  readonly onOverlong: (offset: number) => void
  readonly overlong: 'fail' | 'skip' | 'truncate'
}

/** Lines of bytes that arrive when they will, in order. */
export class LineQueue {
  readonly #cutter: LineCutter
  #chunks: Buffer[] = []
  #waitingBytes = 0
  #offset = 0
  #hasEnded = false

  constructor(options: LineQueueOptions) {
    this.#cutter = new LineCutter({ encoding: 'utf8', ...options })
  }

  /** Whether more should not arrive before lines were taken. */
  get isFull(): boolean {
    return this.#waitingBytes >= waitingBytesMax
  }

  /** Takes bytes; they must not change afterwards. */
  push(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#chunks.push(bytes)
    this.#waitingBytes += bytes.length
  }

  /** Nothing more will arrive: what has no end of line is a line. */
  end(): void {
    this.#hasEnded = true
  }

  /** The connection was lost: what has no end of line is no line, and the next bytes begin one. Whole lines are kept. */
  breakOff(): void {
    const whole = this.#chunks.findLastIndex((chunk) => chunk.includes(0x0a))
    const last = this.#chunks[whole]
    this.#chunks = this.#chunks.slice(0, whole + 1)
    if (last !== undefined) this.#chunks[whole] = last.subarray(0, last.lastIndexOf(0x0a) + 1)
    this.#waitingBytes = this.#chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    if (last === undefined) this.#cutter.dropPartial()
  }

  poll(output: SourceOutput<string>): 'more' | 'wait' | 'end' {
    for (let count = 0; count < linesPerPoll; count++) {
      const line = this.#cutter.next() ?? this.#load()
      if (line === undefined) return this.#hasEnded ? 'end' : 'wait'
      output.emit(line)
      if (output.enough === true) break
    }
    return 'more'
  }

  #load(): string | undefined {
    for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) {
      this.#waitingBytes -= chunk.length
      this.#cutter.load(chunk, this.#offset)
      this.#offset += chunk.length
      const line = this.#cutter.next()
      if (line !== undefined) return line
    }
    return this.#hasEnded ? this.#cutter.rest() : undefined
  }
}
