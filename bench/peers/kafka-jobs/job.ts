// Ours: from topic to topic, as `millrace run` runs it.
import { defineJob } from 'millrace'
import { bytes, json, kafkaSink, kafkaSource } from 'millrace/kafka'
import { outcomeOf, type Event, type Outcome } from './records.ts'

const params = { bootstrap: 'localhost:9092', from: 'from', to: 'to', mode: 'json', delivery: 'exactly-once', partitions: 2, end: 0 }

export default defineJob('kafka-jobs', { params }, (env, { bootstrap, from, to, mode, delivery, partitions, end }) => {
  if (delivery !== 'exactly-once' && delivery !== 'at-least-once') throw new Error(`no delivery ${delivery}`)
  const input = {
    brokers: bootstrap,
    topics: from,
    groupId: to,
    ...(end === 0 ? {} : { endAt: { offsets: { [from]: Array.from({ length: partitions }, () => end) } } }),
  }
  const output = { brokers: bootstrap, topic: to, delivery, transactionalIdPrefix: to } as const
  if (mode === 'json') {
    env
      .fromSource(kafkaSource({ ...input, value: json<Event>() }), { uid: 'from' })
      .map(outcomeOf)
      .sinkTo(kafkaSink({ ...output, value: json<Outcome>() }))
      .uid('to')
  } else {
    env
      .fromSource(kafkaSource({ ...input, value: bytes() }), { uid: 'from' })
      .sinkTo(kafkaSink({ ...output, value: bytes() }))
      .uid('to')
  }
})
