/**
 * Bounds for what the library `avsc` reads: it believes how many items an array or a map says it has, and reads on behind the end of the bytes, so that a few bytes
 * of a broken record could take all memory, or never come to an end.
 *
 * 1. What is behind the end of the bytes is not read.
 * 2. All arrays and maps of a record together have no more items than it has bytes, and some that take none (nulls, empty records).
 * 3. What is written as a map has no other content than its keys.
 */
import type { Type } from 'avsc'
import { isKeyed } from './plain-copy.ts'

/** Where the library reads, as far as it is needed here. */
interface Tap {
  readonly buf: { readonly length: number }
  readonly pos: number
  /** Items so far. */
  items?: number
  readLong(): number
  skipLong(): void
  readString(): string
  skipString(): void
}

interface Readable {
  _read(tap: Tap): unknown
  _skip(tap: Tap): void
}

type Check = (this: unknown, value: unknown, flags: unknown, hook?: (value: unknown, type: unknown) => void, path?: unknown) => boolean

interface Checking {
  readonly _check: Check
}

interface Repeated extends Readable {
  readonly itemsType?: Readable
  readonly valuesType?: Readable
}

const ITEMS_WITHOUT_BYTES_MAX = 65_536

type Library = Pick<typeof import('avsc'), 'types'>
type Make = new (schema: unknown, options: unknown) => object

/** A hook for the library: arrays and maps of any schema that it reads are bounded. */
export function boundingHook({ types }: Library): (schema: unknown, options: unknown) => Type | undefined {
  // The library freezes what it makes: only a class of its own can be changed.
  const bounded = (known: unknown, methods: Readable & Partial<Checking>): Make => {
    const made = class extends (known as Make) {}
    Object.assign(made.prototype, methods)
    return made
  }
  const array = bounded(types.ArrayType, { _read: readArray, _skip: skipArray })
  const map = bounded(types.MapType, { _read: readMap, _skip: skipMap, _check: checkMap(types.MapType.prototype as unknown as Checking) })
  return (schema, options) => {
    const kind = (schema as { readonly type?: unknown } | null)?.type
    if (kind !== 'array' && kind !== 'map') return undefined
    return new (kind === 'array' ? array : map)(schema, options) as Type
  }
}

function readArray(this: Repeated, tap: Tap): unknown[] {
  const items: unknown[] = []
  eachItem(tap, () => items.push(this.itemsType!._read(tap)))
  return items
}

function skipArray(this: Repeated, tap: Tap): void {
  eachItem(tap, () => this.itemsType!._skip(tap))
}

/** The library takes any object for a map of its keys. */
function checkMap({ _check: check }: Checking): Check {
  return function (value, flags, hook, path) {
    if (isKeyed(value)) return check.call(this, value, flags, hook, path)
    hook?.(value, this)
    return false
  }
}

function readMap(this: Repeated, tap: Tap): Record<string, unknown> {
  const entries: [string, unknown][] = []
  eachItem(tap, () => entries.push([tap.readString(), this.valuesType!._read(tap)]))
  return Object.fromEntries(entries)
}

function skipMap(this: Repeated, tap: Tap): void {
  eachItem(tap, () => {
    tap.skipString()
    this.valuesType!._skip(tap)
  })
}

/** Blocks, each with the number of its items; a negative one is followed by the block's size. @throws `RangeError` */
function eachItem(tap: Tap, take: () => void): void {
  for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
    if (count < 0) {
      count = -count
      tap.skipLong()
    }
    const sum = (tap.items ?? 0) + count
    if (sum > tap.buf.length + ITEMS_WITHOUT_BYTES_MAX) throw new RangeError(`${sum} items cannot be in ${tap.buf.length} bytes`)
    tap.items = sum
    for (; count > 0; count--) {
      take()
      if (tap.pos > tap.buf.length) throw new RangeError('the bytes end within an array or a map')
    }
  }
}
