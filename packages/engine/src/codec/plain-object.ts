/**
 * Whether an object is a plain one, with the prototype of all object literals.
 *
 * `Object.getPrototypeOf` calls into V8 each time, unless the compiler knows the one shape that comes by. `__proto__` is a property like others: looked up by
 * shape, and where few come by compiled away. An own field of that name hides it: such an object is then not known to be plain, and takes the slow way.
 */

/** An own field of this name makes an object one that is not known to be plain. */
export const PROTO = '__proto__'

/** Node can be told to do without `__proto__`, and to throw where it is read (`--disable-proto`). */
const hasProto: boolean = (() => {
  try {
    return prototypeField({}) === Object.prototype
  } catch {
    return false
  }
})()

export const isPlain: (value: object) => boolean = hasProto
  ? (value) => prototypeField(value) === Object.prototype
  : (value) => Object.getPrototypeOf(value) === Object.prototype

/** The same in generated code, of the object that `name` names, so that each place learns what comes by there; `plain` and `getPrototypeOf` are known in it. */
export function isPlainCode(name: string): string {
  return hasProto ? `${name}.__proto__ === plain` : `getPrototypeOf(${name}) === plain`
}

export const plainHelp: { readonly plain: object; readonly getPrototypeOf: (value: object) => unknown } = {
  plain: Object.prototype,
  getPrototypeOf: Object.getPrototypeOf,
}

function prototypeField(value: object): unknown {
  // oxlint-disable-next-line no-proto
  return (value as { readonly __proto__: unknown }).__proto__
}
