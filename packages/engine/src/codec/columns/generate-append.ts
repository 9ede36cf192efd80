/**
 * Generates the function that takes a record apart into the columns of its shape. For `{ id: int32, name: text | null }` it reads, about:
 *
 *   function append(v, row, sink) {
 *     if (typeof v !== 'object' || v === null || !(v.__proto__ === plain)) return false
 *     i0 = 0
 *     for (const k in v) if (k !== keys0[i0++]) return false
 *     if (i0 !== 2) return false
 *     v1 = v["id"]
 *     if (typeof v1 !== 'number' || (v1 | 0) !== v1 || (v1 === 0 && 1 / v1 < 0)) return false
 *     v2 = v["name"]
 *     …
 *     c0[row] = v1
 *     …
 *     sink.text += v2
 *     return true
 *   }
 *
 * 1. It answers false, and has then changed nothing that counts, if the record is not exactly of the shape: fields, their order, their kinds.
 * 2. All that can fail comes first, then the columns, then the text, which alone cannot be taken back.
 * 3. No name of a field is in the code but as `quote` wrote it.
 * 4. Keys that are symbols are not looked for, which would cost as much as all else: they stay behind, unless the encoder is strict.
 */
import { types } from 'node:util'
import { compile } from '../compile.ts'
import { quote } from '../object-maker.ts'
import { isPlainCode, plainHelp } from '../plain-object.ts'
import { fieldSegment } from '../value-refusal.ts'
import type { ValueWriter } from '../value-writer.ts'
import { columnsOf, NULL, PRESENT, UNDEFINED, type ColumnArray, type ColumnKind, type ShapeNode } from './shape.ts'

/** What all shapes of an encoder write to besides their columns. */
export interface RecordSink {
  text: string
  readonly values: ValueWriter
  /** The objects around the value that is being written, outermost first. */
  readonly outer: unknown[]
}

export interface Appender {
  readonly append: (record: unknown, row: number, sink: RecordSink) => boolean
  /** Makes room for this many rows, keeping what is there. */
  readonly grow: (rows: number) => void
  readonly columns: () => ColumnArray[]
}

const arrayNames: { readonly [kind in ColumnKind]: string } = {
  int32: 'Int32Array',
  float64: 'Float64Array',
  bigint64: 'BigInt64Array',
  byte: 'Uint8Array',
}

interface Code {
  readonly constants: string[]
  readonly checks: string[]
  readonly stores: string[]
  readonly texts: string[]
  readonly names: string[]
  columns: number
  variables: number
}

type Factory = (help: object) => Appender

const help = {
  ...plainHelp,
  list: Array.prototype,
  date: Date.prototype,
  keys: Object.keys,
  isArray: Array.isArray,
  isDate: types.isDate,
  asInt64: (value: bigint): bigint => BigInt.asIntN(64, value),
}

/** Generated code by its text: all channels with the same shape share it, and what the compiler learns about it. */
const factories = new Map<string, Factory>()
const FACTORIES_MAX = 1_024

export function makeAppender(node: ShapeNode): Appender {
  const text = appenderCode(node)
  let factory = factories.get(text)
  if (factory === undefined) {
    factory = compile(text) as Factory
    if (factories.size < FACTORIES_MAX) factories.set(text, factory)
  }
  return factory(help)
}

export function appenderCode(node: ShapeNode): string {
  const code: Code = { constants: [], checks: [], stores: [], texts: [], names: [], columns: 0, variables: 0 }
  visit(node, 'v', 'record', [], code)
  const kinds = columnsOf(node)
  const texts = code.texts.length === 0 ? '' : `sink.text += ${code.texts.join(' + ')}`
  const names = kinds.map((_, index) => `c${index}`)
  return `return (help) => {
const { getPrototypeOf, plain, list, date, keys, isArray, isDate, asInt64 } = help
${code.constants.join('\n')}
${kinds.map((kind, index) => `let c${index} = new ${arrayNames[kind]}(0)`).join('\n')}
function append(v, row, sink) {
${code.names.length === 0 ? '' : `let ${code.names.join(', ')}`}
${code.checks.join('\n')}
${code.stores.join('\n')}
${texts}
return true
}
function grown(column, rows) { const grown = new column.constructor(rows); grown.set(column); return grown }
function grow(rows) { ${names.map((name) => `${name} = grown(${name}, rows)`).join('; ')} }
return { append, grow, columns: () => [${names.join(', ')}] }
}`
}

