import { checkOptionNames } from '../../options.ts'
import { encodeText, textOf } from './plain.ts'
import { engineError } from '../../../errors.ts'
import { keepsNoBytes, keepsNoValue, makesFormats, present, type Format } from './format.ts'

/** The shape of a row. */
export interface CsvOptions<C extends string> {
  /** Names of the fields, in order; every row has as many. */
  readonly columns: readonly C[]
  /** One character; a comma by default. */
  readonly delimiter?: string
}

/**
 * One row of comma separated values a record, quoted as RFC 4180 says: all fields are text. A line end behind the row is left out. Put `withSchema` around it for numbers.
 *
 * ```ts
 * csv({ columns: ['id', 'amount'] })  // { id: string, amount: string }
 * ```
 */
export function csv<const C extends string>(options: CsvOptions<C>): Format<{ [name in C]: string }> {
  checkOptionNames<CsvOptions<C>>('csv', options, { columns: true, delimiter: true })
  const { columns, delimiter = ',' } = options
  const given: unknown = columns
  if (!Array.isArray(given) || given.length === 0) throw invalid('columns', 'must name the fields, in order')
  if (new Set(columns).size < columns.length) throw invalid('columns', 'names a field twice')
  if (typeof delimiter !== 'string' || delimiter.length !== 1 || '"\r\n'.includes(delimiter))
    throw invalid('delimiter', `is ${JSON.stringify(delimiter)}: one character, no quote and no line end`)
  return {
    deserialize: keepsNoBytes((bytes) => {
      const fields = fieldsOf(textOf(present(bytes)), delimiter)
      if (fields.length !== columns.length) throw new TypeError(`a row of ${fields.length} fields where ${columns.length} were expected`)
      return Object.fromEntries(columns.map((name, index) => [name, fields[index]])) as { [name in C]: string }
    }),
    serialize: keepsNoValue((row) => {
      if (typeof row !== 'object' || (row as unknown) === null)
        throw new TypeError(`a row is an object, and this is ${row === null ? 'null' : typeof row}`)
      return encodeText(columns.map((name) => quoted(name, row[name], delimiter)).join(delimiter))
    }),
  }
}

makesFormats(csv)

function invalid(option: string, problem: string): Error {
  return engineError('CONNECTOR_OPTION_INVALID', { connector: 'csv', option, problem })
}

/** The fields of one row. @throws `TypeError` for quotes that do not match, and for a second row */
function fieldsOf(text: string, delimiter: string): string[] {
  const fields: string[] = []
  let at = 0
  for (;;) {
    const isQuoted = text[at] === '"'
    const { field, end } = isQuoted ? quotedField(text, at) : { field: undefined, end: plainEnd(text, at, delimiter) }
    fields.push(field ?? text.slice(at, end))
    if (text[end] === delimiter) {
      at = end + 1
      continue
    }
    const rest = text.slice(end)
    if (rest === '' || rest === '\n' || rest === '\r\n') return fields
    throw new TypeError(
      isQuoted ? `something follows the quote that ends at character ${end}` : `a second row begins behind character ${end}`,
    )
  }
}

function plainEnd(text: string, from: number, delimiter: string): number {
  for (let at = from; at < text.length; at++) if (text[at] === delimiter || text[at] === '\n' || text[at] === '\r') return at
  return text.length
}

function quotedField(text: string, from: number): { readonly field: string; readonly end: number } {
  let field = ''
  for (let at = from + 1; ;) {
    const quote = text.indexOf('"', at)
    if (quote < 0) throw new TypeError(`the quote at character ${from} has no end`)
    field += text.slice(at, quote)
    if (text[quote + 1] !== '"') return { field, end: quote + 1 }
    field += '"'
    at = quote + 2
  }
}

function quoted(name: string, value: unknown, delimiter: string): string {
  const text = textOfField(name, value)
  return text.includes(delimiter) || /["\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** What has no text of its own would be '[object Object]', and lost. */
function textOfField(name: string, value: unknown): string {
  if (value === null || value === undefined) return ''
  if (value instanceof Date) return value.toISOString()
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  throw new TypeError(`the field ${name} is ${typeof value}, which has no form in CSV`)
}
