import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ColumnDecoder } from './decoder.ts'
import { ColumnEncoder } from './encoder.ts'
import { HEADER_BYTES, NO_TIMESTAMP } from './frame.ts'
import { SHAPES_MAX } from './shape.ts'

function pair(keyed = false): { encoder: ColumnEncoder; send: (...values: unknown[]) => readonly unknown[]; sizes: number[] } {
  const encoder = new ColumnEncoder({ keyed })
  const decoder = new ColumnDecoder()
  const sizes: number[] = []
  const send = (...values: unknown[]): readonly unknown[] => {
    for (const value of values) encoder.append(value, NO_TIMESTAMP, 0)
    const frame = encoder.finish()
    sizes.push(frame.length)
    return decoder.decode(frame).values
  }
  return { encoder, send, sizes }
}

test('a field that changes its kind takes its shape along', () => {
  const { send } = pair()
  const records = [
    { a: 1, b: 'x' },
    { a: 2, b: 'y' },
    { a: 2.5, b: 'z' },
    { a: -0, b: 'z' },
    { a: 3, b: null },
    { a: 'text', b: undefined },
    { a: 4n, b: 'z' },
    { b: 'order', a: 1 },
    { a: 1 },
    { a: 1, b: 'x', c: true },
  ]
  assert.deepStrictEqual(send(...records, ...records), [...records, ...records])
})

test('steady records take the bytes of their columns and nothing else', () => {
  const { send, sizes } = pair()
  const records = Array.from({ length: 800 }, (_, id) => ({ id, at: 1.7e12 + id, ok: id % 2 === 0, name: `n${id % 10}` }))
  send(...records)
  send(...records)
  assert.equal(sizes[1], HEADER_BYTES + 8 + 800 * (4 + 8 + 1 + 4) + 800 * 2)
})

test('a hundred fields, and names that are an attack, are but names', () => {
  const { send } = pair()
  const hostile = [
    '__proto__',
    'constructor',
    'hasOwnProperty',
    '`${process.exit(1)}`',
    '"];throw 1;["',
    "'",
    '\n',
    '\u2028',
    '\ud800',
    '*/',
    'ключ',
    '',
  ]
  const names = [...hostile, ...Array.from({ length: 300 }, (_, i) => `field${i}`)]
  const record = (n: number): object => Object.fromEntries(names.map((name, index) => [name, index % 3 === 0 ? `${n}` : n + index]))
  const sent = [1, 2, 3, 4, 5].map(record)
  const back = send(...sent)
  assert.deepStrictEqual(back, sent)
  assert.deepStrictEqual(Object.keys(back[4] as object), names)
  assert.equal(Object.getPrototypeOf(back[4]), Object.prototype)
})

test('a record inside itself, or inside one of its fields, arrives as such', () => {
  const { send } = pair()
  const make = (): { id: number; meta: unknown[]; deep: { list: unknown[] } } => ({ id: 1, meta: [], deep: { list: [] } })
  const steady = [make(), make(), make()]
  const root = make()
  root.meta.push(root)
  const inner = make()
  inner.deep.list.push(inner.deep)
  const back = send(...steady, root, inner, make()) as ReturnType<typeof make>[]
  assert.equal(back[3]!.meta[0], back[3])
  assert.equal(back[4]!.deep.list[0], back[4]!.deep)
  assert.deepStrictEqual(back[5], make())
})

test('what cannot travel is refused by its path, and leaves nothing', () => {
  const { encoder, send } = pair()
  const good = (n: number): object => ({ id: n, tags: ['a', n], text: 't' })
  for (const n of [1, 2, 3]) encoder.append(good(n), NO_TIMESTAMP, 0)
  assert.throws(() => encoder.append({ id: 4, tags: ['b', () => {}], text: 'lost' }, NO_TIMESTAMP, 0), /record\.tags\[1\] is a function/)
  assert.throws(() => encoder.append({ id: 4, tags: Symbol('s'), text: 'lost' }, NO_TIMESTAMP, 0), /record\.tags is a symbol/)
  assert.throws(() => encoder.append(new (class Order { readonly id = 1 })(), NO_TIMESTAMP, 0), /record is an instance of Order/) // oxfmt-ignore
  assert.equal(encoder.count, 3)
  assert.deepStrictEqual(send(good(5)), [good(1), good(2), good(3), good(5)])
})

test('strict use refuses accessors and symbols in records whose shape is known', () => {
  const encoder = new ColumnEncoder({ keyed: false, strict: true })
  for (let i = 0; i < 4; i++) encoder.append({ a: 1 }, 0, 0)
  assert.throws(() => encoder.append({ get a() { return 1 } }, 0, 0), /record\.a is an accessor/) // oxfmt-ignore
  assert.throws(() => encoder.append({ a: 1, [Symbol('s')]: 2 }, 0, 0), /the symbol Symbol\(s\) as a key/)
  assert.equal(encoder.count, 4)
})

test('more kinds of record than an edge keeps arrive all the same', () => {
  const { send } = pair()
  const kinds = Array.from({ length: SHAPES_MAX * 3 }, (_, n) => ({ [`field${n}`]: n, common: 'c' }))
  for (let round = 0; round < 3; round++) assert.deepStrictEqual(send(...kinds), kinds)
})

test('nested objects that differ from record to record stop being columns', () => {
  const { send } = pair()
  const records = Array.from({ length: 200 }, (_, n) => ({ id: n, counts: { [`k${n}`]: n } }))
  assert.deepStrictEqual(send(...records), records)
  assert.deepStrictEqual(send(...records), records)
})

test('objects used as maps do not use up the shapes', () => {
  const { send, sizes } = pair()
  send(...Array.from({ length: 2_000 }, (_, n) => ({ [`user${n}`]: n })))
  const steady = Array.from({ length: 400 }, (_, id) => ({ id, half: id / 2 }))
  send(...steady)
  assert.deepStrictEqual(send(...steady), steady)
  assert.ok(sizes[2]! < 400 * 13 + 200, `${sizes[2]} bytes`)
})

test('a frame before its definition is refused', () => {
  const encoder = new ColumnEncoder({ keyed: false })
  const frame = (): Uint8Array => {
    for (let i = 0; i < 3; i++) encoder.append({ a: i }, 0, 0)
    return Uint8Array.from(encoder.finish())
  }
  frame()
  const second = frame()
  assert.throws(() => new ColumnDecoder().decode(second), { code: 'FRAME_CORRUPT' })
})
