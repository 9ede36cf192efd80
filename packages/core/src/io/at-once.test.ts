import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { atOnce } from './at-once.ts'

describe('some at once', () => {
  it('keeps the order of the items, and never has more under way', async () => {
    let underWay = 0
    let most = 0
    const results = await atOnce(3, [5, 1, 4, 2, 0, 3], async (turns) => {
      most = Math.max(most, ++underWay)
      for (let turn = 0; turn < turns; turn++) await setImmediate()
      underWay--
      return turns * 2
    })
    assert.deepEqual([results, most, underWay], [[10, 2, 8, 4, 0, 6], 3, 0])
    assert.deepEqual(await atOnce(3, [], async () => 1), [])
  })

  it('begins none after a failure, and rejects when none is under way', async () => {
    const begun: number[] = []
    let ended = 0
    const working = atOnce(2, [0, 1, 2, 3], async (item) => {
      begun.push(item)
      if (item === 0) throw new Error('no')
      await setImmediate()
      ended++
    })
    await assert.rejects(working, /no/)
    assert.deepEqual([begun, ended], [[0, 1], 1])
  })
})
