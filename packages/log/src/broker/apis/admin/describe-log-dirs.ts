/** DescribeLogDirs 1 to 4: the one log directory, and what lies in it. */
import { statfs } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import type { Partition } from '../../topics/partition.ts'

type Wanted = ApiRequest<'DescribeLogDirs'>['topics']
type Directory = ApiResponseToSend<'DescribeLogDirs'>['results'][number]

export const describeLogDirs: ApiHandler<'DescribeLogDirs'> = {
  name: 'DescribeLogDirs',
  async handle({ topics }, context) {
    if (!context.allows('Describe', 'Cluster', CLUSTER_NAME)) {
      return { throttleTimeMs: 0, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED, results: [] }
    }
    const [directory = '.'] = context.broker.config.get('log.dirs') ?? []
    const logDir = resolve(directory)
    return {
      throttleTimeMs: 0,
      errorCode: ERROR_CODE.NONE,
      results: [{ errorCode: ERROR_CODE.NONE, logDir, ...(await space(logDir)), topics: contents(topics, context) }],
    }
  },
}

function contents(wanted: Wanted, { broker }: RequestContext): Directory['topics'] {
  const all =
    wanted === null
      ? Array.from(broker.topics.all(), ({ name, partitions }) => ({ name, partitions }))
      : wanted.map(({ topic: name, partitions }) => ({ name, partitions: chosen(broker.topics.named(name)?.partitions ?? [], partitions) }))
  return all
    .filter(({ partitions }) => partitions.length > 0)
    .map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ index, log }) => ({
        partitionIndex: index,
        partitionSize: log.sizeBytes,
        offsetLag: 0,
        isFutureKey: false,
      })),
    }))
}

/** Of no partition in particular: all of them. */
function chosen(partitions: readonly Partition[], wanted: readonly number[]): readonly Partition[] {
  return wanted.length === 0 ? partitions : partitions.filter(({ index }) => wanted.includes(index))
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
