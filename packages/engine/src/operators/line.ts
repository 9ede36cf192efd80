/** Taken items that are kept before the rest moves up. */
const TAKEN_MIN = 1024

/** First come, first served. As an array of which `shift` costs the same however long it is: that of a long array moves all that is behind. */
export class Line<T> {
  #items: (T | undefined)[]
  /** Where the first is; what lies before has been taken. */
  #head = 0

  constructor(items: T[] = []) {
    this.#items = items
  }

  get length(): number {
    return this.#items.length - this.#head
  }

  at(place: number): T | undefined {
    return this.#items[this.#head + place]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (this.length === 0) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head >= TAKEN_MIN && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  insert(place: number, item: T): void {
    this.#items.splice(this.#head + place, 0, item)
  }

  remove(place: number): T | undefined {
    return this.#items.splice(this.#head + place, 1)[0]
  }

  /** The place of the first that is wanted, -1 if there is none. */
  find(isWanted: (item: T, place: number) => boolean): number {
    for (let place = 0; place < this.length; place++) if (isWanted(this.at(place)!, place)) return place
    return -1
  }

  items(): readonly T[] {
    return this.#items.slice(this.#head) as T[]
  }
}
