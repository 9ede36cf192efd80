import type { StandardSchema } from './state.ts'

/** What a Standard Schema says of a value: the value as it is to be, or what is wrong with it; `async` if it would tell later. */
export type SchemaVerdict =
  | { readonly kind: 'valid'; readonly value: unknown }
  | { readonly kind: 'invalid'; readonly problem: string }
  | { readonly kind: 'async' }

/** Whether something is a Standard Schema. */
export function isStandardSchema(candidate: unknown): candidate is StandardSchema<unknown> {
  const standard = (candidate as Partial<StandardSchema<unknown>> | undefined)?.['~standard']
  return typeof standard?.validate === 'function'
}

export function judge(schema: StandardSchema<unknown>, value: unknown): SchemaVerdict {
  const result = schema['~standard'].validate(value) as SchemaResult | PromiseLike<SchemaResult>
  if (isPromise(result)) return { kind: 'async' }
  return result.issues === undefined ? { kind: 'valid', value: result.value } : { kind: 'invalid', problem: describe(result.issues) }
}

/** Whether a schema answers later. Nobody hears it then: what it might fail with must not end the process. */
export function isPromise<T extends object>(result: T | PromiseLike<T>): result is PromiseLike<T> {
  if (!('then' in result) || typeof result.then !== 'function') return false
  result.then(undefined, () => {})
  return true
}

type SchemaResult = { readonly issues?: undefined; readonly value: unknown } | { readonly issues: readonly SchemaIssue[] }

interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

const ISSUES_MAX = 5

function describe(issues: readonly SchemaIssue[]): string {
  const texts = issues.slice(0, ISSUES_MAX).map(({ message, path = [] }) => {
    const place = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return place === '' ? message : `${place}: ${message}`
  })
  return texts.join('; ')
}
