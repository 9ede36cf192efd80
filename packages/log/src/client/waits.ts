/**
 * What a client waits for, told to whoever runs it: a second after it began, and then ever more rarely.
 *
 * 1. What is there within a second is never told.
 * 2. What is over, or is not tried any more, is not told again.
 * 3. What is due at one time and lacks the same is one line.
 */
import { formatDuration, type Cancel, type Clock, type Logger } from '@millrace/core'

/** What is lacking, as the message says it: 'no topic' with a subject 'orders'. */
export type Lack = 'connection to broker' | 'topic' | 'leader of' | 'coordinator of' | 'answer to' | 'records of' | 'acknowledgement for'

export interface Wait {
  /** What the last attempt came to. */
  says(problem: string): void
  /** `there`: nobody need wait for it any more. Else it is not tried now, but may be again. */
  end(there: boolean): void
}

interface Lacking {
  readonly lack: Lack
  readonly subject: string
  readonly sinceMs: number
  problem: string
  /** Attempts under way. */
  underWay: number
  /** Whether it was tried again since it was noted first, or told. */
  isNews: boolean
  timesTold: number
  dueAtMs: number
}

const FIRST_MS = 1_000
/** After the first time, the second, …; the last of them from then on. */
const AGAIN_MS = [10_000, 30_000, 60_000] as const
/** What will be due so soon is told at once. */
const SLACK_MS = 250
const SUBJECTS_MAX = 3

export class Waits {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #lacking = new Map<string, Lacking>()
  #cancel: Cancel | undefined
  #wakeAtMs = Number.POSITIVE_INFINITY
  #isClosed = false

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock
    this.#logger = logger
  }

  get isEmpty(): boolean {
    return this.#lacking.size === 0
  }

  /** Somebody begins to try for it, and will say how that ends. `problem`: as long as no attempt came to another. */
  begin(lack: Lack, subject: string, problem: string): Wait {
    const lacking = this.#lacking.get(`${lack} ${subject}`) ?? this.#noted(lack, subject, problem)
    lacking.underWay++
    let isOver = false
    return {
      says: (text) => {
        lacking.problem = text
        lacking.isNews = true
      },
      end: (there) => {
        if (isOver) return
        isOver = true
        lacking.underWay--
        if (there) this.over(lack, subject)
      },
    }
  }

  /** An attempt has failed; there will be others. What failed once alone is not told. */
  failed(lack: Lack, subject: string, problem: string): void {
    this.#noted(lack, subject, problem)
  }

  /** It is there, or nobody needs it any more. */
  over(lack: Lack, subject: string): void {
    this.#lacking.delete(`${lack} ${subject}`)
    if (this.#lacking.size > 0) return
    this.#cancel?.()
    this.#wakeAtMs = Number.POSITIVE_INFINITY
  }

  /** Nothing is told any more. */
  close(): void {
    this.#isClosed = true
    this.#lacking.clear()
    this.#cancel?.()
  }

  #noted(lack: Lack, subject: string, problem: string): Lacking {
    const key = `${lack} ${subject}`
    const known = this.#lacking.get(key)
    if (known !== undefined) {
      known.problem = problem
      known.isNews = true
      return known
    }
    const sinceMs = this.#clock.monotonic()
    const dueAtMs = sinceMs + FIRST_MS
    const made: Lacking = { lack, subject, sinceMs, problem, underWay: 0, isNews: false, timesTold: 0, dueAtMs }
    if (this.#isClosed) return made
    this.#lacking.set(key, made)
    this.#wakeBy(dueAtMs)
    return made
  }

  #wakeBy(atMs: number): void {
    if (atMs >= this.#wakeAtMs) return
    this.#cancel?.()
    this.#wakeAtMs = atMs
    this.#cancel = this.#clock.after(Math.max(0, atMs - this.#clock.monotonic()), () => this.#tell())
  }

  #tell(): void {
    this.#wakeAtMs = Number.POSITIVE_INFINITY
    const nowMs = this.#clock.monotonic()
    const due: Lacking[] = []
    for (const [key, lacking] of this.#lacking) {
      if (lacking.dueAtMs > nowMs + SLACK_MS) continue
      if (lacking.isNews || lacking.underWay > 0) due.push(lacking)
      else this.#lacking.delete(key)
    }
    for (const list of Map.groupBy(due, ({ lack }) => lack).values()) this.#tellOf(list, nowMs)
    for (const { dueAtMs } of this.#lacking.values()) this.#wakeBy(dueAtMs)
  }

  #tellOf(list: readonly Lacking[], nowMs: number): void {
    for (const lacking of list) {
      lacking.isNews = false
      lacking.dueAtMs = nowMs + AGAIN_MS[Math.min(lacking.timesTold++, AGAIN_MS.length - 1)]!
    }
    const { lack, problem, sinceMs } = list.reduce((first, each) => (each.sinceMs < first.sinceMs ? each : first))
    const named = list.slice(0, SUBJECTS_MAX).map(({ subject }) => subject)
    const more = list.length > named.length ? ` and ${list.length - named.length} more` : ''
    const duration = formatDuration(Math.round((nowMs - sinceMs) / 1_000) * 1_000)
    this.#logger.warn(`still no ${lack} ${named.join(', ')}${more} after ${duration}: ${problem}`, { waiting: true })
  }
}
