/** From records to shapes: what a record looks like, and what shape two records have in common. Slow, and rarely called. */
import { types } from 'node:util'
import { PROTO } from '../plain-object.ts'
import { COLUMNS_MAX, columnsOf, NESTING_MAX, TUPLE_LENGTH_MAX, type LeafKind, type ShapeNode } from './shape.ts'

const ANY: ShapeNode = { kind: 'any', nullable: false }

/** The shape of a record. `any` where it is not worth columns, or has too many. */
export function shapeOf(record: unknown): ShapeNode {
  const node = isTuple(record)
    ? { kind: 'tuple' as const, nullable: false as const, fields: record.map((field) => nodeOf(field, 1)) }
    : nodeOf(record, 0)
  return columnsOf(node).length <= COLUMNS_MAX ? node : ANY
}

function nodeOf(value: unknown, level: number): ShapeNode {
  if (value === null || value === undefined) return { kind: 'nothing', nullable: true }
  if (!isPlainObject(value)) return { kind: leafOf(value), nullable: false }
  const keys = Object.keys(value)
  if (level >= NESTING_MAX || keys.length > COLUMNS_MAX) return ANY
  return {
    kind: 'object',
    nullable: false,
    keys,
    fields: keys.map((key) => nodeOf((value as { readonly [key: string]: unknown })[key], level + 1)),
  }
}

function leafOf(value: unknown): LeafKind {
  switch (typeof value) {
    case 'number':
      return isInt32(value) ? 'int32' : 'float64'
    case 'string':
      return 'text'
    case 'boolean':
      return 'boolean'
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? 'bigint' : 'any'
    case 'object':
      return types.isDate(value) && Object.getPrototypeOf(value) === Date.prototype && Object.keys(value).length === 0 ? 'date' : 'any'
    case 'undefined':
    case 'function':
    case 'symbol':
      return 'any'
  }
}

export function isInt32(value: number): boolean {
  return (value | 0) === value && !Object.is(value, -0)
}

/** A plain object of plain fields: what is odd about it (accessors, symbols, a proxy, a field named as its prototype is) the value format is to judge. */
function isPlainObject(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || types.isProxy(value) || Object.getPrototypeOf(value) !== Object.prototype) return false
  const properties = Object.getOwnPropertyDescriptors(value)
  return Reflect.ownKeys(properties).every(
    (key) => typeof key === 'string' && key !== PROTO && properties[key]!.get === undefined && properties[key]!.enumerable === true,
  )
}

/** A short array without holes or fields of its own. */
export function isTuple(value: unknown): value is unknown[] {
  if (!Array.isArray(value) || value.length > TUPLE_LENGTH_MAX || types.isProxy(value)) return false
  const keys = Object.keys(value)
  if (keys.length !== value.length || Object.getPrototypeOf(value) !== Array.prototype) return false
  return keys.every((key, index) => key === String(index))
}

/** The shape of both, as long as both have the same objects with the same keys in the same places; otherwise undefined. */
export function joinShapes(left: ShapeNode, right: ShapeNode): ShapeNode | undefined {
  return join(left, right, false)
}

/** The shape of both, `any` where their objects differ; undefined only if the roots do. */
export function joinShapesLoosely(left: ShapeNode, right: ShapeNode): ShapeNode | undefined {
  return join(left, right, true, true)
}

function join(left: ShapeNode, right: ShapeNode, loosely: boolean, root = true): ShapeNode | undefined {
  const nullable = left.nullable || right.nullable
  if (left.kind === 'any' || right.kind === 'any') return ANY
  if (left.kind === 'nothing') return withNulls(right)
  if (right.kind === 'nothing') return withNulls(left)
  if (left.kind === 'tuple' || right.kind === 'tuple') {
    if (left.kind !== 'tuple' || right.kind !== 'tuple' || left.fields.length !== right.fields.length) return undefined
    const fields = joinFields(left.fields, right.fields, loosely)
    return fields && { kind: 'tuple', nullable: false, fields }
  }
  if (left.kind === 'object' && right.kind === 'object') {
    if (!sameKeys(left.keys, right.keys)) return loosely && !root ? ANY : undefined
    const fields = joinFields(left.fields, right.fields, loosely)
    return fields && { kind: 'object', nullable, keys: left.keys, fields }
  }
  if (left.kind === 'object' || right.kind === 'object') return loosely && !root ? ANY : undefined
  if (left.kind === right.kind) return { kind: left.kind, nullable }
  const numbers = (left.kind === 'int32' || left.kind === 'float64') && (right.kind === 'int32' || right.kind === 'float64')
  if (numbers) return { kind: 'float64', nullable }
  // Records that are texts and records that are numbers are two shapes; a field that is now one, now the other, is `any`.
  return root ? undefined : ANY
}

function joinFields(left: readonly ShapeNode[], right: readonly ShapeNode[], loosely: boolean): ShapeNode[] | undefined {
  const fields: ShapeNode[] = []
  for (let i = 0; i < left.length; i++) {
    const field = join(left[i]!, right[i]!, loosely, false)
    if (field === undefined) return undefined
    fields.push(field)
  }
  return fields
}

function withNulls(node: ShapeNode): ShapeNode {
  if (node.kind === 'tuple') return ANY
  return { ...node, nullable: true }
}

function sameKeys(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((key, index) => key === right[index])
}
