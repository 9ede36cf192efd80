/**
 * What the records of a channel look like: a tree of nodes, each with the columns its values go to. Plain data, sent once a channel.
 *
 * Columns are numbered in the order of the tree, a node before its fields; a nullable node has a column of `Presence` before its own.
 */
import type { ByteReader } from '../byte-reader.ts'

/**
 * - `int32`, `float64`, `bigint` (of 64 bits), `boolean`, `date`: a number each.
 * - `text`: a length each; the texts of a frame are one long text.
 * - `nothing`: null and undefined only.
 * - `any`: in the value format, in the frame's section of values.
 */
export type LeafKind = 'int32' | 'float64' | 'bigint' | 'boolean' | 'date' | 'text' | 'nothing' | 'any'

export type ShapeNode =
  | { readonly kind: LeafKind; readonly nullable: boolean }
  /** A plain object with exactly these keys in this order. */
  | { readonly kind: 'object'; readonly nullable: boolean; readonly keys: readonly string[]; readonly fields: readonly ShapeNode[] }
  /** An array of exactly this length, at the root only. */
  | { readonly kind: 'tuple'; readonly nullable: false; readonly fields: readonly ShapeNode[] }

/** In a presence column: there, null, undefined. */
export const PRESENT = 0
export const NULL = 1
export const UNDEFINED = 2

/** Columns of one shape. An object with more fields travels in the value format. */
export const COLUMNS_MAX = 512
/** Levels of objects that become columns; what is deeper travels in the value format. */
export const NESTING_MAX = 4
/** Elements of an array that becomes columns. */
export const TUPLE_LENGTH_MAX = 16
/** Definitions a channel ever sends; later shapes travel in the value format. */
export const SHAPES_MAX = 64

/** The shape every channel begins with: a whole record in the value format. */
export const FALLBACK_SHAPE: ShapeNode = { kind: 'any', nullable: false }
export const FALLBACK_ID = 0

export type ColumnArray = Int32Array | Float64Array | BigInt64Array | Uint8Array
export type ColumnKind = 'int32' | 'float64' | 'bigint64' | 'byte'

/** The columns of a node and all below it. */
export function columnsOf(node: ShapeNode, into: ColumnKind[] = []): ColumnKind[] {
  if (node.nullable) into.push('byte')
  switch (node.kind) {
    case 'int32':
    case 'text':
      into.push('int32')
      break
    case 'float64':
    case 'date':
      into.push('float64')
      break
    case 'bigint':
      into.push('bigint64')
      break
    case 'boolean':
      into.push('byte')
      break
    case 'object':
    case 'tuple':
      for (const field of node.fields) columnsOf(field, into)
      break
    case 'nothing':
    case 'any':
      break
  }
  return into
}

export const columnBytes: { readonly [kind in ColumnKind]: number } = { int32: 4, float64: 8, bigint64: 8, byte: 1 }

/** Whether part of such a record goes to the section of values. */
export function hasAny(node: ShapeNode): boolean {
  return node.kind === 'any' || ('fields' in node && node.fields.some(hasAny))
}

/** The node as nested arrays of texts and booleans, for the value format. */
export function definitionOf(node: ShapeNode): unknown {
  if (node.kind === 'object') return [node.kind, node.nullable, node.keys, node.fields.map(definitionOf)]
  if (node.kind === 'tuple') return [node.kind, node.nullable, node.fields.map(definitionOf)]
  return [node.kind, node.nullable]
}

const leafKinds: readonly string[] = [
  'int32',
  'float64',
  'bigint',
  'boolean',
  'date',
  'text',
  'nothing',
  'any',
] satisfies readonly LeafKind[]

/** Reads a definition, believing nothing: code is generated from what this answers. @throws VALUE_CORRUPT */
export function readDefinition(definition: unknown, reader: ByteReader): ShapeNode {
  const node = readNode(definition, reader, 0)
  if (columnsOf(node).length > COLUMNS_MAX) throw reader.corrupt(`a shape with more than ${COLUMNS_MAX} columns`)
  return node
}

function readNode(definition: unknown, reader: ByteReader, level: number): ShapeNode {
  if (!Array.isArray(definition) || level > NESTING_MAX + 1) throw reader.corrupt('a shape that is none')
  const [kind, nullable, third, fourth] = definition as unknown[]
  if (typeof kind !== 'string' || typeof nullable !== 'boolean') throw reader.corrupt('a shape that is none')
  if (leafKinds.includes(kind)) return { kind: kind as LeafKind, nullable }
  if (kind === 'tuple' && level === 0 && !nullable) return { kind, nullable, fields: readNodes(third, reader, level) }
  if (kind !== 'object' || !isKeys(third)) throw reader.corrupt('a shape that is none')
  const fields = readNodes(fourth, reader, level)
  if (fields.length !== third.length) throw reader.corrupt('a shape with more keys than fields')
  return { kind, nullable, keys: third, fields }
}

function readNodes(definitions: unknown, reader: ByteReader, level: number): ShapeNode[] {
  if (!Array.isArray(definitions)) throw reader.corrupt('a shape that is none')
  return definitions.map((field) => readNode(field, reader, level + 1))
}

function isKeys(keys: unknown): keys is string[] {
  return Array.isArray(keys) && keys.every((key) => typeof key === 'string') && new Set(keys).size === keys.length
}
