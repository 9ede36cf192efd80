import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clientConfig } from './connection.ts'
import { databaseError, kindOf } from './database-errors.ts'
import { postgresSink } from './postgres-sink.ts'
import { jsonOf, RowMaker } from './rows.ts'
import { parseTable, quotedTable, rowStatements, type RowTarget } from './sql.ts'
import { Staging } from './staging.ts'

interface Order {
  readonly id: number | string | null
  readonly name: string | null
}

const maker = new RowMaker<Order>({
  columns: [
    ['id', 'id'],
    ['na"me', ({ name }) => name],
  ],
  keys: ['id'],
  deleteWhen: ({ name }) => name === null,
})

describe('rows', () => {
  it('have a form for every value that a database takes', () => {
    const table: readonly (readonly [unknown, string])[] = [
      [undefined, 'null'],
      [null, 'null'],
      [-0.5, '-0.5'],
      [NaN, '"NaN"'],
      [-Infinity, '"-Infinity"'],
      [12n, '"12"'],
      [true, 'true'],
      ['a"\n', '"a\\"\\n"'],
      [new Date(0), '"1970-01-01T00:00:00.000Z"'],
      [Uint8Array.of(0, 255), '"\\\\x00ff"'],
      [[1, [2n]], '[1,["2"]]'],
      [{ a: undefined, b: 1 }, '{"b":1}'],
      [[Uint8Array.of(1), Buffer.of(2)], '["\\\\x01","\\\\x02"]'],
      [new Date('9999-12-31T23:59:59.999Z'), '"9999-12-31T23:59:59.999Z"'],
      [new Date('+010000-01-01T00:00:00Z'), '"10000-01-01T00:00:00.000Z"'],
      [new Date(8.64e15), '"275760-09-13T00:00:00.000Z"'],
      [new Date('0000-03-15T00:00:00Z'), '"0001-03-15T00:00:00.000Z BC"'],
      [{ a: new Date('0000-03-15T00:00:00Z') }, '{"a":"0000-03-15T00:00:00.000Z"}'],
      [new Date('-000043-03-15T00:00:00Z'), '"0044-03-15T00:00:00.000Z BC"'],
      [{ a: [NaN, new Date(0)] }, '{"a":["NaN","1970-01-01T00:00:00.000Z"]}'],
    ]
    for (const [value, json] of table) assert.equal(jsonOf(value), json)
    for (const value of [
      new Date(NaN),
      [new Date(NaN)],
      new Map(),
      { a: new Map() },
      new Set(),
      Symbol.iterator,
      () => 1,
      'a\u0000',
      'a\ud83d',
      ['a\u0000'],
      { a: { b: 'a\ud83d' } },
      { 'a\u0000': 1 },
      new ArrayBuffer(1),
      { a: new SharedArrayBuffer(1) },
      [new Float64Array(1)],
    ])
      assert.throws(() => jsonOf(value), TypeError)
  })

  it('are made of properties and functions, and deletes of keys alone', () => {
    assert.deepEqual(maker.make({ id: 1, name: 'a' }), { key: '["1"]', text: '{"id":1,"na\\"me":"a"}', isDelete: false })
    assert.deepEqual(maker.make({ id: '1', name: null }), { key: '["1"]', text: '{"id":"1"}', isDelete: true })
    assert.throws(() => maker.make({ id: null, name: 'a' }), /a row: column id is a key and has no value.*SINK_FORMAT_FAILED/)
  })

  it('of one key: the last counts, or the first, or all', () => {
    const orders: readonly Order[] = [1, 2, 1].map((id, index) => ({ id, name: `n${index}` }))
    const staged = (keeps: 'first' | 'last' | 'all') => {
      const staging = new Staging(maker, keeps)
      for (const order of orders) staging.add(order)
      return staging
    }
    const names = (keeps: 'first' | 'last' | 'all') =>
      staged(keeps)
        .take()
        .writes.flatMap((chunk) => (JSON.parse(chunk) as { 'na"me': string }[]).map((row) => row['na"me']))
    assert.deepEqual(names('last').toSorted(), ['n1', 'n2'])
    assert.deepEqual(names('first'), ['n0', 'n1'])
    assert.deepEqual(names('all'), ['n0', 'n1', 'n2'])
    const last = staged('last')
    last.add({ id: 2, name: null })
    assert.ok(last.sizeBytes > 0)
    const { writes, deletes } = last.take()
    assert.deepEqual([writes.length, deletes], [1, ['[{"id":2}]']])
    assert.deepEqual([last.rows, last.sizeBytes, last.take()], [0, 0, { writes: [], deletes: [] }])
  })

  it('of keys that only the database takes for one are in the order of their last records', () => {
    const staging = new Staging(maker, 'last')
    for (const [index, id] of [1, '1.0', '1'].entries()) staging.add({ id, name: `n${index}` })
    const rows = staging.take().writes.flatMap((chunk) => JSON.parse(chunk) as { readonly id: unknown }[])
    assert.deepEqual(
      rows.map(({ id }) => id),
      ['1.0', '1'],
    )
  })

  it('go in pieces that a statement can take', () => {
    const staging = new Staging(maker, 'all')
    for (let id = 0; id < 2_500; id++) staging.add({ id, name: 'x' })
    assert.deepEqual(
      staging.take().writes.map((chunk) => (JSON.parse(chunk) as unknown[]).length),
      [1_000, 1_000, 500],
    )
  })
})

