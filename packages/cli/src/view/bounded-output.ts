import type { TextOutput } from '../terminal.ts'

/** How much a reader may be behind. A terminal that is stopped, or a collector of logs that hangs, costs a job no more memory. */
export const BACKLOG_BYTES_MAX: number = 16 * 1024 * 1024

/** Lines for a reader that may be slow, or stand still: what it is too far behind for is left out, and counted. */
export class BoundedOutput {
  readonly #output: Pick<TextOutput, 'write' | 'backlogBytes'>
  readonly #notice: (count: number) => string
  #leftOut = 0

  /** `notice`: says how many lines were left out, as a line. */
  constructor(output: Pick<TextOutput, 'write' | 'backlogBytes'>, notice: (count: number) => string) {
    this.#output = output
    this.#notice = notice
  }

  write(text: string): void {
    // Once something was left out there is to be room for more than the next line.
    const roomUpTo = this.#leftOut > 0 ? BACKLOG_BYTES_MAX / 2 : BACKLOG_BYTES_MAX
    if ((this.#output.backlogBytes ?? 0) > roomUpTo) this.#leftOut++
    else this.writeLast(text)
  }

  /** Written in any case. */
  writeLast(text: string): void {
    if (this.#leftOut > 0) this.#output.write(this.#notice(this.#leftOut))
    this.#leftOut = 0
    this.#output.write(text)
  }
}

export function leftOutText(count: number): string {
  return `${count} lines were left out, as whoever reads this is too far behind`
}
