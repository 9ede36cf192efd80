// What happens to a job with a bug, with every restart strategy written out, beside the options of checkpoints that a tutorial has: type words, then "bug".
//
//   nc -lk 9999                                        (in another terminal)
//   millrace run examples/11-restart-strategies.ts --param strategy=failure-rate
//
// The same in millrace.yaml, for every job that does not say for itself:
//
//   restart:
//     strategy: fixed-delay
//     fixedDelay: { attempts: 3, delay: 10s }
import { defineJob, print, socketText, type RestartStrategy, type Stream } from 'millrace'

export const strategies: { readonly [name: string]: RestartStrategy } = {
  // The first failure is the end.
  none: { kind: 'none' },
  // Three restarts, each ten seconds after the failure.
  'fixed-delay': { kind: 'fixed-delay', attempts: 3, delay: '10s' },
  // The third failure within five minutes is the end; so there are at most two restarts in that time, each after ten seconds.
  'failure-rate': { kind: 'failure-rate', maxFailures: 3, interval: '5m', delay: '10s' },
  // As often as it takes, after a delay that grows; the default of a job that takes checkpoints.
  'exponential-delay': {
    kind: 'exponential-delay',
    initial: '1s',
    max: '1m',
    multiplier: 1.5,
    resetAfter: '1h',
    jitter: 0.1,
  },
}

export function countsOf(lines: Stream<string>): Stream<string> {
  return lines
    .flatMap((line) => {
      const words = line.split(/\s+/).filter((word) => word !== '')
      if (words.includes('bug')) throw new Error('a bug has been found')
      return words
    })
    .keyBy((word) => word)
    .count()
    .uid('count-per-word')
    .map(({ key, count }) => `${key} ${count}`)
}

const params = { host: '127.0.0.1', port: 9_999, strategy: 'fixed-delay', dir: '.millrace/tutorial' }

export default defineJob('restarts', { params }, (env, { host, port, strategy, dir }) => {
  const chosen = strategies[strategy]
  if (chosen === undefined) throw new Error(`there is no strategy ${strategy}: ${Object.keys(strategies).join(', ')}`)
  // What each of these does, and its default, is said in the example before this one.
  env.checkpointing.interval = '1s'
  env.checkpointing.storage = { dir }
  env.checkpointing.backend = 'heap'
  env.checkpointing.minPause = '500ms'
  env.checkpointing.tolerableFailures = 10
  env.checkpointing.retainOnCancel = true
  env.checkpointing.mode = 'exactly-once'
  env.checkpointing.timeout = '60s'
  env.checkpointing.maxConcurrent = 1
  env.restart.strategy = chosen
  countsOf(env.fromSource(socketText({ host, port }), { uid: 'words', parallelism: 1 }))
    .sinkTo(print({ prefix: '' }))
    .uid('counts')
})
