// What is misspelled or makes no sense is refused where the job is built, by name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testAuthority } from '@millrace/testkit'
import { buildJob } from '../../api/build-job.ts'
import { defineJob } from '../../api/job.ts'
import { webhookSink, type RefusedRequest } from '../http/index.ts'
import { postgresSink } from '../postgres/index.ts'
import type { Sink } from '../sink.ts'
import { avro, csv, json, jsonSchema, kafkaSink, kafkaSource, protobuf, SchemaRegistry, string, type KafkaSinkOptions } from './index.ts'

const source = { brokers: 'h:1', topics: 'orders', value: string() }
const sink = { brokers: 'h:1', topic: 'orders', value: string() }
const table = { table: 't', columns: ['a'] }
const registry = { url: 'http://h' }

function refused(make: (options: never) => unknown, options: object, message: RegExp): void {
  assert.throws(() => make(options as never), { message, code: /CONNECTOR_OPTION_INVALID|ARGUMENT_INVALID/ })
}

void test('what is right is taken', () => {
  kafkaSource({ ...source, fetch: { minBytes: 0, sessions: false }, startAt: { offsets: { orders: [1] }, otherwise: 'latest' } })
  kafkaSource({ ...source, metadata: true, key: string(), endAt: { timestampMs: 1 }, startAt: { committedOr: 'latest' }, groupId: 'g' })
  kafkaSource({ ...source, topics: undefined!, topicPattern: /o.*/, startAt: { offsets: { orders: { 0: 1 } } } })
  kafkaSink({ ...sink, compression: 'zstd', compressionLevel: 3, batchBytes: 1, keyFormat: string(), key: () => 'k' })
  const sasl = { mechanism: 'PLAIN', username: 'u', password: 'p' } as const
  kafkaSink({ ...sink, security: { protocol: 'SASL_SSL', sasl, ssl: { ca: testAuthority().certificate } } })
  kafkaSource({ ...source, value: () => 1, security: { protocol: 'SASL_PLAINTEXT', sasl: { mechanism: 'OAUTHBEARER', token: () => 't' } } })
  postgresSink({ ...table, tls: { ca: 'c' } } as never)
  assert.ok(new SchemaRegistry({ url: ['http://a'], auth: { token: 't' } }))
  avro({ registry, schema: '"string"', long: 'bigint' })
})

void test('a name that there is not is refused with the nearest one, at any depth', () => {
  for (const [make, options] of [
    [kafkaSource, source],
    [kafkaSink, sink],
    [postgresSink, table],
    [csv, { columns: ['a'] }],
    [avro, { registry }],
    [protobuf, { registry }],
    [jsonSchema, { registry }],
  ] as const) {
    refused(make, { ...options, zzzzzzzz: 1 }, new RegExp(`${make.name}: option zzzzzzzz is none that it has`))
    refused(make, undefined as never, /an object of options/)
  }
  refused(kafkaSink, { ...sink, security: { protocol: 'SSL', ssl: { ca: 'c' } } }, /option security\.ssl must have .* as PEM/)
  refused(kafkaSource, { ...source, startFrom: 'latest' }, /option startFrom is none that it has/)
  refused(kafkaSource, { ...source, topic: 'orders' }, /option topic is none that it has; did you mean topics\?/)
  refused(
    kafkaSource,
    { ...source, startAt: { timestamp: 1 } },
    /option startAt\.timestamp is none that there is; did you mean timestampMs\?/,
  )
  refused(kafkaSource, { ...source, startAt: { offsets: {}, otherwize: 'latest' } }, /startAt\.otherwize .*; did you mean otherwise\?/)
  refused(kafkaSource, { ...source, endAt: { offsets: {}, otherwise: 'latest' } }, /endAt\.otherwise is none/)
  refused(kafkaSource, { ...source, endAt: null }, /endAt is null/)
  refused(kafkaSource, { ...source, fetch: { minBites: 1 } }, /fetch\.minBites .*; did you mean minBytes\?/)
  refused(kafkaSource, { ...source, fetch: { isolation: 'read_committed' } }, /fetch\.isolation is none/)
  refused(kafkaSink, { ...sink, acks: 'all' }, /option acks is none/)
  refused(kafkaSink, { ...sink, transactionTimeoutMs: 1 }, /; did you mean transactionTimeout\?/)
  refused(kafkaSink, { ...sink, security: { protocol: 'SSL', tls: {} } }, /security\.tls is none that there is: protocol, ssl, sasl/)
  refused(
    kafkaSink,
    { ...sink, security: { protocol: 'SSL', ssl: { rejectUnauthorized: false } } },
    /security\.ssl\.rejectUnauthorized is none/,
  )
  const sasl = { mechanism: 'PLAIN', user: 'u', password: 'p' }
  refused(
    kafkaSink,
    { ...sink, security: { protocol: 'SASL_SSL', sasl } },
    /security\.sasl\.user is none that there is: mechanism, username, password/,
  )
  refused(kafkaSink, { ...sink, config: { 'sasl.mechanisms': 'PLAIN' } }, /sasl\.mechanism/)
  refused(postgresSink, { ...table, tls: { rejectUnauthorized: false } }, /postgresSink: option tls\.rejectUnauthorized is none/)
  refused(postgresSink, { ...table, key: ['a'] }, /; did you mean keys\?/)
  refused((given: never) => new SchemaRegistry(given), { uri: 'http://h' }, /option uri is none that it has; did you mean url\?/)
  refused((given: never) => new SchemaRegistry(given), { ...registry, auth: { user: 'u', password: 'p' } }, /auth\.user is none .*username/)
  refused(avro, { registry, references: [{ name: 'n', subjekt: 's', version: 1 }] }, /references\[0\]\.subjekt .*; did you mean subject\?/)
})

