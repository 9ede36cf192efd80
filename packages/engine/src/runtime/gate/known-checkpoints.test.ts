import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KnownCheckpoints } from './known-checkpoints.ts'

const dir = (name: string): { readonly dir: string; readonly isCheckpoint: boolean } => ({
  dir: `/savepoints/${name}`,
  isCheckpoint: false,
})

void describe('what is known of checkpoints', () => {
  void it('never falls, whoever tells it last', () => {
    const known = new KnownCheckpoints()
    known.hear({ checkpointId: 5, completedId: 4, unaligned: true })
    known.hear({ checkpointId: 3, completedId: 2, unaligned: true })
    known.hear({ checkpointId: 6, completedId: 4 })
    assert.equal(known.completedId, 4)
    assert.equal(known.unalignedId, 5)
  })

  void it('tells once where a savepoint goes, however often it was heard', () => {
    const known = new KnownCheckpoints()
    known.hear({ checkpointId: 2, completedId: 1, savepoint: dir('two') })
    known.hear({ checkpointId: 2, completedId: 1, savepoint: dir('two') })
    assert.equal(known.takeSavepoint(1), undefined)
    assert.deepEqual(known.takeSavepoint(2), dir('two'))
    assert.equal(known.takeSavepoint(2), undefined)
  })

  void it('forgets what is older than what was taken', () => {
    const known = new KnownCheckpoints()
    for (const checkpointId of [2, 3, 4]) known.hear({ checkpointId, completedId: 1, savepoint: dir(String(checkpointId)) })
    assert.deepEqual(known.takeSavepoint(3), dir('3'))
    assert.equal(known.takeSavepoint(2), undefined)
    assert.deepEqual(known.takeSavepoint(4), dir('4'))
  })
})
