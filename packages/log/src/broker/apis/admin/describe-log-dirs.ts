/** DescribeLogDirs 1 to 4: the log directories, what lies in them, and what is on its way there. */
import { statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { LogDirectory } from '../../../storage/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'

type Wanted = ApiRequest<'DescribeLogDirs'>['topics']
type Directory = ApiResponseToSend<'DescribeLogDirs'>['results'][number]
type Replica = Directory['topics'][number]['partitions'][number]

export const describeLogDirs: ApiHandler<'DescribeLogDirs'> = {
  name: 'DescribeLogDirs',
  async handle({ topics }, context) {
    if (!context.allows('Describe', 'Cluster', CLUSTER_NAME)) {
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, results: [] }
    }
    const { opened, lost } = context.broker.directories
    const isWanted = wantedBy(topics)
    const results = await Promise.all(opened.map((directory) => describe(directory, isWanted, context)))
    return {
      throttleTimeMs: 0,
      errorCode: ERROR_CODE.NONE,
      results: [...results, ...lost.map(({ path }) => failed(path))],
    }
  },
}

type Predicate = (topic: string, partition: number) => boolean

/** Of no partition in particular: all of them. */
function wantedBy(wanted: Wanted): Predicate {
  if (wanted === null) return () => true
  const byTopic = new Map(wanted.map(({ topic, partitions }) => [topic, new Set(partitions)]))
  return (topic, partition) => {
    const partitions = byTopic.get(topic)
    return partitions !== undefined && (partitions.size === 0 || partitions.has(partition))
  }
}

function failed(path: string): Directory {
  return { errorCode: ERROR_CODE.KAFKA_STORAGE_ERROR, logDir: resolve(path), totalBytes: -1, usableBytes: -1, topics: [] }
}

async function describe(directory: LogDirectory, isWanted: Predicate, { broker }: RequestContext): Promise<Directory> {
  if (directory.offline !== undefined) return failed(directory.path)
  const logDir = resolve(directory.path)
  const topics = new Map<string, Replica[]>()
  const add = (topic: string, replica: Replica): void => {
    if (!isWanted(topic, replica.partitionIndex)) return
    const known = topics.get(topic)
    if (known === undefined) topics.set(topic, [replica])
    else known.push(replica)
  }
  for (const { name, partitions } of broker.topics.all()) {
    for (const { index, log } of partitions) {
      if (directory.log(log.partition) !== log) continue
      add(name, { partitionIndex: index, partitionSize: log.sizeBytes, offsetLag: 0, isFutureKey: false })
    }
  }
  for (const { place, partition, destination, future } of broker.topics.moves.all()) {
    if (destination !== directory) continue
    const offsetLag = Math.max(0, partition.log.logEndOffset - future.logEndOffset)
    add(place.topic, { partitionIndex: place.partition, partitionSize: future.sizeBytes, offsetLag, isFutureKey: true })
  }
  return {
    errorCode: ERROR_CODE.NONE,
    logDir,
    ...(await space(logDir)),
    topics: Array.from(topics, ([name, partitions]) => ({ name, partitions })),
  }
}

/** Of the file system; -1 where there is none, as with a log in memory. */
async function space(path: string): Promise<{ readonly totalBytes: number; readonly usableBytes: number }> {
  try {
    const { bsize, blocks, bavail } = await statfs(path)
    return { totalBytes: bsize * blocks, usableBytes: bsize * bavail }
  } catch {
    return { totalBytes: -1, usableBytes: -1 }
  }
}
