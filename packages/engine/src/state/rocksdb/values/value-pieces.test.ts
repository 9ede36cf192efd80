import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { piecesOf, readPieces, type SoughtValue } from './value-pieces.ts'
import { recordLength } from './value-record.ts'

const key = Uint8Array.of(1, 2, 3)
const sought = fc
  .record({
    segment: fc.nat({ max: 2 }),
    offset: fc.nat({ max: 300_000 }),
    valueLength: fc.oneof(fc.nat({ max: 2_000 }), fc.nat({ max: 900_000 })),
  })
  .map((place): SoughtValue => ({ key, place }))

const endOf = ({ place }: SoughtValue): number => place.offset + recordLength(key.length, place.valueLength)

void test('each value lies in one piece, pieces lie in the order of their files, and hold little that is not sought', () => {
  const property = fc.property(fc.array(sought, { maxLength: 60 }), (all) => {
    const pieces = piecesOf(all)
    assert.deepEqual(new Set(pieces.flatMap((piece) => piece.sought)), new Set(all))
    assert.equal(
      pieces.reduce((sum, piece) => sum + piece.sought.length, 0),
      all.length,
    )
    for (const [at, { segment, offset, length, sought: values }] of pieces.entries()) {
      const before = pieces[at - 1]
      assert.ok(before === undefined || before.segment < segment || (before.segment === segment && before.offset <= offset))
      for (const each of values) assert.ok(each.place.segment === segment && each.place.offset >= offset && endOf(each) <= offset + length)
      assert.ok(length <= 512 * 1024 || values.length === 1 || endOf(values[0]!) - offset === length, String(length))
      const soughtBytes = values.reduce((sum, each) => sum + endOf(each) - each.place.offset, 0)
      assert.ok(length <= soughtBytes + 4096 * (values.length - 1))
    }
  })
  fc.assert(property, { numRuns: 200 })
})

void test('all pieces are read, no more than some at once, also where reads fail', async () => {
  const done: number[] = []
  let underWay = 0
  let most = 0
  await readPieces(
    Array.from({ length: 100 }, (_, piece) => piece),
    async (piece) => {
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay--
      if (piece % 3 === 0) throw new Error('it cannot be read')
      done.push(piece)
    },
  )
  assert.equal(done.length, 66)
  assert.equal(underWay, 0)
  assert.ok(most > 8 && most <= 32, String(most))
  await readPieces([], () => assert.fail('there is none'))
})
