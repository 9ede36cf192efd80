import type { MillraceError } from '@millrace/core'
import { engineError, type EngineErrorCode } from '../errors.ts'

/** Of a path in a message: what is nested deeply is shown by its beginning and its end. */
const PATH_LENGTH_MAX = 400

/** Thrown inside the writer; collects the way to the culprit while it passes the containers on its way out. */
export class Refusal extends Error {
  readonly #code: EngineErrorCode
  readonly #what: string
  readonly #limit: number
  #path = ''

  constructor(code: EngineErrorCode, what: string, limit = 0) {
    super(what)
    this.#code = code
    this.#what = what
    this.#limit = limit
  }

  /** The culprit is inside what `segment` names: `.items`, `[3]`. */
  inside(segment: string): void {
    this.#path = segment + this.#path
  }

  toError(root: string): MillraceError {
    const path = root + this.#path
    const shown = path.length <= PATH_LENGTH_MAX ? path : `${path.slice(0, PATH_LENGTH_MAX / 2)} … ${path.slice(-PATH_LENGTH_MAX / 2)}`
    return engineError(this.#code, { path: shown, what: this.#what, limit: this.#limit })
  }
}

/** Thrown by a writer that was told of outer objects, when a value refers to one of them. */
export class OuterReference extends Error {}

const identifier = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u
const SEGMENT_LENGTH_MAX = 80

/** How JavaScript would go from an object to its field. */
export function fieldSegment(key: string): string {
  if (identifier.test(key)) return key.length <= SEGMENT_LENGTH_MAX ? `.${key}` : `.${key.slice(0, SEGMENT_LENGTH_MAX)}…`
  return `[${JSON.stringify(key.length <= SEGMENT_LENGTH_MAX ? key : `${key.slice(0, SEGMENT_LENGTH_MAX)}…`)}]`
}

/** How to name a map's value under a key. */
export function entrySegment(key: unknown): string {
  if (typeof key === 'string')
    return `.get(${JSON.stringify(key.length <= SEGMENT_LENGTH_MAX ? key : `${key.slice(0, SEGMENT_LENGTH_MAX)}…`)})`
  return typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean' ? `.get(${key})` : '.get(…)'
}

/** Passes a refusal on, having said where it comes from. */
export function passOn(error: unknown, segment: string): never {
  if (error instanceof Refusal) error.inside(segment)
  throw error
}

/** What an unsupported object is, for the message. */
export function describeObject(value: object): string {
  if (value instanceof Promise) return 'a promise (await it before it is emitted or stored)'
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) return `a ${value.constructor.name}`
  const constructor: unknown = (Object.getPrototypeOf(value) as { constructor?: unknown } | null)?.constructor
  const name = typeof constructor === 'function' && constructor.name !== '' ? constructor.name : 'an anonymous class'
  return `an instance of ${name}`
}

/** An array that has more than elements, such as the match of a regular expression. */
export function namedProperty(name: string): Refusal {
  return new Refusal(
    'VALUE_UNSUPPORTED',
    `an array with the property ${JSON.stringify(name)} besides its elements (send [...array], or an object)`,
  )
}

export function refuseSymbols(value: object): void {
  const symbol = Object.getOwnPropertySymbols(value).find((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))
  if (symbol !== undefined) throw new Refusal('VALUE_UNSUPPORTED', `an object with the symbol ${String(symbol)} as a key`)
}

export function refuseOwnProperties(value: object): void {
  const names = Object.keys(value)
  if (names.length > 0)
    throw new Refusal('VALUE_UNSUPPORTED', `${describeObject(value)} with the property ${JSON.stringify(names[0])} of its own`)
}

/** Beside its elements. Slow: it lists them. */
export function refuseViewProperties(value: ArrayBufferView): void {
  const name = Object.keys(value).at(-1)
  if (name === undefined || /^\d+$/.test(name)) return
  throw new Refusal('VALUE_UNSUPPORTED', `${describeObject(value)} with the property ${JSON.stringify(name)} of its own`)
}

export function refuseAccessors(value: object): void {
  for (const [key, property] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
    if (property.get !== undefined || property.set !== undefined) {
      const refusal = new Refusal('VALUE_UNSUPPORTED', 'an accessor (a getter or setter)')
      refusal.inside(fieldSegment(key))
      throw refusal
    }
    if (property.enumerable !== true && !Array.isArray(value)) {
      const refusal = new Refusal('VALUE_UNSUPPORTED', 'a property that is not enumerable')
      refusal.inside(fieldSegment(key))
      throw refusal
    }
  }
}
