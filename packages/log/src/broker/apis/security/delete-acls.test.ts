// A request to delete entries by many filters, each of which looks at all of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeClock } from '@millrace/core'
import type { RequestContext } from '../../handler.ts'
import type { AclBinding } from '../../security/acl/acl.ts'
import { LoopTurns } from '../data/loop-turns.ts'
import { deleteAcls } from './delete-acls.ts'

const ANY = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  patternTypeFilter: 1,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}

test('others have their turn between the filters of a request', async () => {
  let nowMs = 0
  let looked = 0
  const due: (() => void)[] = []
  const turns = new LoopTurns({
    ...nodeClock,
    monotonic: () => nowMs,
    soon: (callback) => {
      due.push(callback)
      return () => undefined
    },
  })
  const all = (): AclBinding[] => {
    // So long a filter takes with very many entries.
    nowMs += 30
    looked++
    return []
  }
  const context = { broker: { security: { acls: { all } }, turns }, version: 3, allows: () => true } as unknown as RequestContext
  const answer = Promise.resolve(deleteAcls.handle({ filters: Array.from({ length: 5 }, () => ANY) }, context))
  const seen: number[] = []
  while (seen.at(-1) !== 5) {
    await new Promise(setImmediate)
    seen.push(looked)
    for (const callback of due.splice(0)) callback()
  }
  assert.deepEqual(seen, [2, 4, 5])
  const { filterResults } = (await answer) as { filterResults: readonly unknown[] }
  assert.equal(filterResults.length, 5)
})