void test('what makes no sense is refused', () => {
  refused(kafkaSource, { ...source, value: json }, /option value is the function json itself: call it, json\(\)/)
  refused(kafkaSink, { ...sink, value: json }, /option value is the function json itself/)
  refused(kafkaSource, { ...source, topics: undefined, topicPattern: '(' }, /option topicPattern is none: Invalid regular expression/)
  refused(kafkaSource, { ...source, topics: undefined, topicPattern: ['a'] }, /option topicPattern must be a RegExp, or text/)
  refused(kafkaSource, { ...source, value: { serialize: String } }, /option value has no deserialize/)
  refused(kafkaSource, { ...source, value: undefined }, /option value is missing/)
  refused(kafkaSource, { ...source, key: string() }, /option key has no use without metadata: true/)
  refused(kafkaSource, { ...source, brokers: 9092 }, /option brokers is 9092/)
  refused(
    kafkaSource,
    { ...source, startAt: { offsets: { ordres: [1] } } },
    /names the topic ordres, which is not read; did you mean orders\?/,
  )
  refused(kafkaSource, { ...source, endAt: { offsets: { orders: { first: 1 } } } }, /names first in orders, which is no partition/)
  refused(kafkaSource, { ...source, startAt: { offsets: { orders: 5 } } }, /must have offsets by partition for orders/)
  refused(kafkaSource, { ...source, fetch: { maxBytes: '1MB' } }, /fetch\.maxBytes is 1MB/)
  refused(kafkaSource, { ...source, config: { 'request.timeout.ms': 5 } }, /config\['request\.timeout\.ms'\] is 5, and must be text/)
  refused(kafkaSink, { ...sink, compression: 'lz5' }, /compression is lz5: one of/)
  refused(kafkaSink, { ...sink, compression: 'gzip', compressionLevel: 20 }, /compressionLevel is 20, not a number from -?\d+ to 9/)
  refused(kafkaSink, { ...sink, compression: 'lz4', compressionLevel: 3 }, /compressionLevel has no use with compression lz4/)
  refused(kafkaSink, { ...sink, batchBytes: -1 }, /batchBytes is -1/)
  refused(kafkaSink, { ...sink, clientId: 5 }, /option clientId must be text, and is 5/)
  refused(kafkaSink, { ...sink, transactionalIdPrefix: 5 }, /option transactionalIdPrefix must be text, and not empty/)
  refused(kafkaSink, { ...sink, transactionTimeout: '30d' }, /option transactionTimeout is 30d, and must be 1ms to \d+d/)
  refused(kafkaSink, { ...sink, deliveryTimeout: '0s' }, /option deliveryTimeout is 0s, and must be 1ms to/)
  refused(kafkaSink, { ...sink, linger: '60d' }, /option linger is 60d, and must be 0ms to/)
  refused(kafkaSink, { ...sink, key: 'id' }, /option key must be a function of the record/)
  refused(kafkaSink, { ...sink, topic: ['a'] }, /option topic must be a name/)
  refused(kafkaSink, { ...sink, security: { protocol: 'sasl_ssl' } }, /security\.protocol is sasl_ssl: one of PLAINTEXT/)
  refused(kafkaSink, { ...sink, security: { protocol: 'PLAINTEXT', ssl: {} } }, /security\.ssl has no use with the protocol PLAINTEXT/)
  refused(
    kafkaSink,
    { ...sink, security: { protocol: 'SASL_SSL', sasl: { mechanism: 'PLAIN', username: 'u' } } },
    /sasl\.password must be text/,
  )
  refused(csv, { columns: ['a', 'a'] }, /names a field twice/)
  refused(csv, { columns: ['a'], delimiter: '::' }, /delimiter is "::"/)
  refused(avro, {}, /option registry is missing/)
  refused(postgresSink, { ...table, keys: 'a' }, /keys must be a list of columns/)
})

