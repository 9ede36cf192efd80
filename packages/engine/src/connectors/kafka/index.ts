/** Sources and sinks of any cluster that speaks Kafka's protocol. */
export type { KafkaClusterOptions } from './cluster.ts'
export type { Sasl, SaslMechanism, Security, SecurityProtocol, Ssl } from '@millrace/log/client'
