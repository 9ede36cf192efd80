import { messageOf } from '@millrace/core'

/** More would hide what happened last. */
const eventsMax = 12

/** What has happened in a run, told when something is wrong with it: without it nobody knows whether a record was lost by a crash, a rescale or a commit. */
export class Story {
  #events: string[] = []
  #isCut = false
  /** How often the newest event has come one after the other. */
  #times = 1

  add(event: string): void {
    const last = this.#events.at(-1)
    if (last !== undefined && last.replace(/ \(\d+ times\)$/, '') === event) {
      this.#events[this.#events.length - 1] = `${event} (${++this.#times} times)`
      return
    }
    this.#times = 1
    this.#events.push(event)
    if (this.#events.length <= eventsMax) return
    this.#events.shift()
    this.#isCut = true
  }

  /** What went wrong, with the seed that shows it again and what had happened before. */
  failure(seed: number, error: unknown): Error {
    const before = [...(this.#isCut ? ['…'] : []), ...this.#events].map((event) => `\n  ${event}`).join('')
    return new Error(`seed ${seed}: ${messageOf(error)}${before === '' ? '' : `\nwhat had happened, the newest last:${before}`}`, {
      cause: error,
    })
  }
}

/** `1 record`, `3 records`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
