import type { Disk } from '@millrace/core'
import { logError } from '../../errors.ts'
import { readIfPresent, writeAtomically } from './atomic-file.ts'
import { formatProperties, parseProperties } from './properties.ts'

export const metaPropertiesName = 'meta.properties'

/** Whose a log directory is. Version 0 (with ZooKeeper) calls the broker `broker.id`, version 1 `node.id`. */
export interface MetaProperties {
  readonly version: 0 | 1
  readonly clusterId: string | undefined
  readonly brokerId: number | undefined
  readonly directoryId: string | undefined
}

/** Undefined if there is no such file: the directory is new. @throws `STORAGE_CORRUPT` */
export async function readMetaProperties(disk: Disk, path: string): Promise<MetaProperties | undefined> {
  const bytes = await readIfPresent(disk, path)
  if (bytes === undefined) return undefined
  const properties = parseProperties(Buffer.from(bytes).toString('utf8'))
  const version = properties.get('version')
  if (version !== '0' && version !== '1') throw logError('STORAGE_CORRUPT', { path, problem: `version ${version}` })
  const id = properties.get(version === '0' ? 'broker.id' : 'node.id')
  if (id !== undefined && !/^\d{1,10}$/.test(id)) throw logError('STORAGE_CORRUPT', { path, problem: `the broker id '${id}'` })
  return {
    version: version === '0' ? 0 : 1,
    clusterId: properties.get('cluster.id'),
    brokerId: id === undefined ? undefined : Number(id),
    directoryId: properties.get('directory.id'),
  }
}

export async function writeMetaProperties(disk: Disk, path: string, meta: MetaProperties): Promise<void> {
  const properties = new Map([['version', String(meta.version)]])
  if (meta.clusterId !== undefined) properties.set('cluster.id', meta.clusterId)
  if (meta.brokerId !== undefined) properties.set(meta.version === 0 ? 'broker.id' : 'node.id', String(meta.brokerId))
  if (meta.directoryId !== undefined) properties.set('directory.id', meta.directoryId)
  await writeAtomically(disk, path, Buffer.from(formatProperties(properties)))
}
