import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { LinkedList, type Link } from './linked-list.ts'

type Step = { readonly kind: 'add' | 'remove' | 'move'; readonly at: number }

const step: fc.Arbitrary<Step> = fc.record({ kind: fc.constantFrom('add', 'remove', 'move'), at: fc.nat(30) })

class Model {
  readonly list = new LinkedList<number>()
  readonly set = new Set<number>()
  readonly links: Link<number>[] = []

  apply({ kind, at }: Step): void {
    if (kind === 'add') {
      this.set.add(this.links.length)
      this.links.push(this.list.add(this.links.length))
      return
    }
    const link = this.links[at % this.links.length]
    if (link === undefined) return
    const wasIn = this.set.delete(link.value)
    if (kind === 'remove') assert.equal(this.list.remove(link), wasIn)
    else {
      this.set.add(link.value)
      this.list.moveToEnd(link)
    }
  }
}

void test('holds what a Set would, in its order', () => {
  const property = fc.property(fc.array(step), (steps) => {
    const model = new Model()
    for (const each of steps) {
      model.apply(each)
      assert.deepEqual([...model.list], [...model.set])
      assert.equal(model.list.size, model.set.size)
      assert.equal(model.list.first, [...model.set][0])
    }
  })
  fc.assert(property)
})

void test('is gone through as a Set is, while it changes', () => {
  const property = fc.property(fc.array(step), fc.array(fc.array(step, { maxLength: 3 }), { minLength: 1 }), (steps, meanwhile) => {
    const model = new Model()
    for (const each of steps) model.apply(each)
    const ofSet = model.set.values()
    let met = 0
    for (const value of model.list) {
      assert.equal(value, ofSet.next().value)
      // Values that are moved or added again and again would come again and again.
      for (const each of meanwhile[met++] ?? []) model.apply(each)
    }
    assert.equal(ofSet.next().done, true)
  })
  fc.assert(property)
})

void test('a link of another list is in none of this one', () => {
  const [one, other] = [new LinkedList<string>(), new LinkedList<string>()]
  const link = one.add('a')
  other.add('b')
  assert.equal(other.remove(link), false)
  assert.throws(() => other.moveToEnd(link), TypeError)
  assert.deepEqual([...one, ...other], ['a', 'b'])
})

void test('an abandoned iteration leaves the list as it is', () => {
  const list = new LinkedList<number>()
  for (const value of [1, 2, 3]) list.add(value)
  for (const value of list) if (value === 2) break
  assert.deepEqual([...list], [1, 2, 3])
})
