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
  readonly pattern: RE2JS
  matches: RegexMatches | undefined
  underWay: Promise<void> | undefined
}

/** Expressions that are kept compiled. */
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
    return this.#knownOf(regex) !== undefined
  }

  /** What it was found to match when it was last looked at, undefined before. Looks anew, in the background, where topics have changed since. */
  matching(regex: string): RegexMatches | undefined {
    const known = this.#knownOf(regex)
    if (known !== undefined) this.#refresh(known)
    return known?.matches
  }

  /** Resolves when `matching` knows the expression, or it is not valid. Never rejects. */
  async ready(regex: string): Promise<void> {
    const known = this.#knownOf(regex)
    if (known === undefined) return
    this.#refresh(known)
    await known.underWay
  }

  /** Looks no further. */
  close(): void {
    this.#isClosed = true
  }

  #knownOf(regex: string): Known | undefined {
    const known = this.#known.get(regex) ?? compiled(regex)
    if (known === undefined) return undefined
    // Behind all others: the one not asked for longest is dropped first.
    this.#known.delete(regex)
    this.#known.set(regex, known)
    if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.keys().next().value!)
    return known
  }

  #refresh(known: Known): void {
    if (known.underWay !== undefined || known.matches?.version === this.#topics.version) return
    const { promise, resolve } = Promise.withResolvers<void>()
    known.underWay = promise
    const { version } = this.#topics
    const names = Array.from(this.#topics.all(), ({ name }) => name).sort()
    const topics: string[] = []
    let next = 0
    const slice = (): void => {
      const until = this.#clock.monotonic() + SLICE_MS
      while (next < names.length && !this.#isClosed) {
        const name = names[next++]!
        if (known.pattern.testExact(name)) topics.push(name)
        if (this.#clock.monotonic() >= until && next < names.length) return void this.#clock.soon(slice)
      }
      if (!this.#isClosed) known.matches = { topics, version }
      known.underWay = undefined
      resolve()
    }
    slice()
  }
}

function compiled(regex: string): Known | undefined {
  if (regex.length > REGEX_LENGTH_MAX) return undefined
  try {
    return { pattern: RE2JS.compile(regex), matches: undefined, underWay: undefined }
  } catch {
    return undefined
  }
}
