import type { StandardSchema } from '../../../api/state.ts'
import { present, type Format } from './format.ts'
import { withSchema } from './schema.ts'

/** Text in UTF-8. Invalid bytes make a poison record, not U+FFFD. */
export function string(): Format<string> {
  return {
    deserialize: (bytes) => textOf(present(bytes)),
    serialize: (value) => {
      if (typeof value !== 'string') throw new TypeError(`a string was expected, and this is ${typeof value}`)
      return encodeText(value)
    },
  }
}

/** Bytes as they are. Those read are a copy of their own. */
export function bytes(): Format<Uint8Array> {
  return { deserialize: (value) => new Uint8Array(present(value)), serialize: (value) => value }
}

/**
 * JSON in UTF-8, one document a record. With a Standard Schema values are checked and take its output type; without one `T` is only claimed.
 *
 * ```ts
 * json<Order>()
 * json(z.object({ id: z.string(), amount: z.number() }))
 * ```
 */
export function json<T = unknown>(schema?: StandardSchema<T>): Format<T> {
  const plain: Format<unknown> = {
    deserialize: (value) => JSON.parse(textOf(present(value))),
    serialize: (value) => {
      const text = JSON.stringify(value) as string | undefined
      if (text === undefined) throw new TypeError(`${typeof value} has no form in JSON`)
      return encodeText(text)
    },
  }
  return schema === undefined ? (plain as Format<T>) : withSchema(plain, schema)
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Takes any bytes, without a Buffer made for them; not in the types of Node. */
const { utf8Slice } = Buffer.prototype as unknown as { readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string }

/** @throws `TypeError` for bytes that are no UTF-8 */
export function textOf(value: Uint8Array): string {
  const text = utf8Slice.call(value, 0, value.length)
  // What cannot be decoded shows as U+FFFD, which may also be meant.
  return text.includes('\uFFFD') ? decoder.decode(value) : text
}

export function encodeText(text: string): Uint8Array {
  return Buffer.from(text, 'utf8')
}
