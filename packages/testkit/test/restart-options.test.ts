// What each restart strategy, and each of its options, does to a job that fails.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, discard, generator, type Environment, type Job } from '@millrace/engine'
import { engineError } from '../../engine/src/errors.ts'
import { VirtualMachine } from './virtual-job.ts'

type Strategy = NonNullable<Environment['restart']['strategy']>

/** Fails `failures` times, `afterMs` after each start; then ends. */
function failing(failures: number, strategy?: Strategy, afterMs = 5): Job {
  let left = failures
  return defineJob('fails', (env) => {
    if (strategy !== undefined) env.restart.strategy = strategy
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000, count: afterMs + 2 }), { uid: 'numbers' })
      .map((n) => {
        if (n === afterMs && left-- > 0) throw new Error('again')
        return n
      })
      .sinkTo(discard())
  })
}

interface Outcome {
  readonly state: string
  /** Delays before the restarts. */
  readonly delays: readonly number[]
  /** From each failure to the next start, as it was. */
  readonly waited: readonly number[]
}

async function outcome(job: Job, file: object): Promise<Outcome> {
  const run = new VirtualMachine().start(job, { file })
  const { state } = await run.end()
  const restarts = run.of('restarting')
  const starts = run.of('started').slice(1)
  return {
    state,
    delays: restarts.map(({ delayMs }) => delayMs),
    waited: starts.map(({ timeMs }, index) => timeMs - restarts[index]!.timeMs),
  }
}

const states = async (job: Job, restart: object): Promise<string> => {
  const { state, delays } = await outcome(job, { restart })
  return `${state} ${delays.join(',')}`.trimEnd()
}

/** Throws this at its first record, once. */
function throwing(error: Error): Job {
  let thrown = false
  return defineJob('throws', (env) => {
    env.restart.strategy = { kind: 'fixed-delay', attempts: 3, delay: 1 }
    env
      .fromCollection([1, 2])
      .map((n) => {
        if (thrown) return n
        thrown = true
        throw error
      })
      .sinkTo(discard())
  })
}

describe('what no restart can mend', () => {
  it('ends the job whatever the strategy: the error says so', async () => {
    const lost = engineError('KAFKA_SINK_TRANSACTION_LOST', { checkpointId: 3 })
    assert.ok(lost.final)
    assert.equal(await states(throwing(lost), {}), 'failed')
    assert.equal(await states(throwing(new Error('wrapped', { cause: lost })), {}), 'failed')
    const passing = engineError('KAFKA_SINK_FENCED', { problem: 'p' })
    assert.equal(passing.final, false)
    assert.equal(await states(throwing(passing), {}), 'finished 1')
  })
})

