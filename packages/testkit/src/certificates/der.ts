/** DER, as far as certificates need it. */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

function element(tag: number, content: Uint8Array): Buffer {
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

export function sequence(...items: readonly Uint8Array[]): Buffer {
  return element(TAG.sequence, Buffer.concat(items))
}

export function setOf(item: Uint8Array): Buffer {
  return element(TAG.set, item)
}

/** A positive number in as many bytes. */
export function integer(bytes: Uint8Array): Buffer {
  return element(TAG.integer, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes)
}

export function boolean(value: boolean): Buffer {
  return element(TAG.boolean, Buffer.of(value ? 0xff : 0))
}

export function octets(content: Uint8Array): Buffer {
  return element(TAG.octetString, content)
}

/** Bits whose number is a multiple of 8, less those unused in the last byte. */
export function bits(content: Uint8Array, unused = 0): Buffer {
  return element(TAG.bitString, Buffer.concat([Buffer.of(unused), content]))
}

export function text(value: string): Buffer {
  return element(TAG.utf8String, Buffer.from(value))
}

export function objectId(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number)
  return element(TAG.objectId, Buffer.from([first! * 40 + second!, ...rest.flatMap(base128)]))
}

/** A time in whole seconds since 1970. */
export function time(seconds: number): Buffer {
  const digits = new Date(seconds * 1000)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '')
  const isShort = Number(digits.slice(0, 4)) < 2050
  return element(isShort ? TAG.utcTime : TAG.generalizedTime, Buffer.from(isShort ? digits.slice(2) : digits))
}

/** What is tagged with a number in its context: `isMade` of other elements, or of plain bytes. */
export function tagged(number: number, content: Uint8Array, isMade: boolean): Buffer {
  return element((isMade ? 0xa0 : 0x80) | number, content)
}

function base128(value: number): number[] {
  const digits = [value & 0x7f]
  for (let rest = value >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7f) | 0x80)
  return digits
}
