/** Reads parsed JSON that may be anything, field by field: what is not as expected is named by its path. */
export class JsonFields {
  readonly #value: { readonly [name: string]: unknown }
  readonly #path: string

  /** @throws TypeError, as all methods do */
  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(`${path} is no object`)
    this.#value = value as { readonly [name: string]: unknown }
    this.#path = path
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#value, name)
  }

  get(name: string): unknown {
    return this.has(name) ? this.#value[name] : undefined
  }

  text(name: string): string {
    const value = this.get(name)
    return typeof value === 'string' ? value : this.fail(name, 'is no text')
  }

  integer(name: string, from = 0, to: number = Number.MAX_SAFE_INTEGER): number {
    return this.#integer(this.get(name), name, from, to)
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    return values.find((value) => value === this.get(name)) ?? this.fail(name, `is none of ${values.join(', ')}`)
  }

  bytes(name: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(Buffer.from(this.text(name), 'base64'))
  }

  list<T>(name: string, read: (fields: JsonFields) => T): T[] {
    return this.#array(name).map((item, index) => read(new JsonFields(item, `${this.#path}.${name}[${index}]`)))
  }

  integers(name: string, from = 0, to: number = Number.MAX_SAFE_INTEGER): number[] {
    return this.#array(name).map((item, index) => this.#integer(item, `${name}[${index}]`, from, to))
  }

  texts(name: string): string[] {
    return this.#array(name).map((item, index) => (typeof item === 'string' ? item : this.fail(`${name}[${index}]`, 'is no text')))
  }

  fields(name: string): JsonFields {
    return new JsonFields(this.get(name), `${this.#path}.${name}`)
  }

  entries(): [string, unknown][] {
    return Object.entries(this.#value)
  }

  fail(name: string, problem: string): never {
    throw new TypeError(`${this.#path}.${name} ${problem}`)
  }

  #array(name: string): unknown[] {
    const value = this.get(name)
    return Array.isArray(value) ? value : this.fail(name, 'is no list')
  }

  #integer(value: unknown, name: string, from: number, to: number): number {
    const isGood = typeof value === 'number' && Number.isSafeInteger(value) && value >= from && value <= to
    return isGood ? value : this.fail(name, `is no whole number from ${from} to ${to}`)
  }
}
