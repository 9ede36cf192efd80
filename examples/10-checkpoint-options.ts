// How often each word came over a socket, to the terminal and to a topic, with the options of checkpoints that a tutorial has, written out. What is the
// default anyway is said beside it; docs/reference/checkpoints.md has all options.
//
//   nc -lk 9999                                        (in another terminal: type words)
//   millrace run examples/10-checkpoint-options.ts --param brokers=localhost:9092
//
// The same can stand in millrace.yaml, under `checkpointing:`; what the job says goes before it. The interval, the pause, the timeout and the numbers can be
// changed while it runs: `millrace config word-count-options checkpointing.interval=10s`.
import { defineJob, print, socketText, type Stream } from 'millrace'
import { kafkaSink, string } from 'millrace/kafka'

export const params = { host: '127.0.0.1', port: 9_999, brokers: '127.0.0.1:9092', topic: 'word-counts', dir: '.millrace/tutorial' }

export function countsOf(lines: Stream<string>): Stream<string> {
  return lines
    .flatMap((line) => line.split(/\s+/).filter((word) => word !== ''))
    .keyBy((word) => word)
    .count()
    .uid('count-per-word')
    .map(({ key, count }) => `${key}:::${count}`)
}

export default defineJob('word-count-options', { params }, (env, { host, port, brokers, topic, dir }) => {
  // A checkpoint begins every second.
  env.checkpointing.interval = 1_000
  // Where they are kept: a folder, as here; `hdfs://node1:8020/checkpoints` and `s3://bucket/checkpoints` are fine too. With `storage: 'memory'`, nowhere.
  env.checkpointing.storage = { dir }
  // State is live objects while the job runs. The default; 'rocksdb' is for more than fits into memory.
  env.checkpointing.backend = 'heap'
  // At least half a second from the end of one to the start of the next. Default: 0.
  env.checkpointing.minPause = 500
  // Ten that fail in a row do not fail the job. Default: 0.
  env.checkpointing.tolerableFailures = 10
  // What is left stays when the job is cancelled. Default: it is deleted.
  env.checkpointing.retainOnCancel = true
  // Each word counts once after a failure. The default; the other mode is 'at-least-once'.
  env.checkpointing.mode = 'exactly-once'
  // What takes longer than a minute is given up. Default: ten minutes.
  env.checkpointing.timeout = 60_000
  // One at a time. The default.
  env.checkpointing.maxConcurrent = 1

  const counts = countsOf(env.fromSource(socketText({ host, port }), { uid: 'words', parallelism: 1 }))
  counts.sinkTo(print({ prefix: '' })).uid('terminal')
  counts.sinkTo(kafkaSink({ brokers, topic, value: string() })).uid('topic')
})