/** Adds the code for the value that `value` names. `outer`: the objects it lies in. */
function visit(node: ShapeNode, value: string, path: string, outer: readonly string[], code: Code): void {
  if (!node.nullable) return visitPresent(node, value, path, outer, code)
  const presence = `p${code.columns}`
  const column = `c${code.columns++}`
  const inner: Code = { ...code, checks: [], stores: [], texts: [] }
  visitPresent({ ...node, nullable: false }, value, path, outer, inner)
  code.columns = inner.columns
  code.variables = inner.variables
  code.names.push(presence)
  code.checks.push(`${presence} = ${PRESENT}`)
  code.checks.push(`if (${value} === null) ${presence} = ${NULL}`)
  code.checks.push(`else if (${value} === undefined) ${presence} = ${UNDEFINED}`)
  code.checks.push(`if (${presence} === ${PRESENT}) {\n${inner.checks.join('\n')}\n}`)
  code.stores.push(`${column}[row] = ${presence}`)
  const blanks = node.kind === 'nothing' ? '' : blankStores(node, inner)
  if (inner.stores.length > 0) code.stores.push(`if (${presence} === ${PRESENT}) {\n${inner.stores.join('\n')}\n} else {\n${blanks}\n}`)
  if (inner.texts.length > 0) code.texts.push(`(${presence} === ${PRESENT} ? ${inner.texts.join(' + ')} : '')`)
}

/** An absent value's columns are zero, so that the same records give the same bytes. */
function blankStores(node: ShapeNode, inner: Code): string {
  const kinds = columnsOf({ ...node, nullable: false })
  const first = inner.columns - kinds.length
  return kinds.map((kind, index) => `c${first + index}[row] = ${kind === 'bigint64' ? '0n' : '0'}`).join('\n')
}

function visitPresent(node: ShapeNode, value: string, path: string, outer: readonly string[], code: Code): void {
  const fail = (condition: string): unknown => code.checks.push(`if (${condition}) return false`)
  const store = (expression: string): unknown => code.stores.push(`c${code.columns++}[row] = ${expression}`)
  switch (node.kind) {
    case 'int32':
      fail(`typeof ${value} !== 'number' || (${value} | 0) !== ${value} || (${value} === 0 && 1 / ${value} < 0)`)
      return void store(value)
    case 'float64':
      fail(`typeof ${value} !== 'number'`)
      return void store(value)
    case 'boolean':
      fail(`typeof ${value} !== 'boolean'`)
      return void store(`${value} ? 1 : 0`)
    case 'text':
      fail(`typeof ${value} !== 'string'`)
      code.texts.push(value)
      return void store(`${value}.length`)
    case 'bigint':
      fail(`typeof ${value} !== 'bigint' || asInt64(${value}) !== ${value}`)
      return void store(value)
    case 'date':
      fail(`!isDate(${value}) || getPrototypeOf(${value}) !== date || keys(${value}).length !== 0`)
      return void store(`${value}.getTime()`)
    case 'nothing':
      return void fail('true')
    case 'any':
      return visitAny(value, path, outer, code)
    case 'object':
      return visitObject(node, value, path, outer, code)
    case 'tuple':
      return visitTuple(node, value, path, outer, code)
  }
}

function visitAny(value: string, path: string, outer: readonly string[], code: Code): void {
  outer.forEach((object, index) => code.checks.push(`sink.outer[${index}] = ${object}`))
  code.checks.push(`sink.values.valueInside(${value}, ${quote(path)}, sink.outer, ${outer.length})`)
}

function visitObject(
  node: ShapeNode & { readonly kind: 'object' },
  value: string,
  path: string,
  outer: readonly string[],
  code: Code,
): void {
  const id = code.variables++
  code.constants.push(`const keys${id} = [${node.keys.map(quote).join(', ')}]`)
  code.checks.push(`if (typeof ${value} !== 'object' || ${value} === null || !(${isPlainCode(value)})) return false`)
  code.names.push(`i${id}`)
  code.checks.push(`i${id} = 0`)
  code.checks.push(`for (const k in ${value}) if (k !== keys${id}[i${id}++]) return false`)
  code.checks.push(`if (i${id} !== ${node.keys.length}) return false`)
  node.keys.forEach((key, index) => {
    visitField(node.fields[index]!, `${value}[${quote(key)}]`, path + fieldSegment(key), [...outer, value], code)
  })
}

function visitTuple(node: ShapeNode & { readonly kind: 'tuple' }, value: string, path: string, outer: readonly string[], code: Code): void {
  const length = node.fields.length
  code.checks.push(`if (!isArray(${value}) || getPrototypeOf(${value}) !== list || ${value}.length !== ${length}) return false`)
  // Indices are the first of an array's keys: as many keys as elements, the last of them an index, are all of them.
  const keys = `k${code.variables++}`
  code.names.push(keys)
  code.checks.push(`${keys} = keys(${value})`)
  code.checks.push(`if (${keys}.length !== ${length}${length === 0 ? '' : ` || ${keys}[${length - 1}] !== '${length - 1}'`}) return false`)
  node.fields.forEach((field, index) => visitField(field, `${value}[${index}]`, `${path}[${index}]`, [...outer, value], code))
}

function visitField(field: ShapeNode, expression: string, path: string, outer: readonly string[], code: Code): void {
  const variable = `v${code.variables++}`
  code.names.push(variable)
  code.checks.push(`${variable} = ${expression}`)
  visit(field, variable, path, outer, code)
}
