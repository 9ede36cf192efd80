import { styleText } from 'node:util'
import type { Stage } from './stage.ts'
import { formatNumber } from './verdict.ts'

const refreshMs = 200
const rateWindowMs = 1_000

/** What happens, as lines; and where things stand: on a terminal the last line, kept up to date, in a pipe a line each second. */
export class Screen {
  readonly #stage: Stage
  readonly #isTerminal = process.stdout.isTTY
  readonly #startedMs = performance.now()
  /** The last second's figures, oldest first. */
  readonly #samples: { readonly atMs: number; readonly appended: number; readonly published: number }[] = []
  #timer: NodeJS.Timeout | undefined
  #printedMs = 0

  constructor(stage: Stage) {
    this.#stage = stage
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
    const { log, published } = this.#stage
    published.refresh()
    const nowMs = performance.now()
    this.#samples.push({ atMs: nowMs, appended: log.appended, published: published.numLines })
    while (this.#samples.length > 2 && this.#samples[1]!.atMs < nowMs - rateWindowMs) this.#samples.shift()
    if (this.#isTerminal) {
      process.stdout.write(`\r\x1b[2K${this.#status()}`)
    } else if (nowMs - this.#printedMs >= 1_000) {
      this.#printedMs = nowMs
      console.log(this.#status())
    }
  }

  #status(): string {
    const { log, published } = this.#stage
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    const spanMs = first === undefined ? 0 : last!.atMs - first.atMs
    const rate = (name: 'appended' | 'published'): string =>
      `${formatNumber(spanMs === 0 ? 0 : ((last![name] - first![name]) * 1_000) / spanMs).padStart(6)}/s`
    const text = `log ${formatNumber(log.appended).padStart(8)} ${rate('appended')}   published ${formatNumber(published.numLines).padStart(8)} ${rate('published')} in ${published.numFiles} files`
    return `  ${this.#clock()}  ${styleText('cyan', text)}`
  }

  #clock(): string {
    return styleText('dim', `${((performance.now() - this.#startedMs) / 1_000).toFixed(1).padStart(5)} s`)
  }

  #eraseStatus(): void {
    if (this.#isTerminal) process.stdout.write('\r\x1b[2K')
  }
}
