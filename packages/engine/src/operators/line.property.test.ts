import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { Line } from './line.ts'

it('a line is an array from which the first is taken', () => {
  const step = fc.record({
    call: fc.constantFrom('push', 'shift', 'insert', 'remove', 'find', 'many', 'few'),
    place: fc.nat(5_000),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const line = new Line<number>([-1])
      const model = [-1]
      for (const [n, { call, place }] of steps.entries()) {
        const at = place % (model.length + 1)
        if (call === 'push') {
          line.push(n)
          model.push(n)
        } else if (call === 'shift') assert.equal(line.shift(), model.shift())
        else if (call === 'insert') {
          line.insert(at, n)
          model.splice(at, 0, n)
        } else if (call === 'remove' && at < model.length) assert.equal(line.remove(at), model.splice(at, 1)[0])
        else if (call === 'find')
          assert.equal(
            line.find((item, where) => where > 0 && item > at),
            model.findIndex((item, where) => where > 0 && item > at),
          )
        else if (call === 'many') {
          for (let count = 0; count < place; count++) line.push(count)
          for (let count = 0; count < place; count++) model.push(count)
        } else if (call === 'few') for (let count = 0; count < place; count++) assert.equal(line.shift(), model.shift())
        assert.equal(line.length, model.length)
        assert.equal(line.at(0), model[0])
        assert.equal(line.at(at), model[at])
      }
      assert.deepEqual(line.items(), model)
    }),
    { numRuns: 50 },
  )
})

it('what is taken from a long line costs no more than from a short one', () => {
  const line = new Line<number>()
  const count = 300_000
  for (let item = 0; item < count; item++) line.push(item)
  const startMs = performance.now()
  for (let item = 0; item < count; item++) assert.equal(line.shift(), item)
  // From an array it is a minute.
  assert.ok(performance.now() - startMs < 5_000)
  assert.equal(line.shift(), undefined)
})
