/**
 * Errors with a stable code, from one table a package.
 *
 * Each says who must act: `user` (the job's code or options), `operator` (the machine, disk or network), `bug` (us);
 * and whether trying again unchanged may help.
 */
export interface ErrorDefinition {
  readonly who: 'user' | 'operator' | 'bug'
  readonly retry: boolean
  /** What it speaks of is lost: a job that fails with it is not restarted, whatever its restart strategy. */
  readonly final?: true
  /** Text with `{name}` for each detail; `{count?record:records}` is the first where that detail is 1, else the second. */
  readonly message: string
}

/** A package's errors by their codes. */
export type ErrorTable = { readonly [code: string]: ErrorDefinition }

/** What an error speaks of, by the names in its message. */
export type ErrorDetails = { readonly [name: string]: string | number | bigint | boolean | undefined }

/** What everything here throws: a stable code, who must act, and whether trying again unchanged may help. The error reference lists all codes. */
export class MillraceError extends Error {
  override readonly name: string = 'MillraceError'
  /** Stable, as in the error reference: `STATE_NOT_KEYED`. */
  readonly code: string
  readonly who: ErrorDefinition['who']
  readonly retry: boolean
  /** No restart can mend it. */
  readonly final: boolean
  readonly details: ErrorDetails

  constructor(code: string, definition: ErrorDefinition, details: ErrorDetails, cause?: unknown) {
    super(`${fill(definition.message, details)} [${code}]`, cause === undefined ? undefined : { cause })
    this.code = code
    this.who = definition.who
    this.retry = definition.retry
    this.final = definition.final === true
    this.details = details
  }
}

/** What whoever threw it has to say; anything can be thrown. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown)
  } catch {
    return `something of type ${typeof thrown} that cannot be shown`
  }
}

function fill(message: string, details: ErrorDetails): string {
  return message.replace(/\{(\w+)(?:\?([^:}]*):([^}]*))?\}/g, (_, name: string, one: string | undefined, many: string | undefined) => {
    if (one !== undefined) return String(details[name]) === '1' ? one : many!
    return String(details[name] ?? `{${name}}`)
  })
}

/** A message of a table as a reference shows it: with the words for many. */
export function messagePattern({ message }: ErrorDefinition): string {
  return message.replace(/\{\w+\?[^:}]*:([^}]*)\}/g, '$1')
}

/** Makes the errors of one table; the table itself is there for the reference page. */
export interface ErrorFactory<T extends ErrorTable> {
  (code: keyof T & string, details?: ErrorDetails, cause?: unknown): MillraceError
  readonly table: T
}

/** Turns a package's table into a function that makes its errors: `throw error('STATE_NOT_KEYED', { operator })`. */
export function defineErrors<const T extends ErrorTable>(table: T): ErrorFactory<T> {
  const make = (code: keyof T & string, details: ErrorDetails = {}, cause?: unknown): MillraceError =>
    new MillraceError(code, table[code]!, details, cause)
  return Object.assign(make, { table })
}
