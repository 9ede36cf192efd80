import assert from 'node:assert/strict'
import { it } from 'node:test'
import { failoverScope, fitsRegion } from './failover.ts'

const failure = { restoreBefore: undefined }

it('a region starts again by itself only where others can go on without it', () => {
  const scope = (change: Partial<Parameters<typeof failoverScope>[0]>): string =>
    failoverScope({ regions: 2, hasRun: true, ending: false, failure, ...change })
  assert.equal(scope({}), 'region')
  assert.equal(scope({ regions: 1 }), 'job')
  assert.equal(scope({ hasRun: false }), 'job', 'what never ran')
  assert.equal(scope({ ending: true }), 'job', 'the last checkpoint needs it')
  assert.equal(scope({ failure: { restoreBefore: 7 } }), 'job', 'everybody has to go back')
})

it('a region starts from the newest checkpoint that all others know of, and from nothing else', () => {
  const fits = (
    ownId: number | undefined,
    path: string | undefined,
    completedId: number | undefined,
    startedFrom: string | undefined,
  ): boolean => fitsRegion({ ownId, path }, { completedId, startedFrom })
  assert.ok(fits(5, '/c/chk-5', 5, undefined))
  assert.ok(fits(5, undefined, 5, '/savepoint'), 'in memory, after a start from a savepoint')
  assert.ok(!fits(4, '/c/chk-4', 5, undefined), 'the newest is damaged')
  assert.ok(!fits(6, '/c/chk-6', 5, undefined), 'one that nobody has heard of')
  assert.ok(fits(undefined, undefined, undefined, undefined), 'empty, as at the start')
  assert.ok(fits(undefined, '/savepoint', undefined, '/savepoint'))
  assert.ok(!fits(undefined, undefined, undefined, '/savepoint'), 'the savepoint is gone')
  assert.ok(!fits(undefined, undefined, 5, undefined), 'all checkpoints are gone')
})
