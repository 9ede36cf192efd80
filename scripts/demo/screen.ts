import { styleText } from 'node:util'

const refreshMs = 200
const rateWindowMs = 1_000

export interface ScreenView<Name extends string> {
  /** Figures that grow. */
  readonly sample: () => Readonly<Record<Name, number>>
  /** The line that says where things stand; rates are per second, over the last one. */
  readonly status: (figures: Readonly<Record<Name, number>>, rates: Readonly<Record<Name, number>>) => string
}

/** What happens, as lines; and where things stand: on a terminal the last line, kept up to date, in a pipe a line each second. */
export class Screen<Name extends string = string> {
  readonly #view: ScreenView<Name>
  readonly #isTerminal = process.stdout.isTTY
  readonly #startedMs = performance.now()
  /** The last second's figures, oldest first. */
  readonly #samples: { readonly atMs: number; readonly figures: Readonly<Record<Name, number>> }[] = []
  #timer: NodeJS.Timeout | undefined
  #printedMs = 0

  constructor(view: ScreenView<Name>) {
    this.#view = view
  }

  open(): void {
    this.#timer = setInterval(() => this.#refresh(), refreshMs)
  }

  close(): void {
    if (this.#timer === undefined) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#eraseStatus()
  }

  say(text: string): void {
    this.#eraseStatus()
    console.log(`  ${this.#clock()}  ${text}`)
    if (this.#isTerminal && this.#timer !== undefined) process.stdout.write(this.#status())
  }

  #refresh(): void {
    const nowMs = performance.now()
    this.#samples.push({ atMs: nowMs, figures: this.#view.sample() })
    while (this.#samples.length > 2 && this.#samples[1]!.atMs < nowMs - rateWindowMs) this.#samples.shift()
    if (this.#isTerminal) {
      process.stdout.write(`\r\x1b[2K${this.#status()}`)
    } else if (nowMs - this.#printedMs >= 1_000) {
      this.#printedMs = nowMs
      console.log(this.#status())
    }
  }

  #status(): string {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    if (first === undefined || last === undefined) return ''
    const seconds = Math.max(0.001, (last.atMs - first.atMs) / 1_000)
    const rates = Object.fromEntries(
      Object.entries<number>(last.figures).map(([name, value]) => [
        name,
        first === last ? 0 : (value - first.figures[name as Name]) / seconds,
      ]),
    ) as Record<Name, number>
    return `  ${this.#clock()}  ${styleText('cyan', this.#view.status(last.figures, rates))}`
  }

  #clock(): string {
    return styleText('dim', `${((performance.now() - this.#startedMs) / 1_000).toFixed(1).padStart(5)} s`)
  }

  #eraseStatus(): void {
    if (this.#isTerminal) process.stdout.write('\r\x1b[2K')
  }
}
