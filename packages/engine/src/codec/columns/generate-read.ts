/**
 * Generates the function that puts records of a shape together again, by a literal each: all of them have the same hidden class, and code that
 * reads their fields stays fast. For `{ id: int32, name: text | null }` it reads, about:
 *
 *   function read(c, values, text, at, row, end, out, to) {
 *     const c0 = c[0], c1 = c[1], c2 = c[2]
 *     for (; row < end; row++) out[to++] = { "id": c0[row], "name": c1[row] === 0 ? text.substring(at, at += c2[row]) : … }
 *     return at
 *   }
 */
import { compile } from '../compile.ts'
import { literalCode } from '../object-maker.ts'
import type { ValueReader } from '../value-reader.ts'
import { columnsOf, NULL, PRESENT, type ColumnArray, type ShapeNode } from './shape.ts'

/**
 * Reads the records of rows `row` to `end` into `out` from place `to` on.
 * `at`: where their texts begin in the frame's text; answers where they end.
 */
export type Read = (
  columns: readonly ColumnArray[],
  values: ValueReader,
  text: string,
  at: number,
  row: number,
  end: number,
  out: unknown[],
  to: number,
) => number

/** Generated code by its text: all channels with the same shape share it. */
const readers = new Map<string, Read>()
const READERS_MAX = 1_024

export function makeRead(node: ShapeNode): Read {
  const code = readCode(node)
  let read = readers.get(code)
  if (read === undefined) {
    read = compile(code) as Read
    if (readers.size < READERS_MAX) readers.set(code, read)
  }
  return read
}

export function readCode(node: ShapeNode): string {
  const next = { column: 0 }
  const record = expression(node, next)
  const columns = columnsOf(node).map((_, index) => `c${index} = c[${index}]`)
  return `return function read(c, values, text, at, row, end, out, to) {
${columns.length === 0 ? '' : `const ${columns.join(', ')}`}
for (; row < end; row++) out[to++] = ${record}
return at
}`
}

function expression(node: ShapeNode, next: { column: number }): string {
  if (!node.nullable) return present(node, next)
  const presence = `c${next.column++}[row]`
  const value = node.kind === 'nothing' ? 'undefined' : present(node, next)
  return `${presence} === ${PRESENT} ? ${value} : ${presence} === ${NULL} ? null : undefined`
}

function present(node: ShapeNode, next: { column: number }): string {
  const column = (): string => `c${next.column++}[row]`
  switch (node.kind) {
    case 'int32':
    case 'float64':
    case 'bigint':
      return column()
    case 'boolean':
      return `${column()} === 1`
    case 'date':
      return `new Date(${column()})`
    case 'text':
      return `text.substring(at, at += ${column()})`
    case 'nothing':
      return 'undefined'
    case 'any':
      return 'values.value()'
    case 'tuple':
      return `[${node.fields.map((field) => `(${expression(field, next)})`).join(', ')}]`
    case 'object':
      return literalCode(
        node.keys,
        node.fields.map((field) => `(${expression(field, next)})`),
      )
  }
}
