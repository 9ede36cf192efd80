// One state of all the rows of a table.
//
// 1. Starts without storage, becomes numbers with the first number, objects with the first value that is none, and stays that.
// 2. Numbers need no object each: a counter or a sum is changed in place, and the garbage collector has nothing to visit.

/** Stands for "no value" among numbers. Whoever stores this very number turns the column into objects. */
const ABSENT: number = -Number.MAX_VALUE

const EMPTY = 0
/** The mode of a column that has numbers alone. */
export const NUMBERS = 1
const OBJECTS = 2

const noNumbers = new Float64Array(0)
const noObjects: unknown[] = []

export class Column {
  #capacity: number
  mode: number = EMPTY
  numbers: Float64Array = noNumbers
  objects: unknown[] = noObjects

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(row: number): unknown {
    if (this.mode === NUMBERS) {
      const value = this.numbers[row]!
      return value === ABSENT ? undefined : value
    }
    return this.mode === OBJECTS ? this.objects[row] : undefined
  }

  /** The value is not undefined. */
  set(row: number, value: unknown): void {
    if (typeof value === 'number' && this.mode === NUMBERS && value !== ABSENT) this.numbers[row] = value
    else this.#store(row, value)
  }

  clear(row: number): void {
    if (this.mode === NUMBERS) this.numbers[row] = ABSENT
    else if (this.mode === OBJECTS) this.objects[row] = undefined
  }

  has(row: number): boolean {
    return this.mode === NUMBERS ? this.numbers[row] !== ABSENT : this.mode === OBJECTS && this.objects[row] !== undefined
  }

  grow(capacity: number): void {
    const before = this.#capacity
    this.#capacity = capacity
    if (this.mode === NUMBERS) {
      const numbers = new Float64Array(capacity)
      numbers.set(this.numbers)
      this.numbers = numbers.fill(ABSENT, before)
    } else if (this.mode === OBJECTS) {
      for (let row = before; row < capacity; row++) this.objects.push(undefined)
    }
  }

  /** What it takes, without what its objects take. */
  get sizeBytes(): number {
    return this.mode === EMPTY ? 0 : 8 * this.#capacity
  }

  #store(row: number, value: unknown): void {
    if (this.mode === EMPTY && typeof value === 'number' && value !== ABSENT) {
      this.mode = NUMBERS
      this.numbers = new Float64Array(this.#capacity).fill(ABSENT)
      this.numbers[row] = value
      return
    }
    if (this.mode !== OBJECTS) this.#becomeObjects()
    this.objects[row] = value
  }

  #becomeObjects(): void {
    const objects: unknown[] = []
    for (let row = 0; row < this.#capacity; row++) objects.push(this.get(row))
    this.objects = objects
    this.numbers = noNumbers
    this.mode = OBJECTS
  }
}
