/** Values in `_metadata`: what JSON has no way to write, or only a long one. Described in `docs/internals/checkpoint-format.md`. */
import { messageOf } from '@millrace/core'
import { decodeValue, encodeValue } from '../../codec/value.ts'
import { engineError } from '../../errors.ts'
import type { StoredList } from '../../state/operator/operator-state.ts'
import { JsonFields } from './json-fields.ts'

export function encodeBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

export function encodePlain(value: unknown, owner: string): string {
  try {
    return encodeBytes(encodeValue(value, 'it'))
  } catch (error) {
    throw engineError('CHECKPOINT_UNENCODABLE', { owner, problem: messageOf(error) }, error)
  }
}

export function decodePlain(fields: JsonFields, name: string): unknown {
  try {
    return decodeValue(fields.bytes(name))
  } catch (error) {
    return fields.fail(name, `cannot be decoded: ${messageOf(error)}`)
  }
}

export function decodeList(fields: JsonFields, name: string): readonly unknown[] {
  const value = decodePlain(fields, name)
  return Array.isArray(value) ? value : fields.fail(name, 'is no list')
}

/** All elements in one text: few lists have many, but then they are small. */
export function encodeStoredList({ name, kind, version, coded, elements }: StoredList): object {
  return {
    name,
    kind,
    version,
    ...(coded ? { coded } : {}),
    lengths: elements.map(({ length }) => length),
    bytes: encodeBytes(Buffer.concat(elements)),
  }
}

export function decodeStoredList(fields: JsonFields): StoredList {
  const bytes = fields.bytes('bytes')
  let end = 0
  const elements = fields.integers('lengths').map((length) => bytes.slice(end, (end += length)))
  if (end !== bytes.length) fields.fail('lengths', `add up to ${end} where there are ${bytes.length} bytes`)
  return {
    name: fields.text('name'),
    kind: fields.oneOf('kind', ['split-list', 'union-list']),
    version: fields.integer('version', 1),
    coded: fields.get('coded') === true,
    elements,
  }
}

type Parameter = string | number | boolean

/** JSON has no way to write these four numbers. */
export function encodeParameter(value: Parameter): Parameter | { readonly number: string } {
  if (typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))) return value
  return { number: Object.is(value, -0) ? '-0' : String(value) }
}

export function decodeParameter(fields: JsonFields, value: unknown): Parameter {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value
  return Number(new JsonFields(value ?? fields.fail('params', 'hold something else'), 'metadata.params').text('number'))
}
