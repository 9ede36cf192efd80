/**
 * The value format, version 1: one JavaScript value as bytes. State is kept in it, so what is written here is read for ever: a tag is never
 * given another meaning, new ones are added, and a change of an existing one is a new version beside this one.
 *
 *   stand-alone value   version byte, value                     (`encodeValue`)
 *   value               tag byte, then what the table says      (`ValueWriter.value`: whoever keeps many values keeps the version once)
 *   varint              7 bits a byte, low ones first, the high bit says that more follow; at most 2^53 - 1
 *   text                varint (length in UTF-16 units * 2 + wide), then one byte a unit (wide = 0: all below 256) or two
 *   keys                varint (bytes of the block), block: a text per key, in the order of the object
 *
 * Multi-byte numbers are little-endian. Objects, arrays, maps and all else that has an identity are numbered in the order their tags appear
 * in the value, from 0: a second occurrence, and so a cycle, is a reference by number.
 */
export const VALUE_FORMAT_VERSION = 1

/** Levels of nesting that are written and read. Deeper ones (a linked list as nested objects) would overflow the stack. */
export const VALUE_DEPTH_MAX = 1_000

/** Bytes of one writer's buffer, and so of one value. */
export const VALUE_BYTES_MAX: number = 2 ** 31 - 1

/** Tags 0x00 to 0x7f are the integers 0 to 127. */
export const SMALL_INTEGER_MAX = 0x7f
/** Tags 0x80 to 0x9f are texts of 0 to 31 units below 256, whose bytes follow. */
export const SHORT_TEXT = 0x80
export const SHORT_TEXT_LENGTH_MAX = 31

export const tag = {
  undefined: 0xa0,
  null: 0xa1,
  false: 0xa2,
  true: 0xa3,
  /** 1, 2, 4 bytes, signed. */
  int8: 0xa4,
  int16: 0xa5,
  int32: 0xa6,
  /** 8 bytes, IEEE 754; every NaN is written as 0x7ff8000000000000. */
  float64: 0xa7,
  /** Varint (bytes of the magnitude), magnitude without leading zero bytes. */
  bigintPositive: 0xa8,
  bigintNegative: 0xa9,
  /** A text. */
  text: 0xaa,
  /** Keys, then a value per key. */
  object: 0xab,
  /** The same, without a prototype. */
  objectWithoutPrototype: 0xac,
  /** Varint length, then a value per element. */
  array: 0xad,
  /** With holes: varint length, varint elements, then for each element varint (index - index before - 1, the first against -1) and value. */
  sparseArray: 0xae,
  /** Varint size, then key and value of each entry. */
  map: 0xaf,
  /** Varint size, then each value. */
  set: 0xb0,
  /** 8 bytes: milliseconds since 1970, NaN if invalid. */
  date: 0xb1,
  /** A byte of `regexFlags`, a text (the source), varint lastIndex. */
  regex: 0xb2,
  /** Varint length, bytes. */
  arrayBuffer: 0xb3,
  /** A byte from `viewKinds`, varint length in bytes, bytes as in memory (little-endian). */
  view: 0xb4,
  /** A byte from `errorKinds`, varint count of own properties; each a text, a byte (1: enumerable) and a value. */
  error: 0xb5,
  /** Varint: the number of the object meant. */
  reference: 0xb6,
} as const

/** Places in this list are part of the format. */
export const viewKinds = [
  'Uint8Array',
  'Int8Array',
  'Uint8ClampedArray',
  'Int16Array',
  'Uint16Array',
  'Int32Array',
  'Uint32Array',
  'Float32Array',
  'Float64Array',
  'BigInt64Array',
  'BigUint64Array',
  'DataView',
  'Buffer',
  'Float16Array',
] as const

/** Places in this list are part of the format. */
export const errorKinds = [
  'Error',
  'TypeError',
  'RangeError',
  'SyntaxError',
  'ReferenceError',
  'EvalError',
  'URIError',
  'AggregateError',
] as const

/** Bits of a regular expression's flags; part of the format. */
export const regexFlags = ['d', 'g', 'i', 'm', 's', 'u', 'v', 'y'] as const
