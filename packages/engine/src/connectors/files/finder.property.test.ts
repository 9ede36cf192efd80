import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { isRotatedName, originalsOf } from './finder.ts'

void it('the originals of a name are those of which it is a rotated one', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '.', '-', '_', '1'), minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(name, (rotated) => {
      const prefixes = Array.from({ length: rotated.length }, (_, length) => rotated.slice(0, length)).filter((prefix) => prefix !== '')
      assert.deepEqual(
        originalsOf(rotated),
        prefixes.filter((original) => isRotatedName(rotated, original)),
      )
    }),
  )
})
