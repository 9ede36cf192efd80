/**
 * Objects with given keys, made by a literal: V8 then lays them out exactly, and code that reads them sees one hidden class.
 *
 * The keys are anybody's data. They enter generated code only through `quote`, and only as computed keys, which define a field of their own
 * whatever the name (`{"__proto__": x}` would set the prototype, `{["__proto__"]: x}` does not).
 */

/** An object literal's code: `keys[i]` gets the expression `values[i]`. */
export function literalCode(keys: readonly string[], values: readonly string[]): string {
  return `{${keys.map((key, index) => `${literalKey(key)}:${values[index]!}`).join(',')}}`
}

/** A text as JavaScript code. Beyond JSON, what ends a line in old parsers is escaped. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(/[\u2028\u2029]/g, (end) => (end === '\u2028' ? '\\u2028' : '\\u2029'))
}

function literalKey(key: string): string {
  return key === '__proto__' ? `[${quote(key)}]` : quote(key)
}

/** Puts a field of its own on an object being built, whatever its name. */
export function defineField(object: { [key: string]: unknown }, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  else object[key] = value
}