describe('restart options', () => {
  it('option: restart.strategy: each does what it says, and code goes before millrace.yaml', async () => {
    assert.equal(await states(failing(1), { strategy: 'none' }), 'failed')
    assert.equal(await states(failing(1), { strategy: 'fixed-delay' }), 'finished 1000')
    assert.equal(await states(failing(1), { strategy: 'failure-rate', failureRate: { maxFailures: 2 } }), 'finished 1000')
    assert.equal(await states(failing(3), { strategy: 'exponential-delay', 'exponentialDelay.jitter': 0 }), 'finished 1000,1500,2250')
    for (const strategy of ['off', 'disable', false]) assert.equal(await states(failing(1), { strategy }), 'failed')
    assert.equal(await states(failing(1, 'off'), { strategy: 'fixed-delay' }), 'failed')
    assert.equal(await states(failing(1, 'none'), { strategy: 'fixed-delay' }), 'failed')
    assert.equal(await states(failing(1, { kind: 'fixed-delay', delay: 7 }), { strategy: 'none' }), 'finished 7')
    assert.equal(await states(failing(1, { kind: 'failure-rate', maxFailures: 2, delay: 8 }), { strategy: 'none' }), 'finished 8')
    assert.equal(await states(failing(1, { kind: 'exponential-delay', initial: 9, jitter: 0 }), { strategy: 'none' }), 'finished 9')
  })

  it('without a strategy a job restarts if it takes checkpoints', async () => {
    assert.equal((await outcome(failing(1), {})).state, 'failed')
    const { state, delays } = await outcome(failing(1), { checkpointing: { interval: '10ms' } })
    assert.equal(state, 'finished')
    assert.ok(delays.length === 1 && delays[0]! >= 900 && delays[0]! <= 1_100, String(delays))
  })

  it('option: restart.fixedDelay.attempts: so many restarts, and the next failure ends the job', async () => {
    const strategy = 'fixed-delay'
    assert.equal(await states(failing(3), { strategy, fixedDelay: { attempts: 2, delay: '1ms' } }), 'failed 1,1')
    assert.equal(await states(failing(3), { strategy, fixedDelay: { attempts: 3, delay: '1ms' } }), 'finished 1,1,1')
  })

  it('option: restart.fixedDelay.delay: so long after each failure', async () => {
    const { waited } = await outcome(failing(2), { restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 2, delay: '10s' } } })
    assert.ok(waited.length === 2 && waited.every((ms) => ms >= 10_000 && ms < 10_010), String(waited))
  })

  it('option: restart.failureRate.maxFailures: so many in an interval end the job', async () => {
    const failureRate = { delay: '1ms', interval: '1m' }
    assert.equal(await states(failing(3), { strategy: 'failure-rate', failureRate: { ...failureRate, maxFailures: 3 } }), 'failed 1,1')
    assert.equal(await states(failing(3), { strategy: 'failure-rate', failureRate: { ...failureRate, maxFailures: 4 } }), 'finished 1,1,1')
    assert.equal(await states(failing(1), { strategy: 'failure-rate' }), 'failed', 'the default allows none')
  })

  it('a job that is given up says what the strategy had counted', async () => {
    const givenUp = async (job: Job, restart: object): Promise<string | undefined> => {
      const result = await new VirtualMachine().start(job, { file: { restart } }).end()
      return result.state === 'failed' ? result.failure.givenUp : result.state
    }
    const failureRate = { maxFailures: 3, interval: '5m' }
    const rate = '3 failures within 5m (restart.failureRate.maxFailures)'
    assert.equal(await givenUp(failing(3), { strategy: 'failure-rate', failureRate }), rate)
    assert.equal(await givenUp(failing(1), { strategy: 'failure-rate' }), '1 failure within 1m (restart.failureRate.maxFailures)')
    assert.equal(await givenUp(failing(2), { strategy: 'fixed-delay' }), 'after 1 restart (restart.fixedDelay.attempts)')
    const exponentialDelay = { attempts: 2 }
    const inRow = 'after 2 restarts in a row (restart.exponentialDelay.attempts)'
    assert.equal(await givenUp(failing(3), { strategy: 'exponential-delay', exponentialDelay }), inRow)
    assert.equal(await givenUp(failing(1), { strategy: 'none' }), undefined)
  })

  it('option: restart.failureRate.interval: what is longer ago does not count', async () => {
    const after = (interval: string): Promise<string> =>
      states(failing(3, undefined, 50), { strategy: 'failure-rate', failureRate: { delay: '1ms', interval, maxFailures: 2 } })
    assert.equal(await after('1s'), 'failed 1')
    assert.equal(await after('20ms'), 'finished 1,1,1')
  })

  it('option: restart.failureRate.delay: so long after each failure', async () => {
    const { waited } = await outcome(failing(1), { restart: { strategy: 'failure-rate', failureRate: { maxFailures: 2, delay: '3s' } } })
    assert.ok(waited.length === 1 && waited[0]! >= 3_000 && waited[0]! < 3_010, String(waited))
  })

  const exponential = (more: object): object => ({
    strategy: 'exponential-delay',
    exponentialDelay: { jitter: 0, initial: '100ms', ...more },
  })

  it('option: restart.exponentialDelay.initial: the first delay', async () => {
    assert.equal(await states(failing(1), exponential({ initial: '40ms' })), 'finished 40')
  })

  it('option: restart.exponentialDelay.multiplier: what it grows by', async () => {
    assert.equal(await states(failing(3), exponential({ multiplier: 3 })), 'finished 100,300,900')
  })

  it('option: restart.exponentialDelay.max: and how far', async () => {
    assert.equal(await states(failing(4), exponential({ multiplier: 2, max: '300ms' })), 'finished 100,200,300,300')
  })

  it('option: restart.exponentialDelay.resetAfter: after so long a quiet it begins anew', async () => {
    assert.equal(await states(failing(3, undefined, 80), exponential({ multiplier: 2, resetAfter: '1h' })), 'finished 100,200,400')
    assert.equal(await states(failing(3, undefined, 80), exponential({ multiplier: 2, resetAfter: '50ms' })), 'finished 100,100,100')
  })

  it('option: restart.exponentialDelay.attempts: so many in a row', async () => {
    assert.equal(await states(failing(3), exponential({ attempts: 2, multiplier: 1 })), 'failed 100,100')
    assert.equal(await states(failing(3), exponential({ multiplier: 1 })), 'finished 100,100,100')
  })

  it('option: restart.exponentialDelay.jitter: delays differ by up to that share', async () => {
    const { delays } = await outcome(failing(8), { restart: exponential({ multiplier: 1, jitter: 0.5 }) })
    assert.ok(new Set(delays).size > 4 && delays.every((ms) => ms >= 50 && ms <= 150), String(delays))
    assert.ok(delays.some((ms) => ms < 90 || ms > 110))
  })
})
