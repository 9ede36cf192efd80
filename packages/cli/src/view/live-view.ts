/**
 * The picture of a running job at the foot of a terminal, redrawn three times a second; log lines scroll by above it.
 *
 * Invariants: 1. Between two calls, the cursor is at the start of the line below the picture. 2. Whatever is written above the picture
 * first takes it away and then draws it anew; what others write, too, if they have us make room for it. 3. After `close` or `abandon` the terminal is as it was found: cursor shown, lines wrapping.
 * So it is while the process stands still (Ctrl-Z) or goes on in the background (`bg`): there is no picture then, and log lines go where the cursor is.
 */
import type { Cancel, Clock, LogLevel } from '@millrace/core'
import type { JobEvent, JobMetrics, JobResult } from '@millrace/engine'
import type { TextOutput } from '../terminal.ts'
import { renderFrame } from './frame.ts'
import type { JobView } from './job-view.ts'
import type { LogWriter } from './log-writer.ts'
import { RateMeter } from './rates.ts'

const redrawEveryMs = 333
/** Rates over less than this flicker. */
const rateOverMs = 950

const hideCursor = '\x1b[?25l'
const showCursor = '\x1b[?25h'
/** Lines that are too long by a wide character are cut by the terminal, instead of pushing the picture out of place. */
const noWrap = '\x1b[?7l'
const wrap = '\x1b[?7h'

export class LiveView implements JobView {
  readonly #output: TextOutput
  readonly #log: LogWriter
  readonly #clock: Clock
  readonly #color: boolean
  readonly #meter = new RateMeter(rateOverMs)
  #jobName = ''
  #metrics: (() => JobMetrics) | undefined
  /** Lines of the picture on the screen. */
  #drawn = 0
  #cancel: Cancel = () => {}
  #open = true
  #suspended = false
  /** Whether somebody else has begun a line and not ended it. */
  #isInLine = false

  readonly #ceases: readonly (() => void)[]

  /** `outputs`: all that others may write to the same terminal by. */
  constructor(output: TextOutput, log: LogWriter, clock: Clock, color: boolean, outputs: readonly TextOutput[] = []) {
    this.#output = output
    this.#log = log
    this.#clock = clock
    this.#color = color
    this.#take()
    this.#ceases = outputs.map((each) => each.heedOthers?.((endsLine, write) => this.giveWay(endsLine, write)) ?? (() => {}))
  }

  event(event: JobEvent): void {
    if (event.kind === 'started') this.#jobName = event.jobName
    if (event.kind === 'ended') this.#redraw('')
    this.#redraw(this.#log.event(event), event.kind !== 'ended')
  }

  watch(metrics: () => JobMetrics): void {
    this.#metrics = metrics
    const tick = (): void => {
      this.#cancel = this.#clock.after(redrawEveryMs, () => {
        this.resume()
        this.#redraw('')
        tick()
      })
    }
    tick()
  }

  note(message: string, level: LogLevel = 'info'): void {
    this.#redraw(this.#log.record({ timeMs: this.#clock.now(), level, message, fields: {} }))
  }

  close(_result: JobResult): void {
    this.abandon()
  }

  abandon(): void {
    if (!this.#open) return
    this.#open = false
    this.#cancel()
    for (const cease of this.#ceases) cease()
    this.#giveBack()
  }

  suspend(): void {
    if (!this.#open || this.#suspended) return
    this.#giveBack()
    this.#suspended = true
    // What the shell writes now is below the picture, which stays.
    this.#drawn = 0
  }

  /** A shell may have it go on in the background (`bg`), and says nothing when it is in the foreground again: so this is asked with each redraw as well. */
  resume(): void {
    if (!this.#open || !this.#suspended || this.#output.isInBackground === true) return
    this.#suspended = false
    this.#take()
  }

  /** Others write to the terminal: above the picture, which is back with the next redraw. */
  giveWay(endsLine: boolean, write: () => void): void {
    if (!this.#open || this.#suspended) return write()
    this.#output.write(`${this.#erased()}${wrap}`)
    this.#drawn = 0
    write()
    this.#output.write(noWrap)
    this.#isInLine = !endsLine
  }

  /** Writes `above` where the picture stood, and the picture below it; without one, the last picture stays and what follows goes below. */
  #redraw(above: string, picture = true): void {
    if (!this.#open) return
    const lines = picture && !this.#suspended ? this.#picture() : []
    const erase = picture ? this.#erased() : ''
    this.#drawn = lines.length
    // Log lines may be longer than the terminal is wide, and are wanted whole.
    const text = above === '' || this.#suspended ? above : `${wrap}${above}${noWrap}`
    const shown = `${text}${lines.map((line) => `${line}\n`).join('')}`
    this.#output.write(`${erase}${this.#isInLine && shown !== '' ? '\n' : ''}${shown}`)
    if (shown !== '') this.#isInLine = false
  }

  #take(): void {
    this.#output.write(`${hideCursor}${noWrap}`)
  }

  #giveBack(): void {
    this.#output.write(`${wrap}${showCursor}`)
  }

  /** What takes the picture away. A terminal shows what is typed, such as ^C, and the cursor stands behind it. */
  #erased(): string {
    return this.#drawn > 0 ? `\r\x1b[${this.#drawn}A\x1b[0J` : ''
  }

  #picture(): readonly string[] {
    if (this.#metrics === undefined || this.#jobName === '') return []
    const metrics = this.#metrics()
    const rates = this.#meter.sample(metrics)
    return renderFrame({ jobName: this.#jobName, metrics, rates }, this.#output.columns, this.#output.rows, this.#color)
  }
}
