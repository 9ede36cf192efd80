import assert from 'node:assert/strict'
import { it } from 'node:test'
import { LocalChannel } from '../../exchange/channel-local.ts'
import { NO_TIMESTAMP, type Element, type RecordBatch } from '../../exchange/elements.ts'
import { ReadAhead } from './read-ahead.ts'

const barrier = (checkpointId: number): Element => ({ kind: 'barrier', checkpointId, triggeredMs: 0, completedId: 0 })

/** Each text a record of a batch of its own, each number the barrier of a checkpoint. */
function channelWith(items: readonly (string | number)[]): LocalChannel {
  const channel = new LocalChannel({ keyed: true })
  for (const item of items) {
    if (typeof item === 'number') channel.event(barrier(item) as Extract<Element, { kind: 'barrier' }>)
    else if (item === 'end') channel.event({ kind: 'end' })
    else {
      channel.append(item, NO_TIMESTAMP, item.length)
      channel.flush()
    }
  }
  return channel
}

function readAhead(channel: LocalChannel): {
  readonly ahead: ReadAhead
  readonly seen: unknown[]
  readonly see: (batch: RecordBatch) => void
  readonly rest: () => unknown[]
} {
  const ahead = new ReadAhead([{ channel, input: 0, label: 'upstream[0]' }])
  const seen: unknown[] = []
  return {
    ahead,
    seen,
    see: (batch) => void seen.push(...batch.values.slice(0, batch.count)),
    rest: () => {
      const rest: unknown[] = []
      for (let element = ahead.take(0); element !== undefined; element = ahead.take(0))
        rest.push(element.kind === 'records' ? element.values[0] : element.kind === 'barrier' ? element.checkpointId : element.kind)
      return rest
    },
  }
}

it('shows what comes before the barrier, keeps it in order, and takes the barrier out', () => {
  const channel = channelWith(['a', 'b', 1, 'c'])
  const { ahead, seen, see, rest } = readAhead(channel)
  assert.deepEqual(ahead.read(0, 1, see), { found: 'barrier', any: true })
  assert.deepEqual(seen, ['a', 'b'])
  assert.deepEqual(rest(), ['a', 'b', 'c'])
  assert.equal(ahead.any, false)
})

it('stops at the end, and at what shows that the barrier will not come', () => {
  for (const [items, found, left] of [
    [['a', 'end'], 'end', ['a', 'end']],
    [['a', 2, 'b'], 'skipped', ['a', 2, 'b']],
    [['a'], 'more', ['a']],
  ] as const) {
    const { ahead, seen, see, rest } = readAhead(channelWith(items))
    assert.equal(ahead.read(0, 1, see).found, found)
    assert.deepEqual(seen, ['a'])
    assert.deepEqual(rest(), left)
  }
})

it('goes past the barrier of a checkpoint that is over', () => {
  const { ahead, seen, see, rest } = readAhead(channelWith(['a', 1, 'b', 2]))
  assert.equal(ahead.read(0, 2, see).found, 'barrier')
  assert.deepEqual(seen, ['a', 'b'])
  assert.deepEqual(rest(), ['a', 1, 'b'])
})

it('finds the barrier in what was read ahead for an older checkpoint', () => {
  const { ahead, seen, see, rest } = readAhead(channelWith(['a', 2, 'b']))
  assert.equal(ahead.read(0, 1, () => {}).found, 'skipped')
  assert.equal(ahead.search(0, 2, see), 'barrier')
  assert.deepEqual(seen, ['a'])
  assert.deepEqual(rest(), ['a', 'b'])
})

it('holds the writer back until little is left', () => {
  const channel = channelWith(['a', 'b', 'c', 'd'])
  const { ahead } = readAhead(channel)
  ahead.read(0, 1, () => {})
  assert.equal(channel.held, true)
  ahead.take(0)
  assert.equal(channel.held, true)
  ahead.take(0)
  assert.equal(channel.held, false)
})
