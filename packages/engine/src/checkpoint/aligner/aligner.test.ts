import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MillraceError } from '@millrace/core'
import type { AlignerAction, AlignerEvent } from './aligner-events.ts'
import { BarrierAligner } from './aligner.ts'
import type { CheckpointMode } from '../options.ts'

const barrier = (channel: number, checkpointId: number): AlignerEvent => ({
  kind: 'barrier',
  channel,
  checkpointId,
  triggeredMs: checkpointId * 100,
})
const cancel = (channel: number, checkpointId: number): AlignerEvent => ({ kind: 'cancel-barrier', channel, checkpointId })
const end = (channel: number): AlignerEvent => ({ kind: 'end', channel })
const trigger = (checkpointId: number): AlignerEvent => ({ kind: 'trigger', checkpointId, triggeredMs: checkpointId * 100 })
const abort = (checkpointId: number): AlignerEvent => ({ kind: 'abort', checkpointId })

const snapshot = (checkpointId: number): AlignerAction => ({
  kind: 'snapshot',
  checkpointId,
  triggeredMs: checkpointId * 100,
  overtaken: [],
})
const block = (channel: number): AlignerAction => ({ kind: 'block', channel })
const unblock: AlignerAction = { kind: 'unblock-all' }
const ignored = (checkpointId: number): AlignerAction => ({ kind: 'ignored', checkpointId })
const forwardCancel = (checkpointId: number): AlignerAction => ({ kind: 'forward-cancel', checkpointId })
const declined = (checkpointId: number, reason: Extract<AlignerAction, { kind: 'decline' }>['reason']): AlignerAction[] => [
  { kind: 'decline', checkpointId, reason },
  forwardCancel(checkpointId),
]

/** Each step: an event and the actions that must answer it. */
function play(channels: number, mode: CheckpointMode, steps: readonly (readonly [AlignerEvent, readonly AlignerAction[]])[]): void {
  const aligner = new BarrierAligner({ channels, mode })
  for (const [index, [event, expected]] of steps.entries()) {
    assert.deepEqual(aligner.on(event), expected, `step ${index}: ${JSON.stringify(event)}`)
  }
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof MillraceError && error.code === code
}

