/**
 * Values in the order in which they were added, for what comes and goes thousands of times a second.
 *
 * 1. A link that is out of its list points at nothing.
 * 2. Whoever goes through a list meets every value once that was in it from beginning to end, in order, whatever is added or removed meanwhile.
 *
 * A Set would do, but for V8's garbage collector: each time a Set empties it gets a new table, and the old one keeps a pointer to it. The first of them that is
 * old enough to be spared by the collections of young objects keeps all its successors, and what they held last, until the whole heap is looked through.
 */
export class LinkedList<T> implements Iterable<T> {
  #first: LinkInList<T> | undefined
  #last: LinkInList<T> | undefined
  #size = 0
  #added = 0

  get size(): number {
    return this.#size
  }

  /** The value that has been there for longest. */
  get first(): T | undefined {
    return this.#first?.value
  }

  /** Adds the value at the end. */
  add(value: T): Link<T> {
    const link = new LinkInList(value)
    this.#append(link)
    return link
  }

  /** Takes the link's value out; false if it is not in this list. */
  remove(link: Link<T>): boolean {
    const inList = link as LinkInList<T>
    if (inList.list !== this) return false
    const { before, after } = inList
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    inList.list = undefined
    inList.before = undefined
    inList.after = undefined
    this.#size--
    return true
  }

  /** Puts the link's value at the end, wherever in this list it was, or if it was taken out. @throws TypeError where it is in another list */
  moveToEnd(link: Link<T>): void {
    const inList = link as LinkInList<T>
    if (!this.remove(link) && inList.list !== undefined) throw new TypeError('the link is in another list')
    this.#append(inList)
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (let link = this.#first; link !== undefined;) {
      const { order } = link
      yield link.value
      link = link.list === this && link.order === order ? link.after : this.#firstBehind(order)
    }
  }

  #append(link: LinkInList<T>): void {
    link.list = this
    link.order = ++this.#added
    link.before = this.#last
    if (this.#last === undefined) this.#first = link
    else this.#last.after = link
    this.#last = link
    this.#size++
  }

  #firstBehind(order: number): LinkInList<T> | undefined {
    let link = this.#first
    while (link !== undefined && link.order <= order) link = link.after
    return link
  }
}

/** A value's place in a list. */
export interface Link<T> {
  readonly value: T
}

class LinkInList<T> implements Link<T> {
  readonly value: T
  list: LinkedList<T> | undefined = undefined
  before: LinkInList<T> | undefined = undefined
  after: LinkInList<T> | undefined = undefined
  order = 0

  constructor(value: T) {
    this.value = value
  }
}
