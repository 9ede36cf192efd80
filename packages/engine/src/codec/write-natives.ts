/** Writes the values that are not made of other values. */
import type { ByteWriter } from './byte-writer.ts'
import { ownPrototype, viewPrototypes } from './natives.ts'
import { regexFlags, tag, viewKinds } from './value-format.ts'
import { describeObject, Refusal, refuseOwnProperties } from './value-refusal.ts'

const VIEW_UINT8 = 0
const VIEW_BUFFER: number = viewKinds.indexOf('Buffer')

export function writeBigint(value: bigint, writer: ByteWriter): void {
  writer.byte(value < 0n ? tag.bigintNegative : tag.bigintPositive)
  if (value === 0n) return writer.byte(0)
  const digits = (value < 0n ? -value : value).toString(16)
  const magnitude = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex')
  writer.varint(magnitude.length)
  writer.raw(magnitude.toReversed())
}

export function writeArrayBuffer(value: ArrayBuffer, writer: ByteWriter): void {
  refuseDetached(value)
  if (value.resizable) throw new Refusal('VALUE_UNSUPPORTED', 'a resizable ArrayBuffer')
  refuseOwnProperties(value)
  writer.byte(tag.arrayBuffer)
  writer.varint(value.byteLength)
  writer.raw(new Uint8Array(value))
}

export function writeView(value: ArrayBufferView, prototype: unknown, writer: ByteWriter): void {
  const kind =
    prototype === Uint8Array.prototype
      ? VIEW_UINT8
      : prototype === Buffer.prototype
        ? VIEW_BUFFER
        : viewPrototypes.indexOf(prototype as object)
  if (kind < 0) {
    const own = ownPrototype(prototype)
    if (own === prototype) throw new Refusal('VALUE_UNSUPPORTED', describeObject(value))
    return writeView(value, own, writer)
  }
  refuseDetached(value.buffer)
  writer.byte(tag.view)
  writer.byte(kind)
  writer.varint(value.byteLength)
  writer.raw(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
}

/** Its bytes are somewhere else by now. */
function refuseDetached(memory: ArrayBufferLike): void {
  if (memory instanceof ArrayBuffer && memory.detached) {
    throw new Refusal('VALUE_UNSUPPORTED', 'memory that was transferred away (a detached ArrayBuffer)')
  }
}

export function writeRegex(value: RegExp, writer: ByteWriter): void {
  // `lastIndex` is an own property of every regular expression, and not enumerable.
  refuseOwnProperties(value)
  writer.byte(tag.regex)
  writer.byte(regexFlags.reduce((bits, flag, index) => (value.flags.includes(flag) ? bits | (1 << index) : bits), 0))
  writer.text(value.source)
  if (!Number.isSafeInteger(value.lastIndex) || value.lastIndex < 0)
    throw new Refusal('VALUE_UNSUPPORTED', 'a regular expression with a strange lastIndex')
  writer.varint(value.lastIndex)
}
