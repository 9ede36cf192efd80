/** Sources and sinks of any cluster that speaks Kafka's protocol. */
export type { KafkaClusterOptions } from './cluster.ts'
export type { Sasl, SaslMechanism, Security, SecurityProtocol, Ssl } from '@millrace/log/client'
export { kafkaSink, type KafkaSinkOptions } from './sink/kafka-sink.ts'
export type { RecordHeaders, RecordOptions } from './sink/records.ts'

export { kafkaSource } from './source/kafka-source.ts'
export type { EndAt, KafkaRecord, KafkaSourceOptions, OnPoison, PartitionOffsets, StartAt } from './source/options.ts'
export { isPoison, type PoisonRecord } from './source/poison.ts'
export {
  NotReady,
  nullable,
  type DeserializationContext,
  type Deserializer,
  type Format,
  type FormatOpening,
  type KafkaHeader,
  type ReadFormat,
  type SerializationContext,
  type Serializer,
  type WriteFormat,
} from './formats/format.ts'
export { csv, type CsvOptions } from './formats/csv.ts'
export { debezium, type Change } from './formats/debezium.ts'
export { bytes, json, string } from './formats/plain.ts'
export { avro, type AvroOptions } from './formats/registry/avro.ts'
export { jsonSchema, type JsonSchemaOptions } from './formats/registry/json-schema.ts'
export { protobuf, type ProtobufOptions } from './formats/registry/protobuf.ts'
export type { RegistryFormatOptions } from './formats/registry/registry-format.ts'
export {
  SchemaRegistry,
  type RegisteredSchema,
  type SchemaReference,
  type SchemaRegistryOptions,
  type SchemaType,
} from './formats/registry/schema-registry.ts'
export { withSchema } from './formats/schema.ts'