describe('statements', () => {
  it('quote names as they are spelled', () => {
    assert.deepEqual(parseTable('Shop.my"table'), { schema: 'Shop', name: 'my"table' })
    assert.equal(quotedTable(parseTable('Shop.my"table')!), '"Shop"."my""table"')
    for (const text of ['', 'a.b.c', '.a', 'a.']) assert.equal(parseTable(text), undefined)
  })

  it('update what is not a key, or leave it', () => {
    const target = { table: { schema: undefined, name: 't' }, columns: ['id', 'n'], keys: ['id'] } as const
    const types = [
      { name: 'n', type: 'integer', collation: null },
      { name: 'id', type: 'character varying(3)', collation: 'pg_catalog."C"' },
    ]
    const statements = (other: Partial<RowTarget>) => rowStatements({ ...target, onConflict: 'update', ...other }, types)
    assert.match(statements({}).write, /AS made\("id" character varying\(3\) COLLATE pg_catalog\."C", "n" integer\) ON CONFLICT/)
    assert.match(statements({}).write, /ON CONFLICT \("id"\) DO UPDATE SET "n" = EXCLUDED."n"$/)
    assert.match(statements({}).delete!, /AS gone\("id" character varying\(3\) COLLATE pg_catalog\."C"\) WHERE/)
    assert.match(statements({ onConflict: 'ignore' }).write, /DO NOTHING$/)
    assert.match(statements({ columns: ['id'] }).write, /DO NOTHING$/)
    assert.equal(statements({ keys: [] }).delete, undefined)
  })
})

describe('errors of the database', () => {
  it('are of a row, of the table, or pass by', () => {
    const kinds = {
      row: ['23505', '22P02', '21000', 'P0001', '54000'],
      refused: ['42P01', '28P01', '42501', '3D000'],
      later: ['40001', '40P01', '57P01', '57P03', '25P03', '25P04', '53300', '08006', 'ECONNREFUSED', 'EPIPE', undefined],
    }
    for (const [kind, codes] of Object.entries(kinds)) {
      for (const code of codes) assert.equal(kindOf({ message: '', ...(code === undefined ? {} : { code }) }), kind, code)
    }
    const cause = Object.assign(new Error('bad'), { code: '23505', constraint: 'orders_pkey', detail: 'Key (id)=(1)' })
    const error = databaseError(cause, 'orders', `{"id":1,"text":"${'x'.repeat(1_000)}"}`)
    assert.equal(error.code, 'POSTGRES_SINK_RECORD_REFUSED')
    assert.match(error.message, /table orders refuses the row \{"id":1.*… by constraint orders_pkey: bad: Key \(id\)=\(1\) \(23505\)/)
    assert.ok(error.message.length < 700)
  })
})

describe('options', () => {
  it('of the connection: parts count before the address', () => {
    const config = clientConfig('postgresSink', { url: 'postgres://a%40b:p%2Fw@[::1]:5433/shop?sslmode=verify-full', user: 'other' })
    assert.deepEqual(
      [config.host, config.port, config.user, config.password, config.database, config.ssl],
      ['::1', 5433, 'other', 'p/w', 'shop', true],
    )
  })

  it('that are wrong are named, without passwords', () => {
    const refused = (options: object, option: RegExp): void =>
      assert.throws(() => postgresSink<Order>({ table: 't', columns: ['id', 'name'], ...options } as never), {
        code: 'CONNECTOR_OPTION_INVALID',
        message: new RegExp(`option ${option.source} (?!.*secret)`),
      })
    refused({ url: 'mysql://u:secret@h/d' }, /url/)
    refused({ url: 'postgres://u:secret@h/d?sslrootcert=x' }, /url/)
    for (const text of ['%', '%ff', '100%sure']) refused({ url: `postgres://u:secret${text}@h/d` }, /url/)
    for (const text of ['%', '%ff', '100%sure']) refused({ url: `postgres://u:secret${text}@h/d` }, /url/)
    for (const time of ['0s', '25d']) {
      refused({ connectTimeout: time }, /connectTimeout/)
      refused({ statementTimeout: time }, /statementTimeout/)
    }
    refused({ table: 'a.b.c' }, /table/)
    refused({ columns: [] }, /columns/)
    refused({ keys: ['nme'] }, /keys/)
    refused({ deleteWhen: () => true }, /deleteWhen/)
    refused({ keys: ['id'], onConflict: 'ignore', deleteWhen: () => true }, /deleteWhen/)
    refused({ delivery: 'none' }, /delivery/)
    refused({ retryFor: 'soon' }, /retryFor/)
    for (const never of [0, '25d']) {
      refused({ statementTimeout: never }, /statementTimeout/)
      refused({ connectTimeout: never }, /connectTimeout/)
    }
    refused({ commitRetention: '59m' }, /commitRetention/)
    refused({ commitRetention: '2h', retryFor: '3h' }, /commitRetention/)
  })
})