describe('aligner, exactly once', () => {
  it('takes a snapshot at the barrier of an only channel, without blocking', () => {
    play(1, 'exactly-once', [
      [barrier(0, 1), [snapshot(1)]],
      [barrier(0, 2), [snapshot(2)]],
    ])
  })

  it('takes a snapshot of a source at the trigger', () => {
    play(0, 'exactly-once', [
      [trigger(1), [snapshot(1)]],
      [trigger(1), [ignored(1)]],
    ])
  })

  it('blocks channels until the last barrier', () => {
    play(3, 'exactly-once', [
      [barrier(1, 1), [block(1)]],
      [barrier(0, 1), [block(0)]],
      [barrier(2, 1), [snapshot(1), unblock]],
    ])
  })

  it('gives up an older alignment for a newer barrier, and says so', () => {
    play(2, 'exactly-once', [
      [barrier(0, 1), [block(0)]],
      [barrier(1, 2), [unblock, ...declined(1, 'superseded'), block(1)]],
      [barrier(0, 2), [snapshot(2), unblock]],
    ])
  })

  it('ignores barriers of checkpoints given up', () => {
    play(3, 'exactly-once', [
      [barrier(0, 1), [block(0)]],
      [barrier(1, 2), [unblock, ...declined(1, 'superseded'), block(1)]],
      [barrier(2, 1), [ignored(1)]],
      [barrier(2, 2), [block(2)]],
      [barrier(0, 2), [snapshot(2), unblock]],
    ])
  })

  it('gives up the alignment even for a newer barrier of a blocked channel', () => {
    play(2, 'exactly-once', [
      [barrier(0, 1), [block(0)]],
      [barrier(0, 2), [unblock, ...declined(1, 'superseded'), block(0)]],
      [barrier(1, 2), [snapshot(2), unblock]],
    ])
  })

  it('refuses a repeated barrier, in the alignment and after it', () => {
    for (const before of [[barrier(0, 1)], [barrier(0, 1), barrier(1, 1)]]) {
      const aligner = new BarrierAligner({ channels: 2, mode: 'exactly-once' })
      for (const event of before) aligner.on(event)
      assert.throws(() => aligner.on(barrier(0, 1)), hasCode('BARRIER_REPEATED'))
    }
  })

  it('refuses what follows an end, and channels that do not exist', () => {
    for (const event of [barrier(0, 1), cancel(0, 1), end(0), barrier(2, 1), end(-1)]) {
      const aligner = new BarrierAligner({ channels: 2, mode: 'exactly-once' })
      aligner.on(end(0))
      assert.throws(() => aligner.on(event), hasCode('CHANNEL_CORRUPT'))
    }
  })

  it('counts an ended channel as aligned, before and during the alignment', () => {
    play(3, 'exactly-once', [
      [end(2), []],
      [barrier(0, 1), [block(0)]],
      [end(1), [snapshot(1), unblock]],
      [barrier(0, 2), [snapshot(2)]],
    ])
  })

  it('does not release the others when a channel ends', () => {
    play(3, 'exactly-once', [
      [barrier(0, 1), [block(0)]],
      [end(1), []],
      [barrier(2, 1), [snapshot(1), unblock]],
    ])
  })

  it('answers a trigger at once when all channels have ended', () => {
    play(2, 'exactly-once', [
      [end(0), []],
      [end(1), []],
      [trigger(1), [snapshot(1)]],
      [trigger(2), [snapshot(2)]],
    ])
  })

  it('keeps triggers until the channels have ended, in order', () => {
    play(2, 'exactly-once', [
      [trigger(1), []],
      [trigger(2), []],
      [end(0), []],
      [end(1), [snapshot(1), snapshot(2)]],
    ])
  })

  it('takes a trigger and barriers of one checkpoint together', () => {
    play(2, 'exactly-once', [
      [end(0), []],
      [trigger(1), []],
      [barrier(1, 1), [snapshot(1)]],
      [trigger(1), [ignored(1)]],
    ])
  })

  it('lets an older alignment finish although a newer trigger is waiting', () => {
    play(2, 'exactly-once', [
      [trigger(2), []],
      [barrier(0, 1), [block(0)]],
      [barrier(1, 1), [snapshot(1), unblock]],
      [end(0), []],
      [end(1), [snapshot(2)]],
    ])
  })

  it('gives up on a cancellation, whether the alignment has begun or not', () => {
    play(2, 'exactly-once', [
      [barrier(0, 1), [block(0)]],
      [cancel(1, 1), [unblock, ...declined(1, 'cancelled-upstream')]],
      [cancel(0, 2), declined(2, 'cancelled-upstream')],
      [barrier(1, 2), [ignored(2)]],
      [cancel(1, 2), [ignored(2)]],
    ])
  })

  it('gives up older ones on a cancellation that overtook their barriers', () => {
    play(3, 'exactly-once', [
      [barrier(0, 1), [block(0)]],
      [cancel(1, 2), [unblock, ...declined(1, 'superseded'), ...declined(2, 'cancelled-upstream')]],
      [barrier(2, 1), [ignored(1)]],
      [barrier(0, 2), [ignored(2)]],
    ])
  })

  it('does as the coordinator says, without declining what it gave up itself', () => {
    play(2, 'exactly-once', [
      [barrier(0, 1), [block(0)]],
      [abort(1), [unblock, forwardCancel(1)]],
      [barrier(1, 1), [ignored(1)]],
      [abort(2), [forwardCancel(2)]],
      [barrier(0, 2), [ignored(2)]],
      [abort(2), [ignored(2)]],
    ])
  })

  it('forgets a trigger that is aborted', () => {
    play(1, 'exactly-once', [
      [trigger(1), []],
      [abort(1), [forwardCancel(1)]],
      [end(0), []],
    ])
  })

  it('gives up an alignment that takes too much or too long', () => {
    play(2, 'exactly-once', [
      [{ kind: 'limit-exceeded', limit: 'time' }, []],
      [barrier(0, 1), [block(0)]],
      [{ kind: 'limit-exceeded', limit: 'bytes' }, [unblock, ...declined(1, 'alignment-bytes')]],
      [barrier(1, 1), [ignored(1)]],
      [barrier(1, 2), [block(1)]],
      [{ kind: 'limit-exceeded', limit: 'time' }, [unblock, ...declined(2, 'alignment-time')]],
    ])
  })

  it('knows nothing of ids up to the restored one', () => {
    const aligner = new BarrierAligner({ channels: 2, mode: 'exactly-once', settledId: 7 })
    assert.deepEqual(aligner.on(barrier(0, 7)), [ignored(7)])
    assert.deepEqual(aligner.on(trigger(6)), [ignored(6)])
    assert.deepEqual(aligner.on(barrier(0, 8)), [block(0)])
  })

  it('tells what it aligns for', () => {
    const aligner = new BarrierAligner({ channels: 2, mode: 'exactly-once' })
    aligner.on(trigger(1))
    assert.equal(aligner.aligningId, undefined)
    aligner.on(barrier(1, 1))
    assert.deepEqual([aligner.aligningId, aligner.isBlocked(0), aligner.isBlocked(1), aligner.allEnded], [1, false, true, false])
    aligner.on(barrier(0, 1))
    assert.deepEqual([aligner.aligningId, aligner.isBlocked(1)], [undefined, false])
  })
})

describe('aligner, at least once', () => {
  it('follows several checkpoints without blocking', () => {
    play(2, 'at-least-once', [
      [barrier(0, 1), []],
      [barrier(0, 2), []],
      [barrier(1, 1), [snapshot(1)]],
      [barrier(1, 2), [snapshot(2)]],
    ])
  })

  it('gives up a checkpoint that a channel has skipped', () => {
    play(2, 'at-least-once', [
      [barrier(0, 1), []],
      [barrier(1, 2), declined(1, 'superseded')],
      [barrier(0, 2), [snapshot(2)]],
    ])
  })

  it('takes all that an end completes, in order', () => {
    play(2, 'at-least-once', [
      [barrier(0, 1), []],
      [barrier(0, 2), []],
      [end(1), [snapshot(1), snapshot(2)]],
    ])
  })

  it('follows a bounded number', () => {
    const aligner = new BarrierAligner({ channels: 2, mode: 'at-least-once', pendingMax: 2 })
    aligner.on(barrier(0, 1))
    aligner.on(barrier(0, 2))
    assert.deepEqual(aligner.on(barrier(0, 3)), declined(1, 'too-many-pending'))
    assert.deepEqual(aligner.on(barrier(1, 1)), [ignored(1)])
    assert.deepEqual(aligner.on(barrier(1, 2)), [snapshot(2)])
  })
})
