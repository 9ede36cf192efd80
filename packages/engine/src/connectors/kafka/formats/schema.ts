import { isPromise } from '../../../api/standard-schema.ts'
import type { StandardSchema } from '../../../api/state.ts'
import { around, type Format } from './format.ts'

type SchemaResult = { readonly issues?: undefined; readonly value: unknown } | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** Checks with a Standard Schema, synchronously; answers what the schema makes of the value. @throws `TypeError` that names the fields */
export function check<T>(schema: StandardSchema<T>, value: unknown): T {
  const result = schema['~standard'].validate(value) as SchemaResult | PromiseLike<SchemaResult>
  if (isPromise(result))
    throw new TypeError(`the schema (${schema['~standard'].vendor}) validates asynchronously, which a format cannot wait for`)
  if (result.issues === undefined) return result.value as T
  throw new TypeError(describe(result.issues))
}

/**
 * Puts a Standard Schema (zod, valibot, arktype, …) behind any format: values are checked and take its output type; what does not fit is a poison record.
 * What is written is checked as well, against the same schema, and written as it was given.
 */
export function withSchema<T>(format: Format<unknown>, schema: StandardSchema<T>): Format<T> {
  return {
    ...(format.open === undefined ? {} : { open: (opening) => format.open!(opening) }),
    deserialize: around(format, 'deserialize', (bytes, context) => check(schema, format.deserialize(bytes, context))),
    serialize: (value, context) => {
      check(schema, value)
      return format.serialize(value, context)
    },
  }
}

function describe(issues: readonly SchemaIssue[]): string {
  const texts = issues.slice(0, 5).map(({ message, path = [] }) => {
    const place = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return place === '' ? message : `${place}: ${message}`
  })
  return texts.join('; ')
}
