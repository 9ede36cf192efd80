import { inspect, types } from 'node:util'

/** Whatever was thrown, as texts. */
export interface Thrown {
  readonly name: string
  readonly message: string
  readonly stack: string
  /** As system errors and this project's have one. */
  readonly code: string | undefined
}

/** Anything can be thrown: what has no text of its own, or throws when it is asked for it, is shown all the same. Never throws. */
export function describeThrown(thrown: unknown): Thrown {
  if (!isError(thrown)) {
    const message = shown(thrown)
    return { name: 'Error', message, stack: message, code: undefined }
  }
  const name = textOf(thrown, 'name') ?? 'Error'
  const message = textOf(thrown, 'message') ?? ''
  const code = read(thrown, 'code')
  return {
    name,
    message,
    stack: stackOf(thrown) ?? `${name}: ${message}`,
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : undefined,
  }
}

/** A property of what was thrown; undefined where it has none, or refuses to say. */
export function propertyOf(thrown: unknown, name: string): unknown {
  return typeof thrown === 'object' && thrown !== null ? read(thrown, name) : undefined
}

/** Errors of this realm and of others. */
export function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error || types.isNativeError(thrown)
  } catch {
    return false
  }
}

function stackOf(thrown: object): string | undefined {
  const stack = read(thrown, 'stack')
  return typeof stack === 'string' ? stack : undefined
}

function textOf(thrown: object, property: string): string | undefined {
  const text = read(thrown, property)
  return text === undefined || typeof text === 'string' ? text : shown(text)
}

function read(from: object, property: string): unknown {
  try {
    return (from as { readonly [name: string]: unknown })[property]
  } catch {
    return undefined
  }
}

function shown(value: unknown): string {
  try {
    return typeof value === 'object' && value !== null ? inspect(value, { depth: 2, breakLength: Infinity }) : String(value)
  } catch {
    return `something of type ${typeof value} that cannot be shown`
  }
}
