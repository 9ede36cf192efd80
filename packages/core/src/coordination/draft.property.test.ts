import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { CoordinationOperation } from './coordination.ts'
import { applyAll, Draft } from './draft.ts'
import { parentPath } from './paths.ts'
import { Tree } from './tree.ts'

const paths = ['/a', '/b', '/a/x', '/a/y', '/a/x/deep'] as const
const operation: fc.Arbitrary<CoordinationOperation> = fc.oneof(
  fc.record({
    kind: fc.constant('create' as const),
    path: fc.constantFrom(...paths),
    bytes: fc.uint8Array({ maxLength: 4 }),
    ephemeral: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('set' as const),
    path: fc.constantFrom(...paths),
    bytes: fc.uint8Array({ maxLength: 4 }),
    version: fc.integer({ min: -1, max: 2 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), path: fc.constantFrom(...paths), version: fc.integer({ min: -1, max: 1 }) }),
)

void test('counts, parents and owners of a tree always fit together; what fails leaves no trace', () => {
  fc.assert(
    fc.property(fc.array(fc.array(operation, { minLength: 1, maxLength: 4 }), { maxLength: 30 }), (transactions) => {
      const tree = new Tree()
      let id = 0
      for (const operations of transactions) {
        const before = new Map(tree.entries())
        const draft = new Draft(tree)
        try {
          applyAll(draft, operations, { id: ++id, session: 's' })
          tree.apply(draft.changes)
        } catch {
          assert.deepEqual(new Map(tree.entries()), before)
        }
        check(tree)
      }
    }),
    { numRuns: 200 },
  )
})

function check(tree: Tree): void {
  const all = new Map(tree.entries())
  for (const [path, node] of all) {
    const children = [...all.keys()].filter((other) => other !== '/' && parentPath(other) === path)
    assert.equal(node.childCount, children.length)
    assert.equal(tree.children(path)!.length, children.length)
    if (path !== '/') assert.ok(all.has(parentPath(path)), path)
    if (node.owner !== undefined) assert.equal(children.length, 0)
  }
  const owned = [...all].filter(([, { owner }]) => owner !== undefined).map(([path]) => path)
  assert.deepEqual(tree.ephemerals('s').toSorted(), owned.toSorted())
}
