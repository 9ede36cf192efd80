import { errorKinds, viewKinds } from './value-format.ts'

type ViewConstructor = new (memory: ArrayBuffer, byteOffset: number, length?: number) => ArrayBufferView
type ErrorConstructorLike = { readonly prototype: object }

const globals = globalThis as unknown as { readonly [name: string]: { readonly prototype: object } | undefined }

/** Prototype of each kind of view, by its place in `viewKinds`; undefined where this Node has none. */
export const viewPrototypes: readonly (object | undefined)[] = viewKinds.map((name) => globals[name]?.prototype)

/** Prototype of each kind of error, by its place in `errorKinds`. */
export const errorPrototypes: readonly (object | undefined)[] = errorKinds.map((name) => (globals[name] as ErrorConstructorLike).prototype)

/**
 * The prototype of this realm that stands for one of another, such as that of `{}` in a vm context: test runners run tests in one. Any other is answered as it is.
 * Only what the engine's own language made counts: a class of a user that is named `Map` is none.
 */
export function ownPrototype(prototype: unknown): unknown {
  if (typeof prototype !== 'object' || prototype === null) return prototype
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof constructor !== 'function' || constructor.prototype !== prototype) return prototype
  if (!Function.prototype.toString.call(constructor).endsWith('{ [native code] }')) return prototype
  return globals[constructor.name]?.prototype ?? prototype
}

/** A view of the named kind over the whole of `memory`. Undefined if this Node does not have the kind, or the length is no multiple of its element. */
export function makeView(kind: number, memory: ArrayBuffer): ArrayBufferView | undefined {
  const name = viewKinds[kind]
  if (name === undefined) return undefined
  if (name === 'Buffer') return Buffer.from(memory)
  const Constructor = globals[name] as unknown as (ViewConstructor & { readonly BYTES_PER_ELEMENT?: number }) | undefined
  if (Constructor === undefined || memory.byteLength % (Constructor.BYTES_PER_ELEMENT ?? 1) !== 0) return undefined
  return new Constructor(memory, 0)
}

/** An error of the named kind without any own property. */
export function makeError(kind: number): Error | undefined {
  const prototype = errorPrototypes[kind]
  if (prototype === undefined) return undefined
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const made = new Error()
  Error.stackTraceLimit = limit
  for (const name of Object.getOwnPropertyNames(made)) delete (made as unknown as { [name: string]: unknown })[name]
  return Object.setPrototypeOf(made, prototype) as Error
}
