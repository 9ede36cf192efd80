import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { emptyFingerprint } from './fingerprint.ts'
import { TailQueue } from './tail-queue.ts'
import { Tail } from './tail.ts'

void describe('the order in which files are read', () => {
  void it('is that of each lineage: what was there before is read to its end first', () => {
    const tails = new TailQueue()
    const [second, first, other] = [tail('a', 2), tail('a', 1), tail('b', 3)]
    for (const each of [second, first, other]) tails.add(each)
    assert.equal(tails.next, first)
    first.phase = 'active'
    assert.equal(tails.next, other)
    first.phase = 'idle'
    assert.equal(tails.next, second)
    first.phase = 'ready'
    tails.remove(first)
    assert.equal(tails.next, second)
  })

  void it('has what is before a new file of its lineage read once more', () => {
    const tails = new TailQueue()
    const [rotated, other] = [tail('a', 1), tail('b', 2)]
    for (const each of [rotated, other]) {
      tails.add(each)
      each.phase = 'idle'
    }
    assert.equal(tails.anyReady, false)
    tails.add(tail('a', 3))
    assert.equal(tails.next, rotated)
    assert.equal(rotated.isOutdated, true)
    assert.equal(other.phase, 'idle')
  })

  void it('takes former contents of a file before it, and lets a busy one make way', () => {
    const tails = new TailQueue()
    const [busy, other] = [tail('a', 1), tail('b', 2)]
    for (const each of [busy, other]) tails.add(each)
    const copy = tail('c', 1)
    tails.addBefore(busy, [copy])
    assert.deepEqual(tails.all, [copy, busy, other])
    tails.moveToEnd(busy)
    assert.deepEqual(tails.all, [copy, other, busy])
  })
})

function tail(path: string, sequence: number): Tail {
  const unread = { fingerprint: emptyFingerprint, offset: 0, sizeBytes: 0, modifiedMs: 0, generation: 0, detached: false }
  return new Tail({ id: path, path, sequence, inode: path, ...unread })
}
