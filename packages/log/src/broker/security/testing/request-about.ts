/** Requests that name the same thing wherever they name something: made from the declarations, so for every API there is. */
import { includesVersion, type Field, type Fields } from '../../../protocol/declaration.ts'

export interface About {
  /** Of whatever has a name. */
  readonly name: string
  readonly topicId: Uint8Array
}

export function requestAbout(fields: Fields, version: number, about: About): Record<string, unknown> {
  const present = Object.entries(fields).filter(([, field]) => typeof field === 'string' || includesVersion(field.versions, version))
  return Object.fromEntries(present.map(([name, field]) => [name, valueAbout(field, version, about)]))
}

function valueAbout(field: Field, version: number, about: About): unknown {
  if (typeof field !== 'string' && field.type === 'array') {
    return [typeof field.of === 'string' ? valueAbout(field.of, version, about) : requestAbout(field.of, version, about)]
  }
  if (typeof field !== 'string' && field.type === 'struct') return requestAbout(field.fields, version, about)
  const [type, fallback] = typeof field === 'string' ? [field, undefined] : [field.type, field.default]
  if (type === 'string') return about.name
  if (type === 'uuid') return about.topicId
  if (type === 'bytes' || type === 'records') return new Uint8Array(0)
  return fallback ?? (type === 'bool' ? false : 0)
}
