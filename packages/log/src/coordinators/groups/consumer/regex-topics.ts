/**
 * The topics that subscriptions by regular expression stand for.
 *
 * Expressions come from clients: they run in RE2's engine, in time linear to the name, never in JavaScript's own. An expression matches whole names, as in Kafka.
 *
 * 1. Names are tried in slices, between which the thread serves others: many long names and an expensive expression block nobody.
 * 2. What is told is whole: the matches among the topics of one version.
 */
import type { Clock } from '@millrace/core'
import { RE2JS } from 're2js'
import type { GroupTopics } from './topics.ts'

export interface RegexMatches {
  /** Ascending. */
  readonly topics: readonly string[]
  /** Of the topics they were looked for in. */
  readonly version: number
}

interface Known {
  matches: RegexMatches | undefined
  underWay: Promise<void> | undefined
}

/** Expressions whose matches are kept. What they were compiled to is not: it grows with the names it has seen. */
const KNOWN_MAX = 1000
/** Longer ones are refused: a client could ask for as much memory as a request holds. */
const REGEX_LENGTH_MAX = 4096
const SLICE_MS = 1

export class RegexTopics {
  readonly #topics: GroupTopics
  readonly #clock: Clock
  readonly #known = new Map<string, Known>()
  #isClosed = false

  constructor(topics: GroupTopics, clock: Clock) {
    this.#topics = topics
    this.#clock = clock
  }

  isValid(regex: string): boolean {
    return this.#known.has(regex) || compiled(regex) !== undefined
  }

  /** What it was found to match when it was last looked at, undefined before. Looks anew, in the background, where topics have changed since. */
  matching(regex: string): RegexMatches | undefined {
    return this.#refreshed(regex)?.matches
  }

  /** Resolves when `matching` knows the expression, or it is not valid. Never rejects. */
  async ready(regex: string): Promise<void> {
    await this.#refreshed(regex)?.underWay
  }

  /** Looks no further. */
  close(): void {
    this.#isClosed = true
  }

  #refreshed(regex: string): Known | undefined {
    const known = this.#known.get(regex) ?? { matches: undefined, underWay: undefined }
    if (known.underWay === undefined && known.matches?.version !== this.#topics.version) {
      const pattern = compiled(regex)
      if (pattern === undefined) return undefined
      known.underWay = this.#look(pattern, known)
    }
    // Behind all others: the one not asked for longest is dropped first.
    this.#known.delete(regex)
    this.#known.set(regex, known)
    if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.keys().next().value!)
    return known
  }

  #look(pattern: RE2JS, known: Known): Promise<void> | undefined {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { version } = this.#topics
    const names = Array.from(this.#topics.all(), ({ name }) => name).sort()
    const topics: string[] = []
    let next = 0
    const slice = (): boolean => {
      const until = this.#clock.monotonic() + SLICE_MS
      while (next < names.length && !this.#isClosed) {
        const name = names[next++]!
        if (pattern.testExact(name)) topics.push(name)
        if (this.#clock.monotonic() >= until && next < names.length) {
          this.#clock.soon(slice)
          return false
        }
      }
      if (!this.#isClosed) known.matches = { topics, version }
      known.underWay = undefined
      resolve()
      return true
    }
    return slice() ? undefined : promise
  }
}

function compiled(regex: string): RE2JS | undefined {
  if (regex.length > REGEX_LENGTH_MAX) return undefined
  try {
    return RE2JS.compile(regex)
  } catch {
    return undefined
  }
}
