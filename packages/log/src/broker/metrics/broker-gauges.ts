/** What there is in a broker at the moment somebody looks. */
import type { MetricSnapshot } from '@millrace/core'
import { resolve } from 'node:path'
import type { LogDirectories, PartitionLog } from '../../storage/index.ts'
import type { FetchSessionCache } from '../apis/data/fetch-session-cache.ts'
import type { RequestBudget } from '../network/request-budget.ts'
import type { Partition } from '../topics/partition.ts'
import { coordinatorGauges } from './coordinator-gauges.ts'
import { counterSnapshot, gaugeSnapshot } from './snapshots.ts'

export interface GaugeSources {
  readonly partitions: () => Iterable<Partition>
  readonly directories: LogDirectories
  readonly fetchSessions: FetchSessionCache
  readonly budget: RequestBudget
  readonly coordinators: Parameters<typeof coordinatorGauges>
  /** Connections that wait for their turn. */
  readonly waitingConnections: () => number
  /** Connections by the name of their listener. */
  readonly connections: () => Iterable<readonly [listener: string, count: number]>
}

export function brokerGauges(sources: GaugeSources): MetricSnapshot[] {
  const partitions = Array.from(sources.partitions(), ({ log }) => log)
  const topics = new Set(partitions.map(({ partition }) => partition.topic))
  const logs = partitions.filter(({ offline }) => offline === undefined)
  const producers = logs.reduce((count, log) => count + log.producerCount, 0)
  return [
    gaugeSnapshot('kafka_server_kafkaserver_brokerstate', 'State of the broker; 3: it runs.', 3),
    gaugeSnapshot('kafka_controller_kafkacontroller_activecontrollercount', 'Whether this broker is the controller.', 1),
    gaugeSnapshot('kafka_controller_kafkacontroller_globaltopiccount', 'Topics.', topics.size),
    gaugeSnapshot('kafka_controller_kafkacontroller_globalpartitioncount', 'Partitions.', partitions.length),
    gaugeSnapshot(
      'kafka_controller_kafkacontroller_offlinepartitionscount',
      'Partitions without a leader.',
      partitions.length - logs.length,
    ),
    gaugeSnapshot('kafka_server_replicamanager_partitioncount', 'Partitions of this broker.', partitions.length),
    gaugeSnapshot('kafka_server_replicamanager_leadercount', 'Partitions that this broker leads.', logs.length),
    gaugeSnapshot(
      'kafka_server_replicamanager_offlinereplicacount',
      'Replicas whose directory has failed.',
      partitions.length - logs.length,
    ),
    gaugeSnapshot('kafka_server_replicamanager_underreplicatedpartitions', 'Partitions that lack a replica in sync.', 0),
    ...directoryGauges(sources.directories),
    ...logs.flatMap(logGauges),
    gaugeSnapshot('kafka_server_replicamanager_produceridcount', 'Producers that partitions know, each counted where it wrote.', producers),
    ...coordinatorGauges(...sources.coordinators),
    ...sessionMetrics(sources.fetchSessions),
    gaugeSnapshot('kafka_network_socketserver_memorypoolused', 'Bytes of requests under way.', sources.budget.takenBytes),
    gaugeSnapshot('millrace_connections_waiting', 'Connections that wait at max.connections or its rate.', sources.waitingConnections()),
    ...[...sources.connections()].map(([listener, count]) =>
      gaugeSnapshot('kafka_server_socket_server_metrics_connection_count', 'Connections.', count, { listener }),
    ),
  ]
}

function directoryGauges({ opened, lost, offlineCount }: LogDirectories): MetricSnapshot[] {
  const gauges = [gaugeSnapshot('kafka_log_logmanager_offlinelogdirectorycount', 'Log directories that have failed.', offlineCount)]
  const of = (path: string, isOffline: boolean, isFull: boolean): void => {
    const labels = { logDirectory: resolve(path) }
    gauges.push(gaugeSnapshot('kafka_log_logmanager_logdirectoryoffline', 'Whether a log directory has failed.', isOffline ? 1 : 0, labels))
    const help = 'Whether a log directory has refused a write for lack of space, and has not been written to since.'
    gauges.push(gaugeSnapshot('millrace_log_directory_full', help, isFull ? 1 : 0, labels))
  }
  for (const { path, offline, isFull } of opened) of(path, offline !== undefined, isFull)
  for (const { path } of lost) of(path, true, false)
  return gauges
}

function logGauges(log: PartitionLog): MetricSnapshot[] {
  const labels = { topic: log.partition.topic, partition: String(log.partition.partition) }
  return [
    gaugeSnapshot('kafka_log_log_size', 'Bytes of a partition.', log.sizeBytes, labels),
    gaugeSnapshot('kafka_log_log_logstartoffset', 'First offset of a partition.', log.logStartOffset, labels),
    gaugeSnapshot('kafka_log_log_logendoffset', 'Offset of the next record of a partition.', log.logEndOffset, labels),
    gaugeSnapshot('kafka_log_log_numlogsegments', 'Segments of a partition.', log.segmentCount, labels),
  ]
}

function sessionMetrics({ size, partitionCount, evictionCount }: FetchSessionCache): MetricSnapshot[] {
  return [
    gaugeSnapshot('kafka_server_fetchsessioncache_numincrementalfetchsessions', 'Fetch sessions.', size),
    gaugeSnapshot(
      'kafka_server_fetchsessioncache_numincrementalfetchpartitionscached',
      'Partitions of all fetch sessions.',
      partitionCount,
    ),
    counterSnapshot('kafka_server_fetchsessioncache_incrementalfetchsessionevictions', 'Fetch sessions that gave way.', evictionCount),
  ]
}
