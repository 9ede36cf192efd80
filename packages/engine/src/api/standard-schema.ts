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
  const result = schema['~standard'].validate(value) as SchemaResult
  if (typeof (result as { then?: unknown }).then === 'function') return { kind: 'async' }
  return result.issues === undefined ? { kind: 'valid', value: result.value } : { kind: 'invalid', problem: describe(result.issues) }
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
