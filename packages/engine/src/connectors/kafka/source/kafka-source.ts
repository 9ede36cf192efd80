import type { Source } from '../../source.ts'
import type { ReadFormat } from '../formats/format.ts'
import { KafkaEnumerator } from './enumerator.ts'
import { sourceSettings, type KafkaRecord, type KafkaSourceOptions, type OnPoison } from './options.ts'
import type { PoisonRecord } from './poison.ts'
import { KafkaReader } from './reader.ts'

/** What becomes of poison records, in the type. */
type PoisonValue<P extends OnPoison> = P extends 'null' ? null : never
type PoisonEmitted<P extends OnPoison> = P extends 'emit' ? PoisonRecord : never

/**
 * Records of topics of a cluster that speaks Kafka's protocol.
 *
 * A partition is a split. Offsets are kept in checkpoints, which alone count; each partition's records come in order, exactly once. There is no group
 * membership: partitions are assigned, and never rebalanced while the job runs.
 *
 * Emits what the `value` format makes of each record; with `metadata: true`, whole records.
 *
 * ```ts
 * kafkaSource({ brokers: 'localhost:9092', topics: 'orders', value: json<Order>() })
 * kafkaSource({ brokers, topicPattern: /orders\..+/, key: string(), value: json(orderSchema), metadata: true, startAt: 'latest' })
 * ```
 *
 * Throws `CONNECTOR_OPTION_INVALID`. Fails with `KAFKA_POISON`, `KAFKA_OFFSET_LOST`, `KAFKA_TOPIC_DELETED`, `KAFKA_TOPIC_RECREATED`, `KAFKA_NO_TOPIC`,
 * `KAFKA_NOT_COMMITTED`, `KAFKA_NO_END`, and the client's `CLIENT_*`.
 */
export function kafkaSource<V, K = Uint8Array, P extends OnPoison = 'fail'>(
  options: KafkaSourceOptions<V> & {
    readonly metadata: true
    /** Makes a value of the record's key; bytes by default. Not called where there is no key. */
    readonly key?: ReadFormat<K>
    readonly onPoison?: P
  },
): Source<KafkaRecord<K, V | PoisonValue<P>> | PoisonEmitted<P>>
export function kafkaSource<V, P extends OnPoison = 'fail'>(
  options: KafkaSourceOptions<V> & { readonly metadata?: false; readonly onPoison?: P },
): Source<V | PoisonValue<P> | PoisonEmitted<P>>
export function kafkaSource(
  options: KafkaSourceOptions<unknown> & { readonly key?: ReadFormat<unknown>; readonly metadata?: boolean },
): Source<unknown> {
  const settings = sourceSettings(options)
  return {
    connector: 'kafka',
    replayable: true,
    bounded: settings.end !== undefined,
    createEnumerator: (context) => new KafkaEnumerator(context, settings),
    createReader: (context) => new KafkaReader(context, settings),
  }
}
