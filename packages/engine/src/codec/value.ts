/** Any supported JavaScript value as bytes and back; the format and what is supported are in `value-format.ts`. */
import { engineError } from '../errors.ts'
import { VALUE_FORMAT_VERSION } from './value-format.ts'
import { ValueReader } from './value-reader.ts'
import { ValueWriter } from './value-writer.ts'

export { ValueReader } from './value-reader.ts'
export { ValueWriter } from './value-writer.ts'
export { VALUE_FORMAT_VERSION } from './value-format.ts'

const writer = new ValueWriter()
const reader = new ValueReader()

/**
 * A value with its format version, in bytes of its own.
 * @param name what the path in an error starts with: `order` gives `order.items[3].callback`.
 * @throws VALUE_UNSUPPORTED, VALUE_TOO_DEEP, VALUE_TOO_LARGE
 */
export function encodeValue(value: unknown, name?: string): Uint8Array<ArrayBuffer> {
  writer.reset()
  writer.byte(VALUE_FORMAT_VERSION)
  writer.value(value, name)
  return writer.take()
}

/** The value that `encodeValue` was given; all of `bytes` must be it. @throws VALUE_CORRUPT, VALUE_VERSION_UNKNOWN */
export function decodeValue(bytes: Uint8Array): unknown {
  reader.reset(bytes)
  try {
    checkValueVersion(reader.byte())
    const value = reader.value()
    if (reader.remaining > 0) throw reader.corrupt(`${reader.remaining} bytes follow the value`)
    return value
  } finally {
    reader.reset(NOTHING)
  }
}

/** For those who keep many values under one version. @throws VALUE_VERSION_UNKNOWN */
export function checkValueVersion(version: number): void {
  if (version !== VALUE_FORMAT_VERSION) throw engineError('VALUE_VERSION_UNKNOWN', { version, newest: VALUE_FORMAT_VERSION })
}

const NOTHING = new Uint8Array(0)
