import { types } from 'node:util'
import { messageOf } from '@millrace/core'
import { engineError } from '../../errors.ts'

/** What a column of a row is made of: a property of the record, or what a function makes of it. */
export type ColumnSource<T> = Extract<keyof T, string> | ((record: T) => unknown)

export interface RowOptions<T> {
  readonly columns: readonly (readonly [name: string, source: ColumnSource<T>])[]
  readonly keys: readonly string[]
  readonly deleteWhen: ((record: T) => boolean) | undefined
}

export interface MadeRow {
  /** The same for rows of the same key. */
  readonly key: string
  /** JSON of all columns, or of the key's for a delete. */
  readonly text: string
  readonly isDelete: boolean
}

/** Makes rows of records. */
export class RowMaker<T> {
  readonly #columns: readonly Column<T>[]
  readonly #keys: readonly Column<T>[]
  readonly #deleteWhen: ((record: T) => boolean) | undefined

  constructor({ columns, keys, deleteWhen }: RowOptions<T>) {
    this.#columns = columns.map(([name, source]) => ({ name, label: `${JSON.stringify(name)}:`, read: reader(source) }))
    this.#keys = keys.map((key) => this.#columns.find(({ name }) => name === key)!)
    this.#deleteWhen = deleteWhen
  }

  /** @throws `SINK_FORMAT_FAILED` */
  make(record: T): MadeRow {
    let name = ''
    try {
      const isDelete = this.#deleteWhen?.(record) === true
      const parts: string[] = []
      for (const column of isDelete ? this.#keys : this.#columns) {
        name = column.name
        parts.push(column.label + jsonOf(column.read(record)))
      }
      name = ''
      return { key: this.#keyOf(record), text: `{${parts.join(',')}}`, isDelete }
    } catch (cause) {
      const problem = `${name === '' ? '' : `column ${name}: `}${messageOf(cause)}`
      throw engineError('SINK_FORMAT_FAILED', { connector: 'postgresSink', format: 'a row', problem }, cause)
    }
  }

  #keyOf(record: T): string {
    if (this.#keys.length === 0) return ''
    return JSON.stringify(
      this.#keys.map(({ name, read }) => {
        const value = read(record)
        if (value === null || value === undefined) throw new TypeError(`column ${name} is a key and has no value`)
        // 1 and '1' are one key in any column.
        const json = jsonOf(value)
        return json.startsWith('"') ? JSON.parse(json) : json
      }),
    )
  }
}

interface Column<T> {
  readonly name: string
  readonly label: string
  readonly read: (record: T) => unknown
}

function reader<T>(source: ColumnSource<T>): (record: T) => unknown {
  return typeof source === 'function' ? source : (record) => record[source]
}

/** JSON that PostgreSQL reads into a column of any type. @throws `TypeError` for what has no such form */
export function jsonOf(value: unknown): string {
  if (typeof value === 'string') return textOf(value)
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : `"${value}"`
  if (typeof value === 'bigint') return `"${value}"`
  if (typeof value === 'boolean') return String(value)
  if (value === undefined) return 'null'
  if (typeof value === 'object') return objectOf(value)
  throw new TypeError(`${typeof value} has no form in a database`)
}

function objectOf(value: object | null): string {
  if (value === null) return 'null'
  if (value instanceof Date) return `"${timeOf(value)}"`
  if (value instanceof Uint8Array) return JSON.stringify(hexOf(value))
  const text = JSON.stringify(value, within) as string | undefined
  if (text === undefined) throw new TypeError('it has no form in JSON')
  return text
}

/** What is within an array or an object is written as it is by itself; `JSON` has a form of its own for some of it, and loses it. */
function within(this: unknown, name: string, made: unknown): unknown {
  checkText(name)
  const value = (this as Readonly<Record<string, unknown>>)[name]
  if (value instanceof Uint8Array) return hexOf(value)
  if (value instanceof Date && Number.isNaN(value.getTime())) throw new TypeError('it has an invalid Date')
  if (value instanceof Map || value instanceof Set) throw new TypeError('Map and Set have no form in a database')
  if (types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value))
    throw new TypeError(`${value.constructor.name} has no form in a database: bytes are a Uint8Array, numbers an array`)
  if (typeof made === 'string') checkText(made)
  if (typeof made === 'bigint') return String(made)
  return typeof made === 'number' && !Number.isFinite(made) ? String(made) : made
}

/** PostgreSQL knows neither a year 0 nor one with a sign: the year before 1 is 1 BC, and the one after 9999 has five digits. */
function timeOf(value: Date): string {
  if (Number.isNaN(value.getTime())) throw new TypeError('it is an invalid Date')
  const text = value.toISOString()
  const year = value.getUTCFullYear()
  if (year > 0) return text.replace(/^\+0*/, '')
  return `${String(1 - year).padStart(4, '0')}${text.slice(text.indexOf('-', 1))} BC`
}

function hexOf(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`
}

function textOf(value: string): string {
  checkText(value)
  return JSON.stringify(value)
}

/** What the database would refuse only when the checkpoint that holds it is complete. */
function checkText(value: string): void {
  if (value.includes('\u0000')) throw new TypeError('text with a zero character has no form in a database')
  if (!value.isWellFormed()) throw new TypeError('text with half of a character (a lone surrogate) has no form in a database')
}
