/**
 * The files of a reader, in the order of their turns.
 *
 * 1. Of a lineage, a tail has its turn only when all before it have been read to their ends.
 * 2. When a new one of its lineage comes, what is before it is read to its end once more: it may have grown just before it was rotated.
 */
import type { Tail } from './tail.ts'

export class TailQueue {
  #tails: Tail[] = []
  readonly #lineages: Map<string, Set<Tail>> = new Map()

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
    this.#join(tail)
    for (const before of this.#lineages.get(tail.path)!) {
      if (!tail.follows(before)) continue
      before.isOutdated = true
      if (before.phase === 'idle') before.phase = 'ready'
    }
  }

  addBefore(tail: Tail, others: readonly Tail[]): void {
    this.#tails.splice(this.#tails.indexOf(tail), 0, ...others)
    for (const other of others) this.#join(other)
  }

  moveToEnd(tail: Tail): void {
    this.#tails.push(...this.#tails.splice(this.#tails.indexOf(tail), 1))
  }

  remove(tail: Tail): void {
    this.#tails = this.#tails.filter((other) => other !== tail)
    const lineage = this.#lineages.get(tail.path)
    lineage?.delete(tail)
    if (lineage?.size === 0) this.#lineages.delete(tail.path)
  }

  #isBehind(tail: Tail): boolean {
    return [...this.#lineages.get(tail.path)!].some((other) => tail.follows(other) && other.phase !== 'idle')
  }

  #join(tail: Tail): void {
    const lineage = this.#lineages.get(tail.path)
    if (lineage === undefined) this.#lineages.set(tail.path, new Set([tail]))
    else lineage.add(tail)
  }
}
