import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { AlignerAction, AlignerEvent } from './aligner-events.ts'
import { BarrierAligner } from './aligner.ts'

const barrier = (channel: number, checkpointId: number): AlignerEvent => ({ kind: 'barrier', channel, checkpointId, triggeredMs: 5 })
const overtake = (checkpointId: number): AlignerEvent => ({ kind: 'overtake', checkpointId, triggeredMs: 5 })
const snapshot = (checkpointId: number, overtaken: readonly number[]): AlignerAction => ({
  kind: 'snapshot',
  checkpointId,
  triggeredMs: 5,
  overtaken,
})

/** Each step: an event and the actions that must answer it. */
function play(
  options: { readonly channels: number; readonly alignedOnly?: readonly boolean[] },
  steps: readonly (readonly [AlignerEvent, readonly AlignerAction[]])[],
): void {
  const aligner = new BarrierAligner({ ...options, mode: 'exactly-once' })
  for (const [event, actions] of steps) assert.deepEqual(aligner.on(event), actions, JSON.stringify(event))
}

describe('a snapshot that overtakes barriers', () => {
  it('is taken at once, and whole with the last barrier', () => {
    play({ channels: 2 }, [
      [overtake(1), [snapshot(1, [0, 1])]],
      [barrier(0, 1), []],
      [barrier(1, 1), [{ kind: 'collected', checkpointId: 1 }]],
      [overtake(2), [snapshot(2, [0, 1])]],
    ])
  })

  it('leaves alone what channels bring behind their barrier', () => {
    play({ channels: 3 }, [
      [barrier(1, 1), [{ kind: 'block', channel: 1 }]],
      [overtake(1), [snapshot(1, [0, 2]), { kind: 'unblock-all' }]],
      [{ kind: 'ends-ahead', channel: 0 }, []],
      [barrier(2, 1), [{ kind: 'collected', checkpointId: 1 }]],
    ])
  })

  it('waits for channels that can only be aligned', () => {
    play({ channels: 2, alignedOnly: [true, false] }, [
      [overtake(1), []],
      [barrier(0, 1), [snapshot(1, [1])]],
      [barrier(1, 1), [{ kind: 'collected', checkpointId: 1 }]],
    ])
  })

  it('overtakes nothing where all channels are there', () => {
    play({ channels: 1 }, [
      [barrier(0, 1), [snapshot(1, [])]],
      [overtake(1), [{ kind: 'ignored', checkpointId: 1 }]],
    ])
  })

  it('is declined when what is in flight can never be whole, and not when the coordinator has given it up', () => {
    const declined = (reason: Extract<AlignerAction, { kind: 'decline' }>['reason']): AlignerAction[] => [
      { kind: 'give-up-collecting', checkpointId: 1 },
      { kind: 'decline', checkpointId: 1, reason },
    ]
    const cases: readonly (readonly [AlignerEvent, readonly AlignerAction[]])[] = [
      [{ kind: 'skips-ahead', channel: 0 }, declined('superseded')],
      [{ kind: 'cancel-barrier', channel: 0, checkpointId: 1 }, [...declined('cancelled-upstream'), { kind: 'ignored', checkpointId: 1 }]],
      [{ kind: 'limit-exceeded', limit: 'bytes' }, declined('alignment-bytes')],
      [overtake(2), [...declined('superseded'), snapshot(2, [0, 1])]],
      [
        { kind: 'abort', checkpointId: 1 },
        [
          { kind: 'give-up-collecting', checkpointId: 1 },
          { kind: 'ignored', checkpointId: 1 },
        ],
      ],
    ]
    for (const answered of cases) play({ channels: 2 }, [[overtake(1), [snapshot(1, [0, 1])]], answered])
  })

  it('goes on being collected while a later checkpoint is aligned', () => {
    play({ channels: 3 }, [
      [overtake(1), [snapshot(1, [0, 1, 2])]],
      [barrier(0, 1), []],
      [barrier(0, 2), [{ kind: 'block', channel: 0 }]],
      [barrier(1, 1), []],
      [barrier(2, 1), [{ kind: 'collected', checkpointId: 1 }]],
      [barrier(1, 2), [{ kind: 'block', channel: 1 }]],
      [barrier(2, 2), [snapshot(2, []), { kind: 'unblock-all' }]],
    ])
  })
})

it('whatever is said in whatever order: a snapshot is asked for once, in ascending order, and comes to one end', () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant('barrier' as const), channel: fc.nat(2), checkpointId: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant('cancel-barrier' as const), channel: fc.nat(2), checkpointId: fc.integer({ min: 1, max: 4 }) }),
    fc.record({
      kind: fc.constantFrom('overtake' as const, 'trigger' as const, 'abort' as const),
      checkpointId: fc.integer({ min: 1, max: 4 }),
    }),
    fc.record({ kind: fc.constantFrom('ends-ahead' as const, 'skips-ahead' as const), channel: fc.nat(2) }),
    fc.constant({ kind: 'limit-exceeded' as const, limit: 'bytes' as const }),
  )
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), (events, alignedOnly) => {
      const aligner = new BarrierAligner({ channels: 3, mode: 'exactly-once', alignedOnly })
      const delivered = [0, 0, 0]
      const snapshots: number[] = []
      let collecting: number | undefined
      for (const each of events) {
        if (each.kind === 'barrier') {
          // As a sender does: ids ascend on a channel.
          if (each.checkpointId <= delivered[each.channel]! || aligner.isBlocked(each.channel)) continue
          delivered[each.channel] = each.checkpointId
        }
        for (const action of aligner.on({ ...each, triggeredMs: 0 } as AlignerEvent)) {
          if (action.kind === 'collected' || action.kind === 'give-up-collecting') {
            assert.equal(action.checkpointId, collecting)
            collecting = undefined
          }
          if (action.kind !== 'snapshot') continue
          assert.ok(action.checkpointId > (snapshots.at(-1) ?? 0))
          snapshots.push(action.checkpointId)
          assert.ok(action.overtaken.every((channel) => !alignedOnly[channel] && delivered[channel]! < action.checkpointId))
          if (action.overtaken.length === 0) continue
          assert.equal(collecting, undefined)
          collecting = action.checkpointId
        }
        assert.equal(
          [0, 1, 2].some((channel) => aligner.isAwaited(channel)),
          collecting !== undefined,
        )
      }
    }),
    { numRuns: 300 },
  )
})
