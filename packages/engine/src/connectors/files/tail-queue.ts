/**
 * The files of a reader, in the order of their turns.
 *
 * 1. Of a lineage, a tail has its turn only when all before it have been read to their ends.
 * 2. When a new one of its lineage comes, what is before it is read to its end once more: it may have grown just before it was rotated.
 */
import type { Tail } from './tail.ts'

export class TailQueue {
  #tails: Tail[] = []

  get all(): readonly Tail[] {
    return this.#tails
  }

  get anyReady(): boolean {
    return this.#tails.some(({ phase }) => phase === 'ready')
  }

  /** The one whose turn it is, if any is ready. */
  get next(): Tail | undefined {
    return this.#tails.find((candidate) => candidate.phase === 'ready' && !this.#isBehind(candidate))
  }

  add(tail: Tail): void {
    this.#tails.push(tail)
    for (const before of this.#tails) {
      if (!tail.follows(before)) continue
      before.isOutdated = true
      if (before.phase === 'idle') before.phase = 'ready'
    }
  }

  addBefore(tail: Tail, others: readonly Tail[]): void {
    this.#tails.splice(this.#tails.indexOf(tail), 0, ...others)
  }

  moveToEnd(tail: Tail): void {
    this.#tails.push(...this.#tails.splice(this.#tails.indexOf(tail), 1))
  }

  remove(tail: Tail): void {
    this.#tails = this.#tails.filter((other) => other !== tail)
  }

  #isBehind(tail: Tail): boolean {
    return this.#tails.some((other) => tail.follows(other) && other.phase !== 'idle')
  }
}
