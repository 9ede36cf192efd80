import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { EngineOptions } from '../config/options.ts'
import { RestartPolicy, restartOptions, type RestartDecision, type RestartOptions } from './restart.ts'

const failure = (atMs: number, random = 0.5): Parameters<RestartPolicy['decide']>[0] => ({ atMs, recoverable: true, random })

/** Decisions for failures at these times: a delay, or the reason to give up. */
function decide(options: RestartOptions, times: readonly number[]): (number | string)[] {
  const policy = new RestartPolicy(options)
  return times.map((atMs) => outcome(policy.decide(failure(atMs))))
}

function outcome(decision: RestartDecision): number | string {
  return decision.kind === 'restart' ? decision.delayMs : decision.reason
}

const exponential = {
  kind: 'exponential-delay',
  initialMs: 1_000,
  maxMs: 4_000,
  multiplier: 1.5,
  resetAfterMs: 60_000,
  jitter: 0,
  attempts: undefined,
} as const

describe('restart policy', () => {
  it('never restarts with none', () => {
    assert.deepEqual(decide({ kind: 'none' }, [1]), ['no-restarts'])
  })

  it('restarts a fixed number of times', () => {
    assert.deepEqual(decide({ kind: 'fixed-delay', attempts: 3, delayMs: 7 }, [1, 2, 99_999_999, 99_999_999]), [
      7,
      7,
      7,
      'attempts-used-up',
    ])
  })

  it('restarts while failures are rare', () => {
    const options = { kind: 'failure-rate', maxFailures: 3, intervalMs: 100, delayMs: 5 } as const
    assert.deepEqual(decide(options, [0, 50, 100]), [5, 5, 'too-many-failures'], 'the interval has both its ends')
    assert.deepEqual(decide(options, [0, 50, 101, 150]), [5, 5, 5, 'too-many-failures'])
    assert.deepEqual(decide(options, [0, 50, 101, 151, 202]), [5, 5, 5, 5, 5])
    assert.deepEqual(decide({ ...options, maxFailures: 1 }, [0]), ['too-many-failures'], 'the first failure is one too many')
  })

  it('waits longer with every failure, up to a limit, and starts over after a long quiet', () => {
    assert.deepEqual(decide(exponential, [0, 2_000, 4_000, 8_000, 16_000, 20_000]), [1_000, 1_500, 2_250, 3_375, 4_000, 4_000])
    assert.deepEqual(decide(exponential, [0, 2_000, 3_500 + 59_999, 3_500 + 59_999 + 2_250 + 60_000]), [1_000, 1_500, 2_250, 1_000])
  })

  it('ends after so many in a row, counted from the last long quiet', () => {
    assert.deepEqual(decide({ ...exponential, attempts: 2 }, [0, 1, 2]), [1_000, 1_500, 'attempts-used-up'])
    assert.deepEqual(decide({ ...exponential, attempts: 2 }, [0, 1, 100_000, 100_001, 100_002]), [
      1_000,
      1_500,
      1_000,
      1_500,
      'attempts-used-up',
    ])
  })

  it('spreads the delay, within the limit', () => {
    const at = (random: number): number | string => outcome(new RestartPolicy({ ...exponential, jitter: 0.1 }).decide(failure(0, random)))
    assert.deepEqual([at(0), at(0.5), at(0.999_999)], [900, 1_000, 1_100])
    const policy = new RestartPolicy({ ...exponential, jitter: 0.1 })
    const lowest = Array.from({ length: 9 }, (_, index) => outcome(policy.decide(failure(index, 0))))
    assert.equal(lowest.at(-1), 3_600, 'the spread is around the limit, not around what was never waited')
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5_000), fc.double({ min: 0, max: 0.999, noNaN: true })), { maxLength: 50 }), (failures) => {
        const policy = new RestartPolicy({ ...exponential, jitter: 1 })
        let atMs = 0
        for (const [gapMs, random] of failures) {
          atMs += gapMs
          const decision = policy.decide(failure(atMs, random))
          assert.ok(decision.kind === 'restart' && decision.delayMs >= 0 && decision.delayMs <= 4_000)
          atMs += decision.delayMs
        }
        assert.equal(policy.restarts, failures.length)
      }),
      { numRuns: 50 },
    )
  })

  it('does not try again what cannot be mended', () => {
    const policy = new RestartPolicy(exponential)
    assert.deepEqual(policy.decide({ atMs: 0, recoverable: false, random: 0 }), { kind: 'give-up', reason: 'not-recoverable' })
    assert.deepEqual(policy.decide(failure(1)), { kind: 'restart', delayMs: 1_000, restart: 1 })
  })

  it('reads the options, and chooses by checkpointing where none is named', () => {
    const options = (strategy: string | undefined, interval: number | undefined): EngineOptions =>
      ({
        checkpointing: { interval },
        restart: {
          strategy,
          fixedDelay: { attempts: 1, delay: 2 },
          failureRate: { maxFailures: 3, interval: 4, delay: 5 },
          exponentialDelay: { initial: 6, max: 7, multiplier: 8, resetAfter: 9, jitter: 0.1, attempts: undefined },
        },
      }) as unknown as EngineOptions
    assert.deepEqual(restartOptions(options(undefined, undefined)), { kind: 'none' })
    assert.equal(restartOptions(options(undefined, 1_000)).kind, 'exponential-delay')
    assert.deepEqual(restartOptions(options('none', 1_000)), { kind: 'none' })
    assert.deepEqual(restartOptions(options('fixed-delay', undefined)), { kind: 'fixed-delay', attempts: 1, delayMs: 2 })
    assert.deepEqual(restartOptions(options('failure-rate', undefined)), {
      kind: 'failure-rate',
      maxFailures: 3,
      intervalMs: 4,
      delayMs: 5,
    })
    assert.deepEqual(restartOptions(options('exponential-delay', undefined)), {
      kind: 'exponential-delay',
      initialMs: 6,
      maxMs: 7,
      multiplier: 8,
      resetAfterMs: 9,
      jitter: 0.1,
      attempts: undefined,
    })
  })
})
