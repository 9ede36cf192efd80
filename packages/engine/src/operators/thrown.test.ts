import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'
import { describeThrown } from './thrown.ts'

function refusing(member: 'message' | 'toString'): object {
  const error = member === 'message' ? new Error('never seen') : {}
  return Object.defineProperty(error, member, {
    get: () => {
      throw new Error('not even this')
    },
  })
}

const table: readonly (readonly [what: string, thrown: unknown, name: string, message: RegExp])[] = [
  ['an error', new RangeError('too far'), 'RangeError', /^too far$/],
  ['an error of another realm', runInNewContext("new TypeError('elsewhere')"), 'TypeError', /^elsewhere$/],
  ['a message that is no text', Object.assign(new Error(), { message: { a: 1 } }), 'Error', /^\{ a: 1 \}$/],
  ['a message that cannot be read', refusing('message'), 'Error', /^$/],
  ['a text', 'no', 'Error', /^no$/],
  ['nothing', undefined, 'Error', /^undefined$/],
  ['null', null, 'Error', /^null$/],
  ['a symbol', Symbol('s'), 'Error', /^Symbol\(s\)$/],
  ['an object without a prototype', Object.create(null), 'Error', /null prototype/],
  ['an object that has no text', refusing('toString'), 'Error', /./],
  [
    'an object that throws when it is shown',
    {
      [Symbol.for('nodejs.util.inspect.custom')]: () => {
        throw new Error('no')
      },
    },
    'Error',
    /cannot be shown/,
  ],
  [
    'a proxy that refuses everything',
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('no')
        },
        getPrototypeOf: () => {
          throw new Error('no')
        },
      },
    ),
    'Error',
    /./,
  ],
]

for (const [what, thrown, name, message] of table) {
  void test(`what was thrown as texts: ${what}`, () => {
    const described = describeThrown(thrown)
    assert.equal(described.name, name)
    assert.match(described.message, message)
    assert.equal(typeof described.stack, 'string')
  })
}

void test('what was thrown keeps its code, also as a number', () => {
  assert.equal(describeThrown(Object.assign(new Error(), { code: 'ENOENT' })).code, 'ENOENT')
  assert.equal(describeThrown(Object.assign(new Error(), { code: 7 })).code, '7')
  assert.equal(describeThrown(Object.assign(new Error(), { code: {} })).code, undefined)
})
