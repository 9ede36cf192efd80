import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { decodeValue, encodeValue } from './value.ts'
import { isPlain } from './plain-object.ts'

class Point {
  x = 1
}

test('object literals are plain; instances, natives and what has no prototype are not', () => {
  assert.ok(isPlain({}))
  assert.ok(isPlain({ x: 1, constructor: Point }))
  for (const other of [new Point(), [], new Map(), new Date(), Object.create(null) as object, Object.create({}) as object])
    assert.ok(!isPlain(other))
})

test('an own field named __proto__ is a field like others, however often it comes', () => {
  const text = '{"a":1,"__proto__":{"b":2}}'
  for (let n = 0; n < 100; n++) {
    const value = JSON.parse(text) as object
    assert.equal(JSON.stringify(decodeValue(encodeValue(value))), text)
  }
})

test('a class with the fields of a plain object that is well known is refused', () => {
  for (let n = 0; n < 100; n++) encodeValue({ x: n })
  assert.throws(() => encodeValue(new Point()), { code: 'VALUE_UNSUPPORTED' })
})

test('a symbol is refused however many objects with the same keys came without one', () => {
  for (let n = 0; n < 100; n++) encodeValue({ y: n })
  assert.throws(() => encodeValue({ y: 1, [Symbol('z')]: 2 }), { code: 'VALUE_UNSUPPORTED' })
})

test('a Node without __proto__ tells plain objects all the same', () => {
  const script = `const { isPlain } = await import('./plain-object.ts'); console.log(isPlain({}), isPlain([]), isPlain(Object.create(null)))`
  for (const how of ['delete', 'throw']) {
    const node = [`--disable-proto=${how}`, '--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script]
    assert.equal(execFileSync(process.execPath, node, { cwd: import.meta.dirname, encoding: 'utf8' }).trim(), 'true false false')
  }
})
