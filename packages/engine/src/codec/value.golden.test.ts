import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeValue, encodeValue } from './value.ts'

/**
 * Format version 1, byte for byte. State was stored like this: a line here is never changed or removed, only added.
 * A failure means that checkpoints in the world can no longer be read, or that the same state no longer gives the same bytes.
 */
const golden: readonly (readonly [name: string, make: () => unknown, hex: string])[] = [
  ['undefined', () => undefined, '01a0'],
  ['null', () => null, '01a1'],
  ['false', () => false, '01a2'],
  ['true', () => true, '01a3'],
  ['0', () => 0, '0100'],
  ['127', () => 127, '017f'],
  ['-1', () => -1, '01a4ff'],
  ['128', () => 128, '01a58000'],
  ['-32768', () => -32_768, '01a50080'],
  ['32768', () => 32_768, '01a600800000'],
  ['2^31 - 1', () => 2 ** 31 - 1, '01a6ffffff7f'],
  ['2^31', () => 2 ** 31, '01a7000000000000e041'],
  ['-0', () => -0, '01a70000000000000080'],
  ['NaN', () => NaN, '01a7000000000000f87f'],
  ['-Infinity', () => -Infinity, '01a7000000000000f0ff'],
  ['0.1', () => 0.1, '01a79a9999999999b93f'],
  ['0n', () => 0n, '01a800'],
  ['-1n', () => -1n, '01a90101'],
  ['2n ** 64n', () => 2n ** 64n, '01a809000000000000000001'],
  ['empty text', () => '', '0180'],
  ['short text', () => 'abc', '0183616263'],
  ['latin text', () => 'é', '0181e9'],
  ['31 units', () => 'x'.repeat(31), '01aa3e78787878787878787878787878787878787878787878787878787878787878'],
  ['32 units', () => 'x'.repeat(32), '01aa407878787878787878787878787878787878787878787878787878787878787878'],
  [
    '70 units',
    () => 'x'.repeat(70),
    '01aa8c0178787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878787878',
  ],
  ['wide text', () => '語a', '01aa059e8a6100'],
  ['lone surrogate', () => '\ud800', '01aa0300d8'],
  ['date', () => new Date(1_700_000_000_000), '01b100008056febc7842'],
  ['invalid date', () => new Date(NaN), '01b1000000000000f87f'],
  ['empty object', () => ({}), '01ab00'],
  ['object', () => ({ n: 1, name: 'a', nested: { ok: true } }), '01ab0e026e086e616d650c6e6573746564018161ab03046f6ba3'],
  ['field __proto__', () => JSON.parse('{"__proto__":1}') as unknown, '01ab0a125f5f70726f746f5f5f01'],
  ['object with a wide key', () => ({ 語: 1 }), '01ab03039e8a01'],
  [
    'object of 30 long keys',
    () => Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`field${i}`, i])),
    '01abe6010c6669656c64300c6669656c64310c6669656c64320c6669656c64330c6669656c64340c6669656c64350c6669656c64360c6669656c64370c6669656c64380c6669656c64390e6669656c6431300e6669656c6431310e6669656c6431320e6669656c6431330e6669656c6431340e6669656c6431350e6669656c6431360e6669656c6431370e6669656c6431380e6669656c6431390e6669656c6432300e6669656c6432310e6669656c6432320e6669656c6432330e6669656c6432340e6669656c6432350e6669656c6432360e6669656c6432370e6669656c6432380e6669656c643239000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d',
  ],
  ['object without prototype', () => Object.assign(Object.create(null) as object, { a: 1 }), '01ac02026101'],
  ['array', () => [1, [2], []], '01ad0301ad0102ad00'],
  ['array with holes', () => Object.assign([], { 1: 'a', 4: 'b', length: 7 }), '01ae0702018161028162'],
  [
    'map',
    () =>
      new Map<unknown, unknown>([
        [1, 'a'],
        ['k', new Map()],
      ]),
    '01af02018161816baf00',
  ],
  ['set', () => new Set([1, 'a']), '01b002018161'],
  ['regular expression', () => Object.assign(/a.b/giv, { lastIndex: 2 }), '01b24606612e6202'],
  ['array buffer', () => Uint8Array.of(1, 2, 255).buffer, '01b3030102ff'],
  ['Uint8Array', () => Uint8Array.of(1, 2), '01b400020102'],
  ['Int8Array', () => Int8Array.of(-1), '01b40101ff'],
  ['Uint8ClampedArray', () => Uint8ClampedArray.of(9), '01b4020109'],
  ['Int16Array', () => Int16Array.of(-2), '01b40302feff'],
  ['Uint16Array', () => Uint16Array.of(258), '01b404020201'],
  ['Int32Array', () => Int32Array.of(-3), '01b40504fdffffff'],
  ['Uint32Array', () => Uint32Array.of(7), '01b4060407000000'],
  ['Float32Array', () => Float32Array.of(1.5), '01b407040000c03f'],
  ['Float64Array', () => Float64Array.of(1.5), '01b40808000000000000f83f'],
  ['BigInt64Array', () => BigInt64Array.of(-4n), '01b40908fcffffffffffffff'],
  ['BigUint64Array', () => BigUint64Array.of(4n), '01b40a080400000000000000'],
  ['DataView', () => new DataView(Uint8Array.of(5, 6).buffer), '01b40b020506'],
  ['Buffer', () => Buffer.from('hi'), '01b40c026869'],
  [
    'error',
    () => Object.assign(bare(TypeError, 'no', { cause: 7 }), { code: 'E' }),
    '01b501040e6d65737361676500826e6f0a737461636b0084686572650a6361757365000708636f6465018145',
  ],
  ['aggregate error', () => bare(AggregateError, undefined, { errors: [1] }), '01b507020a737461636b0084686572650c6572726f727300ad0101'],
  ['shared', () => shared(), '01ad03b1000000000000f03fab050864617465b601b601'],
  ['cycle', () => cycle(), '01ab05086e657874ad01b600'],
]

for (const [name, make, hex] of golden) {
  test(`version 1: ${name}`, () => {
    assert.equal(Buffer.from(encodeValue(make())).toString('hex'), hex)
    assert.deepStrictEqual(comparable(decodeValue(Buffer.from(hex, 'hex'))), comparable(make()))
  })
}

/** To `deepStrictEqual` of Node before 24.13 one invalid date is not another. */
function comparable(value: unknown): unknown {
  return value instanceof Date ? { date: value.getTime() } : value
}

/** An error whose stack is not that of the place where the test stands. */
function bare(Kind: new (...given: never[]) => Error, message: string | undefined, fields: object): Error {
  const error = new Kind(...([[]] as never[]))
  for (const name of Object.getOwnPropertyNames(error)) Reflect.deleteProperty(error, name)
  const hidden = { ...(message === undefined ? {} : { message }), stack: 'here', ...fields }
  for (const [key, value] of Object.entries(hidden))
    Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true })
  return error
}

function shared(): unknown {
  const date = new Date(1)
  return [date, { date }, date]
}

function cycle(): unknown {
  const node: { next?: unknown } = {}
  node.next = [node]
  return node
}