void test('two sinks of a job cannot have one prefix of transactional ids on one cluster', () => {
  const build = (...sinks: readonly Partial<KafkaSinkOptions<string>>[]): unknown =>
    buildJob(
      defineJob('orders', (env) => {
        for (const options of sinks) env.fromCollection(['a']).sinkTo(kafkaSink<string>({ ...sink, ...options }))
      }),
    )
  const transactionalIdPrefix = 'p'
  const refusedTwo = {
    code: 'SINK_CLAIMED_TWICE',
    message: /"kafka sink" \(.*options\.test\.ts:\d+.*\) and "kafka sink" \(.* transactionalIdPrefix "p" on h:1/,
  }
  assert.throws(() => build({ transactionalIdPrefix }, { transactionalIdPrefix, topic: 'others' }), refusedTwo)
  assert.throws(() => build({ transactionalIdPrefix }, { transactionalIdPrefix, brokers: ['g:1', 'PLAINTEXT://h:1'] }), refusedTwo)
  assert.throws(() => build({ transactionalIdPrefix, brokers: 'g:1, h:1' }, { transactionalIdPrefix }), refusedTwo)
  build({}, {})
  build({ transactionalIdPrefix }, { transactionalIdPrefix: 'q' })
  build({ transactionalIdPrefix }, { transactionalIdPrefix, brokers: 'g:1' })
  build({ transactionalIdPrefix }, { transactionalIdPrefix, delivery: 'at-least-once' })
})

void test('a Kafka sink that takes what a webhook refuses is held to what it would be held to by itself', () => {
  const dead = kafkaSink<RefusedRequest<string>>({ brokers: 'h:1', topic: 'dead', value: json(), transactionalIdPrefix: 'dead' })
  const webhook = (): Sink<string> => webhookSink<string>({ url: 'http://h', onRefused: dead })
  const build = (...sinks: readonly Sink<string>[]): unknown =>
    buildJob(
      defineJob('orders', (env) => {
        for (const each of sinks) env.fromCollection(['a']).sinkTo(each)
      }),
    )
  assert.throws(() => build(webhook(), webhook()), { code: 'SINK_CLAIMED_TWICE', message: /transactionalIdPrefix "dead" on h:1/ })
  build(webhook(), webhookSink({ url: 'http://h', onRefused: 'skip' }))
  const tooSeldom = { intervalMs: 3_600_000, timeoutMs: 600_000 }
  assert.throws(() => webhook().checkCheckpoints?.(tooSeldom), { code: 'KAFKA_SINK_TIMEOUT_TOO_SHORT' })
})
