/**
 * The objects of one value, numbered in the order in which they are met: a second meeting, and so a cycle, is told by its number.
 *
 * 1. The first has number 0; no two have the same.
 * 2. Few are searched one by one; a map is made only of more than `SEARCHED_MAX`.
 * 3. After `forget` no object is referred to.
 */

/** Objects of one value that are searched one by one before a map is made of them. */
const SEARCHED_MAX = 12

export class ObjectNumbers {
  readonly #searched: (object | undefined)[] = []
  #numbers: Map<object, number> | undefined
  #count = 0

  /** Whether any has been met. */
  get any(): boolean {
    return this.#count > 0
  }

  /** The number of an object that was met before; -1 if it was not: from now on it has one. */
  meet(object: object): number {
    const count = this.#count
    const number = count <= SEARCHED_MAX ? this.#search(object, count) : (this.#numbers?.get(object) ?? -1)
    if (number >= 0) return number
    if (count < SEARCHED_MAX) this.#searched[count] = object
    else {
      this.#numbers ??= new Map((this.#searched as object[]).slice(0, count).map((met, index) => [met, index]))
      this.#numbers.set(object, count)
    }
    this.#count = count + 1
    return -1
  }

  forget(): void {
    for (let i = 0; i < this.#count && i < this.#searched.length; i++) this.#searched[i] = undefined
    this.#numbers = undefined
    this.#count = 0
  }

  #search(object: object, count: number): number {
    for (let i = 0; i < count; i++) if (this.#searched[i] === object) return i
    return -1
  }
}
