import type { StandardSchema } from '../../../api/state.ts'
import { copying, keepsNoBytes, keepsNoValue, makesFormats, present, type Deserializer, type Format, type Serializer } from './format.ts'
import { check, withSchema } from './schema.ts'

/** Text in UTF-8. Invalid bytes make a poison record, not U+FFFD. */
export function string(): Format<string> {
  const text = (value: string): string => {
    if (typeof value !== 'string') throw new TypeError(`a string was expected, and this is ${typeof value}`)
    return value
  }
  return { deserialize: keepsNoBytes((bytes) => textOf(present(bytes))), serialize: writingText(text) }
}

/** Bytes as they are. Those read are a copy of their own, but for those that go straight into a sink of bytes, where a copy would be for nothing. */
export function bytes(): Format<Uint8Array> {
  return { deserialize: copying((value) => new Uint8Array(present(value)), present), serialize: keepsNoValue((value) => value) }
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
  const serializeText = (value: unknown): string => {
    const text = JSON.stringify(value) as string | undefined
    if (text === undefined) throw new TypeError(`${typeof value} has no form in JSON`)
    return text
  }
  const plain: Format<unknown> = {
    deserialize: readingText((text) => JSON.parse(text)),
    serialize: writingText(serializeText),
  }
  if (schema === undefined) return plain as Format<T>
  return { ...withSchema(plain, schema), deserialize: readingText((text) => check(schema, JSON.parse(text))) }
}

makesFormats(string, bytes, json)

/** By the function that reads bytes: who puts another one in its place does not get this one's. */
const readers = new WeakMap<WeakKey, (text: string) => unknown>()

/** @param valueOf keeps nothing of the text: it may be a part of a much longer one, which would be kept with it */
function readingText<T>(valueOf: (text: string) => T): Deserializer<T> {
  const deserialize = keepsNoBytes((bytes) => valueOf(textOf(present(bytes))))
  readers.set(deserialize, valueOf)
  return deserialize
}

/** For a format whose bytes are text in UTF-8: what reads the text, for whoever has it already. */
export function textDeserializer<T>({ deserialize }: Pick<Format<T>, 'deserialize'>): ((text: string) => T) | undefined {
  return readers.get(deserialize) as ((text: string) => T) | undefined
}

/** By the function that makes bytes of it: who puts another one in its place does not get this one's text. */
const texts = new WeakMap<WeakKey, (value: unknown) => string>()

function writingText<T>(textOfValue: (value: T) => string): Serializer<T> {
  const serialize = keepsNoValue((value: T): Uint8Array => encodeText(textOfValue(value)))
  texts.set(serialize, textOfValue as (value: unknown) => string)
  return serialize
}

/** For a format whose bytes are text in UTF-8: what makes the text. The log's client writes it where it belongs, without bytes made of it before. */
export function textSerializer<T>({ serialize }: Pick<Format<T>, 'serialize'>): ((value: T) => string) | undefined {
  return texts.get(serialize)
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
